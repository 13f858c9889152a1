"""Sequences and their images, from whichever place has them: shards first (nothing is unpacked), else the loose store."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence as Seq
from dataclasses import dataclass

from triage.config import Layout
from triage.errors import BadFile, BadFrame
from triage.files import sha256_bytes
from triage.jpeg import check_frame
from triage.sequences import Sequence
from triage.server.cache import ByteCache
from triage.server.guarded import leads_out
from triage.store import META, Store

__all__ = ["FrameSet", "Frames"]

#: A sequence that is not in the remembered tree makes the store be walked again, but not more often than this.
_SECONDS_BETWEEN_WALKS = 15.0


@dataclass(frozen=True, slots=True)
class FrameSet:
    """One sequence with its frames' bytes, aligned with `sequence.frames`; one that cannot be shown is its error.

    sizes: (width, height) in pixels, None = cannot be shown. version: changes when the sequence does.
    """

    sequence: Sequence
    images: tuple[bytes | BadFile, ...]
    sizes: tuple[tuple[int, int] | None, ...]
    version: str

    @property
    def cost(self) -> int:
        """Bytes it holds."""
        return sum(len(image) for image in self.images if isinstance(image, bytes)) + 4096

    def image(self, index: int) -> bytes:
        """The JPEG of one frame (0-based). Raises BadFrame when it cannot be shown."""
        if not 0 <= index < len(self.images):
            raise BadFrame(f"{self.sequence.key}: expected a frame index from 0 to {len(self.images) - 1}, found {index}")
        image = self.images[index]
        if isinstance(image, BadFile):
            raise BadFrame(str(image)) from image
        return image


class Frames:
    """Every sequence that can be reached under one data directory. Bytes read lately are kept, `capacity` of them at most."""

    def __init__(self, layout: Layout, capacity: int) -> None:
        self._layout = layout
        self._store = Store(layout.sequences)
        self._cache: ByteCache[FrameSet] = ByteCache(capacity, lambda found: found.cost)
        self._walked = time.monotonic()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._store)

    def sequence(self, key: str) -> Sequence:
        """The sequence without its frames. Raises BadFile when it is nowhere, or its meta.json is damaged."""
        self._look(key)
        return self._store.sequence(key)

    def get(self, key: str) -> FrameSet:
        """The sequence and all its frames. Raises BadFile when it is nowhere, or its meta.json is damaged."""
        self._look(key)
        meta = self._store.directory(key) / META
        try:
            found = meta.stat()
        except OSError as error:
            raise BadFile(f"{key}: its meta.json cannot be read ({error.strerror}); pull it again") from error
        version = sha256_bytes(f"{found.st_mtime_ns}-{found.st_size}-{found.st_ino}".encode())[:16]
        return self._cache.get((key, version), lambda: self._read(key, version))

    def _look(self, key: str) -> None:
        """Walk the store again when it lacks `key`: another process may have pulled since."""
        if key in self._store:
            return
        with self._lock:
            if time.monotonic() - self._walked >= _SECONDS_BETWEEN_WALKS:
                self._store.refresh()
                self._walked = time.monotonic()
        if key not in self._store:
            raise BadFrame(f"{key}: its frames are not here; `triage fetch` or `triage unpack` brings them")

    def _read(self, key: str, version: str) -> FrameSet:
        directory = self._store.directory(key)
        if leads_out(directory / META, self._layout.sequences):
            raise BadFile(f"{key}: its directory is a link that leads out of the data directory")
        sequence = self._store.sequence(key)
        images: list[bytes | BadFile] = []
        for frame, image in zip(sequence.frames, self._store.frames(key), strict=True):
            if leads_out(directory / frame.file, self._layout.sequences):
                image = BadFrame(f"{key}: {frame.file}: a link that leads out of the data directory; pull it again")
            images.append(image)
        return frame_set(sequence, images, version)


def frame_set(sequence: Sequence, images: Seq[bytes | BadFile], version: str) -> FrameSet:
    """Check that each image is a whole JPEG; what is not becomes its error."""
    checked: list[bytes | BadFile] = []
    sizes: list[tuple[int, int] | None] = []
    for frame, image in zip(sequence.frames, images, strict=True):
        size = None
        if isinstance(image, bytes):
            try:
                size = check_frame(image, f"{sequence.key}: {frame.file}")
            except BadFrame as error:
                image = error
        checked.append(image)
        sizes.append(size)
    return FrameSet(sequence, tuple(checked), tuple(sizes), version)
