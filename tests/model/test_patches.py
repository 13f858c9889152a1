"""The faster decoder gives Pillow's pixels, or leaves the frame to Pillow."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.model import small
from triage.crops import decode_rgb
from triage.errors import BadFrame, BadModel
from triage.model.detector import Detector
from triage.model.patches import cut_frame, decoder

pytest.importorskip("simplejpeg", reason="the faster decoder is an extra")


def variants() -> dict[str, bytes]:
    frames = {
        f"{size}-{chroma}": small.jpeg(3, size, subsampling=chroma) for size in ((640, 360), (61, 45), (8, 8)) for chroma in (0, 1, 2)
    }
    frames["progressive"] = small.jpeg(4, (200, 120), progressive=True)
    frames["restarts"] = small.jpeg(4, (200, 120), restart_marker_blocks=2)
    for mode in ("L", "CMYK"):
        buffer = io.BytesIO()
        Image.open(io.BytesIO(small.jpeg(5))).convert(mode).save(buffer, "JPEG")
        frames[mode] = buffer.getvalue()
    buffer = io.BytesIO()
    Image.open(io.BytesIO(small.jpeg(6))).save(buffer, "PNG")
    frames["png"] = buffer.getvalue()
    return frames


@pytest.mark.parametrize("name", ["auto", "simplejpeg"])
def test_decoders_agree_to_the_last_bit(name: str) -> None:
    decode = decoder(name)  # type: ignore[arg-type]
    assert decode is not decode_rgb
    for label, data in variants().items():
        assert np.array_equal(np.asarray(decode(data, "frame")), np.asarray(decode_rgb(data))), label


def test_damage_is_the_same_error_in_either() -> None:
    for data in (b"", b"\xff\xd8\xff", small.jpeg(1)[:-500], small.jpeg(1)[:30]):
        for name in ("pillow", "simplejpeg"):
            with pytest.raises(BadFrame, match="frame 7: does not decode"):
                decoder(name)(data, "frame 7")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["auto", "pillow", "simplejpeg"])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_an_image_whose_rest_would_be_painted_grey_does_not_decode(name: str, mode: str) -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, "JPEG")
    whole = buffer.getvalue()
    decode = decoder(name)  # type: ignore[arg-type]
    decode(whole, "frame")
    with pytest.raises(
        BadFrame, match=r"frame 7: does not decode \(Corrupt JPEG data: premature end of data segment\); pull the frame again"
    ):
        decode(whole[: len(whole) // 2] + b"\xff\xd9", "frame 7")


@pytest.mark.parametrize("name", ["auto", "pillow", "simplejpeg"])
def test_bytes_too_many_after_the_data_change_nothing(name: str) -> None:
    whole = small.jpeg(1)
    decode = decoder(name)  # type: ignore[arg-type]
    assert np.array_equal(np.asarray(decode(whole[:-2] + bytes(9) + whole[-2:], "frame")), np.asarray(decode(whole, "frame")))


def test_patches_of_either_picture_are_the_same() -> None:
    regions = [(0.5, 0.5, 0.3, 0.3), (0.02, 0.5, 0.2, 0.4), (3.0, 0.5, 0.2, 0.2)]
    data = small.jpeg(1, (640, 360))
    cuts = [cut_frame(decoder(name)(data, "frame"), regions, context_factor=1.5, patch_size=32) for name in ("pillow", "simplejpeg")]  # type: ignore[arg-type]
    assert cuts[0].boxes == cuts[1].boxes
    assert cuts[0].size == cuts[1].size == (640, 360)
    for region in regions:
        a, b = (cut.patches[cut.boxes[region]] for cut in cuts)
        assert np.array_equal(a, b)
    assert cuts[0].empty(regions[2])
    assert not cuts[0].patches[cuts[0].boxes[regions[2]]].any()


def test_the_detector_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match=r"model\.zip: it has no detector"):
        Detector(small.small_package(tmp_path / "model.zip"))
