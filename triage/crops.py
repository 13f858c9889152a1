"""From a box to the patch the model looks at: decode, crop geometry, cut, resize. Pillow only, no torch, no I/O.

Here lies rule 9 of the model package (docs/model.md), so that previews and the server cut exactly what the model sees. What the network
does with a patch (normalisation, slots, masks) belongs to `triage.model`.
"""

from __future__ import annotations

import io
import struct

from PIL import Image

from triage.errors import BadFrame

__all__ = ["MAX_PIXELS", "PixelBox", "crop_box_px", "cut_patch", "decode_rgb", "fit_patch", "is_empty"]

XYWH = tuple[float, float, float, float]
#: (x0, y0, x1, y1) in pixels, half-open, inside the image.
PixelBox = tuple[int, int, int, int]

#: Larger images are refused: a header of a few bytes may announce gigabytes.
MAX_PIXELS = 100_000_000
#: MPO (two JPEGs in one file) comes in as JPEG: Pillow knows no opener of that name.
_BLACK = (0, 0, 0)
_FORMATS = ("JPEG", "PNG")


def decode_rgb(data: bytes, where: str = "frame", *, at_least: tuple[int, int] | None = None) -> Image.Image:
    """The image at full resolution as RGB, uint8: EXIF orientation ignored, grey replicated, CMYK converted by Pillow.

    at_least: (width, height) that are enough, for pictures people look at: a JPEG may then come out at 1/2, 1/4 or 1/8 of its size, which
    decodes several times faster. Never for what the model sees.

    `where` names the frame in errors. Raises BadFrame when the bytes are not a whole image, or announce more than MAX_PIXELS.
    """
    try:
        image = Image.open(io.BytesIO(data), formats=_FORMATS)
        if image.width * image.height > MAX_PIXELS:
            raise BadFrame(f"{where}: {image.width}x{image.height} pixels, more than {MAX_PIXELS}; replace the frame")
        if at_least is not None:
            image.draft("RGB", at_least)
        return image.convert("RGB")
    # Pillow reports damage with these and no common class; SyntaxError is its word for a broken PNG chunk.
    except (
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        IndexError,
        TypeError,
        struct.error,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ) as error:
        raise BadFrame(f"{where}: does not decode ({error}); pull the frame again") from error


def crop_box_px(bbox: XYWH, size: tuple[int, int], context_factor: float) -> PixelBox:
    """The region of the image that shows `bbox` with its surroundings.

    bbox: (cx, cy, w, h), normalised; it may reach outside the image. size: (width, height) in pixels. The box grows by `context_factor`
    about its centre, becomes a square in pixels with the longer side, each edge is rounded by itself (halves to even), and what lies
    outside the image is cut off: the region need not be square. Outside the image it is empty (`is_empty`).
    """
    cx, cy, w, h = bbox
    width, height = size
    half = max(w * context_factor * width, h * context_factor * height) / 2
    x, y = cx * width, cy * height
    return (
        max(0, round(x - half)),
        max(0, round(y - half)),
        min(width, round(x + half)),
        min(height, round(y + half)),
    )


def is_empty(box: PixelBox) -> bool:
    """Nothing of the image lies in `box`: its patch is black."""
    return box[2] <= box[0] or box[3] <= box[1]


def cut_patch(image: Image.Image, box: PixelBox, patch_size: int) -> Image.Image:
    """The `patch_size` x `patch_size` RGB patch of `box`.

    A region that is not square is centred in a black square first; an empty one gives a black patch. Bilinear with antialiasing.
    """
    if is_empty(box):
        return Image.new("RGB", (patch_size, patch_size), _BLACK)
    return fit_patch(image.crop(box), patch_size)


def fit_patch(crop: Image.Image, patch_size: int) -> Image.Image:
    """The second half of `cut_patch`: a crop that is not empty, squared with black and resized."""
    if crop.width != crop.height:
        side = max(crop.size)
        square = Image.new("RGB", (side, side), _BLACK)
        square.paste(crop, ((side - crop.width) // 2, (side - crop.height) // 2))
        crop = square
    return crop.resize((patch_size, patch_size), Image.Resampling.BILINEAR)
