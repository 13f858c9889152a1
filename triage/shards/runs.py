"""One sequence's files as the run of bytes that they are in a tar: read, laid out, hashed, and checked against what vouches for them.

Imported by the helping processes of `crew`: nothing here needs the index, so that they start fast.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from triage.errors import BadFile, BadFrame
from triage.files import parse_json
from triage.sequences import META_FORMAT, Sequence, key_of
from triage.shards.members import META, collision_key, parse_name
from triage.shards.tar import BLOCK, header, padded

__all__ = ["WRITE", "Buffers", "Content", "Part", "Placed", "Shelf", "meta_of", "pack_parts", "pack_sequence", "shelve"]

#: Larger writes make the page cache look for larger pieces of free memory than there are.
WRITE = 256 * 1024


@dataclass(frozen=True, slots=True)
class Part:
    """One member to be.

    data: its bytes, or the path of the file that holds them. size, sha256: what vouches for them; None = nothing does.
    """

    name: str
    data: bytes | str
    size: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a member lies in its sequence's run of bytes."""

    name: str
    offset: int
    size: int
    sha256: str


class Buffers:
    """Memory for the runs of bytes that are under way, used again once a run is written. Safe to use from several threads."""

    _STEP = 1 << 20
    #: A sequence that needs more is rare; what it took is not kept.
    _LARGEST = 16 << 20

    def __init__(self) -> None:
        self._free: list[bytearray] = []

    def take(self, size: int) -> bytearray:
        """At least `size` bytes of any content."""
        with contextlib.suppress(IndexError):
            buffer = self._free.pop()
            if len(buffer) >= size:
                return buffer
        return bytearray(-(-size // self._STEP) * self._STEP)

    def give(self, buffer: bytearray) -> None:
        """Nobody looks into `buffer` any more."""
        if len(buffer) <= self._LARGEST:
            self._free.append(buffer)


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Content:
    """The members of one sequence, every byte hashed and as it should be, headers and padding included.

    data: to be appended to a shard; None = it lies there already. size: bytes. folded: `data` with the bytes of every member replaced by
    their SHA-256 (see `content.write_shard`). done: to be called when nobody looks into `data` any more; it may then change.
    """

    sequence_id: int
    organization: str
    data: memoryview | None
    size: int
    members: tuple[Placed, ...]
    folded: bytes
    source: str = ""
    done: Callable[[], None] = _nothing


def pack_parts(sequence_id: int, organization: str, parts: Iterable[Part], source: str = "", buffers: Buffers | None = None) -> Content:
    """Read, check and lay out the members of one sequence, in memory of `buffers` when given.

    Raises BadFrame naming a file that is missing or not what was vouched for.
    """
    laid = [(part, part.size if part.size is not None else _size(part)) for part in parts]
    headers = [header(part.name, size) for part, size in laid]
    total = sum(len(head) + padded(size) for head, (_, size) in zip(headers, laid, strict=True))
    buffers = Buffers() if buffers is None else buffers
    buffer = buffers.take(total)
    view, at, members, folded = memoryview(buffer)[:total], 0, [], bytearray()
    for head, (part, size) in zip(headers, laid, strict=True):
        view[at : at + len(head)] = head
        at += len(head)
        target = view[at : at + size]
        if isinstance(part.data, bytes):
            target[:] = part.data
        else:
            _read_into(part.data, target)
        digest = hashlib.sha256(target)
        sha256 = digest.hexdigest()
        if part.sha256 is not None and part.sha256 != sha256:
            raise BadFrame(f"{part.data!s}: its sha256 is not the one in meta.json; remove its sequence and pull it again")
        members.append(Placed(part.name, at, size, sha256))
        padding = bytes(-size % BLOCK)
        at += size
        view[at : at + len(padding)] = padding
        at += len(padding)
        folded += head + digest.digest() + padding
    return Content(sequence_id, organization, view, total, tuple(members), bytes(folded), source, partial(buffers.give, buffer))


def _size(part: Part) -> int:
    if isinstance(part.data, bytes):
        return len(part.data)
    try:
        return os.lstat(part.data).st_size
    except OSError as error:
        raise BadFrame(f"{part.data}: cannot be read ({error.strerror}); remove its sequence and pull it again") from error


def _read_into(path: str, target: memoryview) -> None:
    """Fill `target` with the whole of a regular file. Raises BadFrame when the file has another size."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as error:
        raise BadFrame(f"{path}: cannot be read ({error.strerror}); remove its sequence and pull it again") from error
    try:
        # Room for one byte more: what fills exactly the target has come to the end of the file.
        done = count = os.readv(handle, [target, bytearray(1)])
        while count and done < len(target):
            done += (count := os.readv(handle, [target[done:], bytearray(1)]))
        if done != len(target):
            size = os.fstat(handle).st_size
            raise BadFrame(f"{path}: expected {len(target)} bytes, found {size}; remove its sequence and pull it again")
    finally:
        os.close(handle)


def meta_of(data: bytes, path: Path, sequence_id: int) -> Sequence:
    """A store's meta.json, read and judged. Raises BadFile."""
    sequence = Sequence.from_meta(parse_json(data, str(path), expect_format=META_FORMAT), str(path))
    if sequence.sequence_id != sequence_id:
        raise BadFile(f"{path}: expected {key_of(sequence_id)}, found {sequence.key}; remove this directory and pull again")
    return sequence


def pack_sequence(sequences: Path, place: str, sequence_id: int, buffers: Buffers) -> Content:
    """The sequence that lies in `place` of the store `sequences`. Raises BadFile naming what cannot be packed."""
    path = sequences / place / META
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadFile(f"{path}: cannot be read ({error.strerror})") from error
    sequence = meta_of(data, path, sequence_id)
    frames = {frame.file: frame for frame in sequence.frames}.values()
    parts = [
        Part(f"{place}/{META}", data),
        *(Part(f"{place}/{frame.file}", f"{sequences}/{place}/{frame.file}", frame.size, frame.sha256) for frame in frames),
    ]
    _check_names(parts)
    return pack_parts(sequence_id, place.split("/", 1)[0], parts, buffers=buffers)


@dataclass(frozen=True, slots=True)
class Shelf:
    """Sequences to be put into a shard that is being written. file: its path. items: (sequence id, place in the store, offset, size)."""

    file: str
    items: tuple[tuple[int, str, int, int], ...]


_BUFFERS = Buffers()


def shelve(sequences: str, shelf: Shelf) -> list[Content | BadFile | None]:
    """Write each item where the shelf says; what a helping process does. Content without its data, or what is wrong with the sequence.

    None = it does not have the size that it should have, and was not written.
    """
    done: list[Content | BadFile | None] = []
    handle = os.open(shelf.file, os.O_WRONLY | os.O_NOFOLLOW)
    try:
        for sequence_id, place, offset, size in shelf.items:
            try:
                content = pack_sequence(Path(sequences), place, sequence_id, _BUFFERS)
            except BadFile as error:
                done.append(error)
                continue
            if content.size != size or content.data is None:
                done.append(None)
                continue
            for start in range(0, size, WRITE):
                _write_all(handle, content.data[start : start + WRITE], offset + start)
            content.done()
            done.append(Content(sequence_id, content.organization, None, size, content.members, content.folded))
    finally:
        os.close(handle)
    return done


def _write_all(handle: int, data: memoryview, offset: int) -> None:
    while data:
        count = os.pwrite(handle, data, offset)
        data, offset = data[count:], offset + count


def _check_names(parts: Iterable[Part]) -> None:
    """What nobody could unpack is not packed."""
    seen = set()
    for part in parts:
        found = parse_name("frames", part.name)
        if isinstance(found, str):
            raise BadFrame(f"{part.name!r} {found}; rename it, or pull its sequence again")
        if (key := collision_key(part.name)) in seen:
            raise BadFrame(f"{part.name!r} differs from another frame of its sequence only by case; pull its sequence again")
        seen.add(key)
