"""From a box to pixels, by hand."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from triage.crops import crop_box_px, cut_patch, decode_rgb, is_empty
from triage.errors import BadFrame


@pytest.mark.parametrize(
    ("bbox", "size", "factor", "expected"),
    [
        ((0.5, 0.5, 0.2, 0.1), (200, 100), 1.0, (80, 30, 120, 70)),  # square, by the longer side in pixels
        ((0.5, 0.5, 0.2, 0.1), (200, 100), 2.0, (60, 10, 140, 90)),
        ((0.05, 0.5, 0.2, 0.1), (200, 100), 1.0, (0, 30, 30, 70)),  # clamped, not shifted
        ((0.5, 0.5, 0.205, 0.1), (100, 100), 1.0, (40, 40, 60, 60)),  # 39.75 and 60.25
        ((0.5, 0.5, 0.25, 0.1), (10, 10), 1.0, (4, 4, 6, 6)),  # 3.75 and 6.25
        ((0.25, 0.25, 0.5, 0.5), (2, 2), 0.5, (0, 0, 1, 1)),  # 0.25 and 0.75
        ((0.5, 0.5, 0.3, 0.3), (10, 10), 1.0, (4, 4, 6, 6)),  # 3.5 and 6.5: halves to even
    ],
)
def test_the_region_is_a_square_with_its_edges_rounded_and_clamped(
    bbox: tuple[float, float, float, float], size: tuple[int, int], factor: float, expected: tuple[int, int, int, int]
) -> None:
    assert crop_box_px(bbox, size, factor) == expected


def test_a_region_outside_the_image_is_empty_and_its_patch_black() -> None:
    image = Image.new("RGB", (100, 100), (200, 100, 50))
    box = crop_box_px((2.0, 0.5, 0.1, 0.1), image.size, 1.5)
    assert is_empty(box)
    assert cut_patch(image, box, 16).getextrema() == ((0, 0), (0, 0), (0, 0))


def test_a_clamped_crop_is_centred_in_black() -> None:
    image = Image.new("RGB", (100, 100), (200, 100, 50))
    patch = cut_patch(image, (0, 20, 20, 60), 40)
    assert patch.getpixel((9, 20)) == (0, 0, 0)
    assert patch.getpixel((10, 20)) == patch.getpixel((29, 20)) == (200, 100, 50)
    assert patch.getpixel((30, 20)) == (0, 0, 0)


def test_an_image_that_announces_too_much_is_refused() -> None:
    buffer = io.BytesIO()
    Image.new("L", (8, 8)).save(buffer, "JPEG")
    data = bytearray(buffer.getvalue())
    header = data.find(b"\xff\xc0")
    data[header + 5 : header + 9] = (60000).to_bytes(2, "big") * 2
    with pytest.raises(BadFrame, match="frame 3"):
        decode_rgb(bytes(data), "frame 3")
