"""Is this a whole JPEG? The one check that pulling, verifying and the store share. Headers only: nothing is decoded here.

A download that was cut, an HTML page saved as an image, or a file of zeros must be found before it counts as a frame; whether the pixels
inside decode is for whoever decodes them.
"""

from __future__ import annotations

from triage.errors import BadFrame

__all__ = ["check_frame"]

_START, _END = b"\xff\xd8", b"\xff\xd9"
#: Start-of-frame markers (ITU T.81 table B.1): C0-CF but DHT (C4), JPG (C8) and DAC (CC).
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_START_OF_SCAN = 0xDA
#: Markers without a length: TEM and RST0-RST7.
_BARE = frozenset({0x01, *range(0xD0, 0xD8)})


def check_frame(data: bytes, where: str = "frame") -> tuple[int, int]:
    """(width, height) in pixels of a whole JPEG: it starts and ends as one, and its header says what it is.

    `where` names the frame in errors. Zero bytes after the end marker are allowed, as some cameras pad their files.
    Raises BadFrame when the data is empty, not a JPEG, cut, or has no readable header.
    """
    if not data.startswith(_START):
        found = "nothing" if not data else f"{data[:12]!r}"
        raise BadFrame(f"{where}: expected a JPEG, found {found}")
    if not data.endswith(_END) and not data.rstrip(b"\0").endswith(_END):
        raise BadFrame(f"{where}: the JPEG has no end after {len(data)} bytes: it was cut")
    size = _size_in_header(data)
    if size is None:
        raise BadFrame(f"{where}: the JPEG's header cannot be read ({len(data)} bytes)")
    return size


def _size_in_header(data: bytes) -> tuple[int, int] | None:
    """Walk the segments up to the first scan; None when they do not hold together or give no size."""
    size, at = None, len(_START)
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker in _BARE:
            at += 2
        elif marker == _START_OF_SCAN:
            return size
        else:
            length = int.from_bytes(data[at + 2 : at + 4], "big")
            if length < 2:
                return None
            if marker in _FRAME_HEADERS and at + 9 <= len(data):
                height, width = int.from_bytes(data[at + 5 : at + 7], "big"), int.from_bytes(data[at + 7 : at + 9], "big")
                size = (width, height) if width and height else None
            at += 2 + length
    return None
