from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from triage.errors import BadFrame
from triage.jpeg import check_frame


def jpeg(width: int = 40, height: int = 24, *, progressive: bool = False) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (90, 120, 60)).save(buffer, "JPEG", progressive=progressive)
    return buffer.getvalue()


@pytest.mark.parametrize("progressive", [False, True])
def test_a_whole_jpeg_tells_its_size(progressive: bool) -> None:
    assert check_frame(jpeg(40, 24, progressive=progressive)) == (40, 24)


def test_zero_padding_after_the_end_is_allowed() -> None:
    assert check_frame(jpeg() + b"\0" * 17) == (40, 24)


def test_fill_bytes_and_markers_without_length_are_stepped_over() -> None:
    data = jpeg()
    assert check_frame(data[:2] + b"\xff\xff\xff\x01" + data[2:]) == (40, 24)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "expected a JPEG, found nothing"),
        (b"<!doctype html><html>", "expected a JPEG, found b'<!doctype ht'"),
        (jpeg()[:-2], "has no end after"),
        (jpeg()[: len(jpeg()) // 2], "has no end after"),
        (b"\xff\xd8\xff\xd9", "header cannot be read"),
        (b"\xff\xd8\x00\x00\x00\x00\xff\xd9", "header cannot be read"),
        (b"\xff\xd8\xff\xe0\x00\x01JF\xff\xd9", "header cannot be read"),
        (b"\xff\xd8\xff\xda\x00\x02\xff\xd9", "header cannot be read"),
    ],
)
def test_what_is_no_whole_jpeg_is_refused(data: bytes, text: str) -> None:
    with pytest.raises(BadFrame, match=text):
        check_frame(data, "frame 7")


def test_a_size_of_zero_is_refused() -> None:
    data = jpeg(40, 24)
    broken = data.replace(struct.pack(">HH", 24, 40), struct.pack(">HH", 0, 40), 1)
    assert broken != data
    with pytest.raises(BadFrame, match="frame 7: the JPEG's header cannot be read"):
        check_frame(broken, "frame 7")


@given(st.binary(max_size=200))
def test_no_bytes_whatever_raise_anything_else(middle: bytes) -> None:
    try:
        width, height = check_frame(b"\xff\xd8" + middle + b"\xff\xd9")
    except BadFrame:
        return
    assert width > 0
    assert height > 0
