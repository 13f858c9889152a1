"""The patches of one frame: decode once, cut every region that any tube looks at. No torch; runs in decode threads.

Pillow's pixels are the ones that count. simplejpeg (libjpeg-turbo without detours) gives the same pixels in a third of the time; whether
it does so on this machine is tried before it is used, and whatever it does not take goes to Pillow. Data that is damaged is refused: half a
picture would be judged as if it were whole.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from triage.crops import MAX_PIXELS, PixelBox, crop_box_px, cut_patch, decode_rgb, fit_patch, is_empty
from triage.errors import BadFrame, BadSetting

__all__ = ["Decoder", "FramePatches", "Picture", "cut_frame", "decoder"]

XYWH = tuple[float, float, float, float]
#: A decoded frame: RGB, as Pillow holds it or uint8 [H, W, 3].
Picture = Image.Image | npt.NDArray[np.uint8]
#: (bytes, name of the frame for errors) -> the frame; raises BadFrame.
Decoder = Callable[[bytes, str], Picture]
#: What libjpeg warns of when it has to make pixels up. Not here: bytes too many, which some cameras leave and which change no pixel.
_DAMAGE = (
    "premature end of data segment",
    "Premature end of JPEG file",
    "bad Huffman code",
    "bad arithmetic code",
    "instead of RST",
    "Inconsistent progression sequence",
)


@dataclass(frozen=True, slots=True)
class FramePatches:
    """What one frame shows of each region asked for.

    size: (width, height) in pixels. boxes: per region, where it lies in the image. patches: the distinct ones, uint8 [P, P, 3] RGB.
    """

    size: tuple[int, int]
    boxes: dict[XYWH, PixelBox]
    patches: dict[PixelBox, npt.NDArray[np.uint8]]

    def empty(self, region: XYWH) -> bool:
        """Nothing of the image lies in this region: its patch is black."""
        return is_empty(self.boxes[region])


def cut_frame(image: Picture, regions: Iterable[XYWH], *, context_factor: float, patch_size: int) -> FramePatches:
    """Cut the patches of `regions` (each (cx, cy, w, h), normalised, before the context expansion) out of a frame."""
    size = image.size if isinstance(image, Image.Image) else (image.shape[1], image.shape[0])
    boxes = {region: crop_box_px(region, size, context_factor) for region in regions}
    patches = {box: np.asarray(_cut(image, box, patch_size)) for box in dict.fromkeys(boxes.values())}
    return FramePatches(size, boxes, patches)


def _cut(image: Picture, box: PixelBox, patch_size: int) -> Image.Image:
    if isinstance(image, Image.Image):
        return cut_patch(image, box, patch_size)
    if is_empty(box):
        return cut_patch(Image.new("RGB", (1, 1)), box, patch_size)
    x0, y0, x1, y1 = box
    return fit_patch(Image.fromarray(image[y0:y1, x0:x1]), patch_size)


def decoder(name: Literal["auto", "pillow", "simplejpeg"]) -> Decoder:
    """The function that turns the bytes of an image into pixels.

    auto: simplejpeg when it is installed and agrees with Pillow to the last bit here, else Pillow. Where simplejpeg is installed, an image
    whose data is damaged is refused, whoever decodes: Pillow says nothing and paints the rest grey. Raises BadSetting when simplejpeg is
    asked for and is not installed, or for another name.
    """
    if name not in ("auto", "pillow", "simplejpeg"):
        raise BadSetting(f"decoder {name!r}: expected auto, pillow or simplejpeg")
    turbo = _turbo()
    if turbo is None:
        if name == "simplejpeg":
            raise BadSetting("decoder simplejpeg is not installed; type: pip install 'triage[fast-jpeg]'")
        return decode_rgb
    if name == "simplejpeg" or (name == "auto" and _agrees(turbo)):
        return turbo

    def pillow(data: bytes, where: str) -> Picture:
        turbo(data, where)
        return decode_rgb(data, where)

    return pillow


@functools.cache
def _turbo() -> Decoder | None:
    try:
        import simplejpeg
    except ModuleNotFoundError:
        return None

    def decode(data: bytes, where: str) -> Picture:
        try:
            height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
            if height * width <= MAX_PIXELS:
                picture: npt.NDArray[np.uint8] = simplejpeg.decode_jpeg(data, "RGB")  # strict: a warning is an error
                if colours in ("YCbCr", "Gray"):
                    return picture
        except ValueError as error:
            if any(words in str(error) for words in _DAMAGE):
                raise BadFrame(f"{where}: does not decode ({error}); pull the frame again") from error
        return decode_rgb(data, where)  # not a JPEG, or nothing that simplejpeg takes: Pillow has the last word

    return decode


@functools.cache
def _agrees(decode: Decoder) -> bool:
    """A small image of hard edges and odd size, in the three usual chroma layouts, must come out the same."""
    y, x = np.mgrid[0:45, 0:61]
    pixels = np.stack([(x * 37 + y * 11) % 256, (x * y) % 256, 255 * ((x // 5 + y // 7) % 2)], axis=-1).astype(np.uint8)
    for subsampling in (0, 1, 2):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=70, subsampling=subsampling)
        data = buffer.getvalue()
        if not np.array_equal(np.asarray(decode(data, "sample")), np.asarray(decode_rgb(data))):
            return False
    return True
