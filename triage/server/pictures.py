"""Pixels: shrink a frame, cut a crop, lay crops side by side. Pure: bytes in, bytes out; what a crop shows is `triage.crops`' rule."""

from __future__ import annotations

import io
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from typing import TypeVar

from PIL import Image

from triage.crops import crop_box_px, cut_patch, decode_rgb
from triage.errors import BadFrame
from triage.files import sha256_bytes
from triage.jpeg import check_frame

__all__ = ["Picture", "crop_of", "evenly", "shrunk", "side_by_side", "strip_of", "whole_frame"]

XYWH = tuple[float, float, float, float]
Item = TypeVar("Item")

_JPEG = "image/jpeg"
_QUALITY = 85
_STRIP_QUALITY = 80
_ETAG_LENGTH = 24


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded image with what HTTP wants to know of it. count: squares side by side; 1 for anything but a strip."""

    data: bytes
    media_type: str
    etag: str
    count: int = 1

    @classmethod
    def of(cls, data: bytes, media_type: str = _JPEG, count: int = 1) -> Picture:
        """A picture whose ETag is a digest of its bytes."""
        return cls(data, media_type, sha256_bytes(data)[:_ETAG_LENGTH], count)


def whole_frame(data: bytes, where: str) -> Picture:
    """The file as it is. Raises BadFrame when it is not a whole JPEG: what is served as an image must be one."""
    check_frame(data, where)
    return Picture.of(data)


def shrunk(data: bytes, width: int, where: str) -> Picture:
    """At most `width` pixels wide, the aspect kept; a narrower frame stays as it is. Raises BadFrame when it does not decode."""
    full_width, full_height = check_frame(data, where)
    if full_width <= width:
        return Picture.of(data)
    height = max(1, round(full_height * width / full_width))
    image = decode_rgb(data, where, at_least=(width, height))
    return Picture.of(_jpeg(image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0), _QUALITY))


def crop_of(data: bytes, window: XYWH, context_factor: float, size: int, where: str) -> Picture:
    """The square patch of `window` (cx, cy, w, h; normalised) with its context, `size` pixels a side. Raises BadFrame."""
    image = decode_rgb(data, where)
    return Picture.of(_jpeg(cut_patch(image, crop_box_px(window, image.size, context_factor), size), _QUALITY))


def strip_of(frames: Seq[tuple[bytes, XYWH | None]], context_factor: float, size: int, where: str) -> Picture:
    """One row of squares, `size` pixels a side: for each frame the crop of its window, or with None the whole frame between black bars.

    Frames that do not decode are left out. Raises BadFrame when none does.
    """
    squares, problem = [], BadFrame(f"{where}: no frame to show")
    for data, window in frames:
        try:
            image = decode_rgb(data, where, at_least=_enough(data, window, context_factor, size, where))
        except BadFrame as error:
            problem = error
            continue
        box = (0, 0, *image.size) if window is None else crop_box_px(window, image.size, context_factor)
        squares.append(cut_patch(image, box, size))
    if not squares:
        raise problem
    return side_by_side(squares)


def side_by_side(squares: Seq[Image.Image]) -> Picture:
    """Squares of one size in a row. squares: at least one."""
    size = squares[0].width
    strip = Image.new("RGB", (size * len(squares), size))
    for position, square in enumerate(squares):
        strip.paste(square, (position * size, 0))
    return Picture.of(_jpeg(strip, _STRIP_QUALITY), count=len(squares))


def evenly(items: Seq[Item], most: int) -> list[Item]:
    """At most `most` (2 or more) of `items` in their order, evenly spread, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    return [items[round(number * (len(items) - 1) / (most - 1))] for number in range(most)]


def _enough(data: bytes, window: XYWH | None, context_factor: float, size: int, where: str) -> tuple[int, int]:
    """How large the whole frame must be decoded for the crop to have `size` pixels a side. Raises BadFrame."""
    full = check_frame(data, where)
    x0, y0, x1, y1 = (0, 0, *full) if window is None else crop_box_px(window, full, context_factor)
    scale = min(1.0, size / max(x1 - x0, y1 - y0, 1))
    return max(1, int(full[0] * scale)), max(1, int(full[1] * scale))


def _jpeg(image: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()
