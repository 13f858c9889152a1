"""Pixels: what is shrunk, cut and laid side by side, and what happens to frames that do not decode."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from tests.server.conftest import jpeg
from triage.crops import crop_box_px, cut_patch, decode_rgb
from triage.errors import BadFrame
from triage.server.pictures import crop_of, evenly, shrunk, strip_of, whole_frame


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


@pytest.mark.parametrize(
    ("number", "most", "chosen"),
    [(0, 3, []), (2, 3, [0, 1]), (3, 3, [0, 1, 2]), (5, 3, [0, 2, 4]), (14, 10, [0, 1, 3, 4, 6, 7, 9, 10, 12, 13]), (100, 2, [0, 99])],
)
def test_few_of_many_are_evenly_spread_with_both_ends(number: int, most: int, chosen: list[int]) -> None:
    assert evenly(range(number), most) == chosen


def test_a_crop_is_what_the_model_sees_but_for_the_encoding() -> None:
    data, window = jpeg(120), (0.97, 0.5, 0.1, 0.3)  # leaves the image on the right
    image = decode_rgb(data)
    seen = cut_patch(image, crop_box_px(window, image.size, 1.5), 64)
    shown = opened(crop_of(data, window, 1.5, 64, "x").data)
    assert max(abs(a - b) for a, b in zip(seen.tobytes(), shown.tobytes(), strict=True)) < 40
    assert shown.getpixel((1, 1))[0] < 12  # type: ignore[index]  # black where the image ends


def test_a_large_window_is_decoded_small_and_looks_the_same() -> None:
    data = jpeg(60, (1280, 720))
    small = opened(strip_of([(data, (0.5, 0.5, 0.5, 0.5))], 1.0, 64, "x").data)
    exact = opened(crop_of(data, (0.5, 0.5, 0.5, 0.5), 1.0, 64, "x").data)
    assert max(abs(a - b) for a, b in zip(small.resize((8, 8)).tobytes(), exact.resize((8, 8)).tobytes(), strict=True)) < 12


def test_frames_that_do_not_decode_are_left_out_of_a_strip() -> None:
    strip = strip_of([(jpeg(1), None), (b"no jpeg", None), (jpeg(200), None)], 1.0, 32, "k")
    assert (strip.count, opened(strip.data).size) == (2, (64, 32))
    with pytest.raises(BadFrame, match="k: "):
        strip_of([(b"no jpeg", None)], 1.0, 32, "k")


def test_what_is_not_a_jpeg_is_not_served_as_one() -> None:
    with pytest.raises(BadFrame, match="x: expected a JPEG, found b'<html>"):
        whole_frame(b"<html></html>", "x")
    with pytest.raises(BadFrame, match="it was cut"):
        shrunk(jpeg(1)[:-100], 100, "x")


def test_the_same_bytes_have_the_same_etag() -> None:
    assert whole_frame(jpeg(1), "x") == whole_frame(jpeg(1), "x")
    assert whole_frame(jpeg(1), "x").etag != whole_frame(jpeg(2), "x").etag
