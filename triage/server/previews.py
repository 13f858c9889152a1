"""The grid's tiles from previews: the small pictures that packing drew, so that a tile costs one small read instead of ten decoded frames.

A consumer who fetched previews only sees tiles this way without having any frame.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Mapping
from typing import Any

from PIL import Image

from triage.config import Layout
from triage.crops import cut_patch
from triage.errors import BadFile
from triage.files import sha256_bytes
from triage.server.packed import open_shards
from triage.shards.reader import Previews
from triage.shards.strip import shown_of

__all__ = ["PreviewPictures", "squares_of"]


class PreviewPictures:
    """The previews of one data directory, opened again when their manifest changed."""

    def __init__(self, layout: Layout) -> None:
        self._shards = layout.shards
        self._lock = threading.Lock()
        self._opened: tuple[str, Previews | None] = ("", None)

    def stamp(self) -> str | None:
        """Changes when the previews do; None = there are none that can be read."""
        try:
            found = (self._shards / "previews" / "manifest.json").stat()
        except OSError:
            return None
        stamp = sha256_bytes(f"{found.st_mtime_ns}-{found.st_size}-{found.st_ino}".encode())[:16]
        with self._lock:
            if self._opened[0] != stamp:
                self._opened = stamp, self._open()
            return None if self._opened[1] is None else stamp

    def _open(self) -> Previews | None:
        try:
            open_shards(self._shards, "previews")
            previews = Previews(self._shards)
            previews.keys()  # reads manifest and index
        except BadFile:
            return None  # `triage verify` says why; the frames are used instead
        return previews

    def squares(self, key: str, details: Mapping[str, Any] | None, num_frames: int, size: int) -> list[Image.Image]:
        """The crops of `key`, `size` pixels a side, as its preview has them; where it has none, the whole frame that it shows.

        Empty = it has no preview that can be read.

        details: the content of details/<key>.json, which the preview was drawn from; it says how many crops there are.
        """
        previews = self._opened[1]
        try:
            picture = previews.preview(key) if previews is not None else None
            return [] if picture is None else squares_of(picture, len(shown_of(details, num_frames)), size)
        except (BadFile, OSError):  # Pillow says OSError for a picture that does not decode
            return []


def squares_of(picture: bytes, count: int, size: int) -> list[Image.Image]:
    """The first `count` crops in a preview, `size` pixels a side: two rows of squares at its right end (`triage.shards.strip`).

    With a count of 0 the whole frame that is all of it. Raises OSError when it does not decode; empty when it is too small for so many.
    """
    image = Image.open(io.BytesIO(picture), formats=("WEBP",)).convert("RGB")
    if count == 0:
        return [cut_patch(image, (0, 0, *image.size), size)]
    side, columns = image.height // 2, count if count < 2 else (count + 1) // 2
    left = image.width - columns * side
    if left < 0:
        return []
    places = [divmod(number, columns) for number in range(count)]
    corners = [(left + column * side, row * side) for row, column in places]
    return [cut_patch(image, (x, y, x + side, y + side), size) for x, y in corners]
