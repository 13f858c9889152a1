"""The patches of one frame: decode once, cut every region that any tube looks at. No torch; runs in decode threads.

Pillow decodes by default, whose pixels the model was trained on; see docs/model.md for the faster decoder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from triage.crops import PixelBox, crop_box_px, cut_patch, decode_rgb, is_empty

__all__ = ["Decoder", "FramePatches", "cut_frame", "decoder"]

XYWH = tuple[float, float, float, float]
Decoder = Callable[[bytes, str], Image.Image]


@dataclass(frozen=True, slots=True)
class FramePatches:
    """What one frame shows of each region asked for.

    boxes: per region, where it lies in the image. patches: the distinct ones, uint8 [P, P, 3] RGB.
    """

    size: tuple[int, int]
    boxes: dict[XYWH, PixelBox]
    patches: dict[PixelBox, npt.NDArray[np.uint8]]

    def empty(self, region: XYWH) -> bool:
        """Nothing of the image lies in this region: its patch is black."""
        return is_empty(self.boxes[region])


def cut_frame(image: Image.Image, regions: Iterable[XYWH], *, context_factor: float, patch_size: int) -> FramePatches:
    """Cut the patches of `regions` (each (cx, cy, w, h), normalised, before the context expansion) out of an RGB image."""
    boxes = {region: crop_box_px(region, image.size, context_factor) for region in regions}
    patches = {box: np.asarray(cut_patch(image, box, patch_size)) for box in set(boxes.values())}
    return FramePatches(image.size, boxes, patches)


def decoder(name: Literal["pillow", "simplejpeg"]) -> Decoder:
    """The function that turns JPEG bytes into an RGB image; it raises BadFrame for damaged ones."""
    return decode_rgb
