"""Tar headers, written and read: the smallest part of POSIX tar that shards need.

Writing is deterministic: no clock, no owner, USTAR, and a PAX header only for names that USTAR cannot hold. Reading is strict and never
trusts a length: the standard library's reader would follow a header that announces ten gigabytes of name. Both speak to any program that
reads tars. Names are not judged here (see `members`), only types and structure.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import BinaryIO

__all__ = ["BLOCK", "END", "MAX_NAME", "Member", "Refusal", "header", "padded", "scan"]

BLOCK = 512
#: Two empty blocks end an archive.
END = bytes(2 * BLOCK)
#: No path of a store is longer; a header that announces a longer one is refused unread.
MAX_NAME = 4096
#: An extended header holds a path and a few numbers.
_MAX_EXTENDED = 64 * 1024
#: A frame or a JSON file is smaller than this by far.
_MAX_MEMBER = 8 * 1024**3

_MODE_TO_GID = b"0000644\0" + b"0000000\0" * 2
_MTIME = b"00000000000\0"
_AFTER_CHECKSUM = b"0" + bytes(100) + b"ustar\x0000" + bytes(32 + 32 + 8 + 8)
_KINDS = {
    b"1": "a hard link", b"2": "a symbolic link", b"3": "a character device", b"4": "a block device", b"6": "a named pipe",
    b"7": "a contiguous file", b"S": "a sparse file", b"V": "a volume label", b"M": "a part of a multi-volume archive",
    b"D": "a directory dump", b"K": "a long link name",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Member:
    """A regular file in a tar. header_at: where its (first) header begins; offset, size: where its bytes lie."""

    name: str
    header_at: int
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """A member that is not taken, or the place where the archive stops making sense (`fatal`: nothing after it can be read)."""

    name: str
    reason: str
    fatal: bool = False


def padded(size: int) -> int:
    """`size` rounded up to whole blocks: the room that a member's bytes take."""
    return (size + BLOCK - 1) // BLOCK * BLOCK


def header(name: str, size: int) -> bytes:
    """The header of a regular file: 512 bytes, more when the name needs a PAX header. Raises ValueError for 8 GiB and more."""
    if not 0 <= size < _MAX_MEMBER:
        raise ValueError(f"{name}: a member has at most {_MAX_MEMBER} bytes, found {size}")
    split = _split(name) if name.isascii() else None
    if split is None:
        info = tarfile.TarInfo(name)
        info.size = size
        return info.tobuf(tarfile.PAX_FORMAT)
    prefix, rest = split
    start = rest.ljust(100, b"\0") + _MODE_TO_GID + b"%011o\0" % size + _MTIME
    end, end_sum = _end(prefix)
    return start + b"%06o\0 " % (sum(start) + end_sum + 8 * 0x20) + end


@lru_cache(maxsize=1024)
def _end(prefix: bytes) -> tuple[bytes, int]:
    """What follows the checksum, and the sum of its bytes."""
    end = _AFTER_CHECKSUM + prefix.ljust(155 + 12, b"\0")
    return end, sum(end)


def _split(name: str) -> tuple[bytes, bytes] | None:
    """(prefix, name) as USTAR wants them: at most 155 and 100 bytes, split at a slash. None when they do not fit."""
    raw = name.encode("ascii")
    if len(raw) <= 100:
        return b"", raw
    at = raw.rfind(b"/", 0, 156)
    if at <= 0 or len(raw) - at - 1 > 100 or at == len(raw) - 1:
        return None
    return raw[:at], raw[at + 1 :]


def scan(file: BinaryIO) -> Iterator[Member | Refusal]:
    """Every member of a tar, in order, without reading contents. What cannot be taken comes as a Refusal; after a fatal one it ends.

    `file` must be able to seek. Directories are passed over: they say nothing that their files do not.
    """
    end = file.seek(0, 2)
    at, header_at = 0, 0
    long_name: str | None = None
    long_size: int | None = None
    while True:
        if long_name is None and long_size is None:
            header_at = at
        file.seek(at)
        block = file.read(BLOCK)
        if not block or block.count(0) == BLOCK:
            if not block or len(block) == BLOCK:
                return
            yield Refusal("", f"the archive is cut at byte {at}", fatal=True)
            return
        if len(block) < BLOCK:
            yield Refusal("", f"the archive is cut inside a header at byte {at}", fatal=True)
            return
        problem = _header_problem(block)
        if problem:
            yield Refusal("", f"{problem} at byte {at}", fatal=True)
            return
        kind, size = block[156:157], _number(block[124:136])
        name = long_name if long_name is not None else _name(block)
        if kind in (b"x", b"g", b"L"):
            if not 0 <= size <= _MAX_EXTENDED:
                yield Refusal(name, f"its header announces {size} bytes of name, more than {_MAX_EXTENDED}", fatal=True)
                return
            payload = file.read(size)
            if len(payload) < size:
                yield Refusal(name, "the archive is cut inside an extended header", fatal=True)
                return
            try:
                if kind == b"L":
                    long_name = _text(payload.split(b"\0", 1)[0])
                elif kind == b"x":
                    path, pax_size = _pax(payload)
                    long_name = path if path is not None else long_name
                    long_size = pax_size if pax_size is not None else long_size
            except ValueError as error:
                yield Refusal(name, f"its extended header is damaged ({error})", fatal=True)
                return
            at += BLOCK + padded(size)
            continue
        size = long_size if long_size is not None else size
        long_name = long_size = None
        if not 0 <= size < _MAX_MEMBER or at + BLOCK + size > end:
            yield Refusal(name, f"announces {size} bytes, but the archive ends after {end - at - BLOCK}", fatal=True)
            return
        if len(name) > MAX_NAME:
            yield Refusal(name[:80] + "…", f"its name has {len(name)} characters, more than {MAX_NAME}")
        elif kind in (b"0", b"\0") and not name.endswith("/"):
            yield Member(name, header_at, at + BLOCK, size)
        elif kind not in (b"5", b"0", b"\0"):
            yield Refusal(name, f"is {_KINDS.get(kind, f'of the unknown kind {kind!r}')}, expected a regular file")
            size = size if kind not in _KINDS or kind in (b"7", b"S", b"D", b"K") else 0
        at += BLOCK + padded(size if kind != b"5" else 0)


def _header_problem(block: bytes) -> str | None:
    try:
        expected, size = _number(block[148:156]), _number(block[124:136])
    except ValueError:
        return "expected a tar header, found other bytes"
    unsigned = sum(block) - sum(block[148:156]) + 8 * 0x20
    if expected != unsigned:
        return "a header's checksum is wrong"
    return "a header announces a negative size" if size < 0 else None


def _number(field: bytes) -> int:
    """Octal digits, or GNU's base-256 for what octal cannot hold. Raises ValueError."""
    if field[0] & 0x80:
        if field[0] == 0xFF:
            return int.from_bytes(field, "big", signed=True)
        return int.from_bytes(field, "big") & ((1 << (8 * len(field) - 1)) - 1)
    digits = field.split(b"\0", 1)[0].strip()
    return int(digits, 8) if digits else 0


def _name(block: bytes) -> str:
    name = _text(block[:100].split(b"\0", 1)[0])
    prefix = _text(block[345:500].split(b"\0", 1)[0]) if block[257:263] == b"ustar\0" else ""
    return f"{prefix}/{name}" if prefix else name


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _pax(payload: bytes) -> tuple[str | None, int | None]:
    """(path, size) of a PAX header; None = it does not say. Raises ValueError when it is damaged or describes a sparse file."""
    path, size, at = None, None, 0
    while at < len(payload) and payload[at] != 0:
        space = payload.find(b" ", at, at + 20)
        digits = payload[at:space] if space > 0 else b""
        if not digits.isdigit():
            raise ValueError("a record has no length")
        length = int(digits)
        record = payload[space + 1 : at + length]
        if length <= space - at + 1 or at + length > len(payload) or not record.endswith(b"\n"):
            raise ValueError("a record is longer than its header")
        key, equals, value = record[:-1].partition(b"=")
        if not equals:
            raise ValueError("a record has no value")
        if key.startswith(b"GNU.sparse"):
            raise ValueError("it describes a sparse file")
        if key == b"path":
            path = _text(value)
        elif key == b"size":
            size = int(value)
        at += length
    return path, size
