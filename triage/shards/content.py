"""One sequence's members as one run of bytes, and many of them made ahead in parallel, handed over in order.

Reading and hashing release the interpreter, so a few threads keep the disk busy while one writes. What is ahead is bounded in number, and
a sequence is some megabytes, so memory does not grow with the store. The memory of what is written is filled again: fresh memory costs a
page fault for every 4 KB, which at the speed of a page cache is a tenth of the time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from triage.errors import BadFile, BadFrame
from triage.files import open_atomic
from triage.shards.index import Row
from triage.shards.manifest import Digest
from triage.shards.tar import END, header, padded

__all__ = ["WORKERS", "Buffers", "Content", "Part", "Placed", "in_order", "pack_parts", "write_shard"]

WORKERS = min(8, (os.cpu_count() or 1) + 1)
#: Larger writes make the page cache look for larger pieces of free memory than there are.
_WRITE = 256 * 1024

T = TypeVar("T")
R = TypeVar("R")


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


@dataclass(frozen=True, slots=True)
class Content:
    """The members of one sequence, headers and padding included, ready to be appended to a shard.

    done: to be called by the one who has no more use for `data`; what it holds may then change.
    """

    sequence_id: int
    organization: str
    data: memoryview
    members: tuple[Placed, ...]
    source: str = ""
    done: Callable[[], None] = lambda: None


def pack_parts(sequence_id: int, organization: str, parts: Iterable[Part], source: str = "", buffers: Buffers | None = None) -> Content:
    """Read, check and lay out the members of one sequence, in memory of `buffers` when given.

    Raises BadFrame naming a file that is missing or not what was vouched for.
    """
    laid = [(part, part.size if part.size is not None else _size(part)) for part in parts]
    headers = [header(part.name, size) for part, size in laid]
    total = sum(len(head) + padded(size) for head, (_, size) in zip(headers, laid, strict=True))
    buffers = Buffers() if buffers is None else buffers
    buffer = buffers.take(total)
    view, at, members = memoryview(buffer)[:total], 0, []
    for head, (part, size) in zip(headers, laid, strict=True):
        view[at : at + len(head)] = head
        at += len(head)
        stop = at + padded(size)
        view[at + size : stop] = bytes(stop - at - size)
        target = view[at : at + size]
        if isinstance(part.data, bytes):
            target[:] = part.data
        else:
            _read_into(part.data, target)
        sha256 = hashlib.sha256(target).hexdigest()
        if part.sha256 is not None and part.sha256 != sha256:
            raise BadFrame(f"{part.data!s}: its sha256 is not the one in meta.json; remove its sequence and pull it again")
        members.append(Placed(part.name, at, size, sha256))
        at = stop
    return Content(sequence_id, organization, view, tuple(members), source, partial(buffers.give, buffer))


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


def write_shard(path: Path, contents: Iterable[Content]) -> tuple[Digest | None, list[Row]]:
    """Write one tar atomically and return what it became: its digest and the rows of its members. (None, []) = there was no content."""
    rows: list[Row] = []
    at = 0
    with contextlib.ExitStack() as stack:
        digest = stack.enter_context(_Hasher())
        file = None
        for content in contents:
            if file is None:
                file = stack.enter_context(open_atomic(path))
            for start in range(0, len(content.data), _WRITE):
                file.write(content.data[start : start + _WRITE])
            digest.update(content.data, content.done)
            rows += (
                Row(content.sequence_id, member.name, path.name, at + member.offset, member.size, member.sha256, content.source)
                for member in content.members
            )
            at += len(content.data)
        if file is None:
            return None, []
        file.write(END)
        digest.update(END)
        return Digest(digest.hexdigest(), at + len(END)), rows


class _Hasher:
    """SHA-256 on a thread of its own, so that the one who writes does not wait for it."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._queue: queue.Queue[tuple[bytes | memoryview, Callable[[], None]] | None] = queue.Queue(maxsize=4)
        self._thread = threading.Thread(target=self._run, name="shard-hash", daemon=True)

    def __enter__(self) -> _Hasher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def _run(self) -> None:
        while (given := self._queue.get()) is not None:
            data, done = given
            self._hash.update(data)
            done()

    def update(self, data: bytes | memoryview, done: Callable[[], None] = lambda: None) -> None:
        """Hash `data` some time soon, then call `done`."""
        self._queue.put((data, done))

    def hexdigest(self) -> str:
        """Of everything given; nothing more may come."""
        self._queue.put(None)
        self._thread.join()
        return self._hash.hexdigest()


def in_order(
    function: Callable[[T], R], items: Iterable[T], *, workers: int = WORKERS, ahead: int = 2 * WORKERS
) -> Iterator[tuple[T, R | BadFile]]:
    """`function` over `items` in parallel, results in the order of the items, at most `ahead` waiting.

    Its BadFile is a result; anything else it raises is raised.
    """
    waiting: deque[tuple[T, Future[R]]] = deque()

    def oldest() -> tuple[T, R | BadFile]:
        item, future = waiting.popleft()
        result: R | BadFile
        try:
            result = future.result()
        except BadFile as error:
            result = error
        return item, result

    with ThreadPoolExecutor(workers, thread_name_prefix="shards") as pool:
        try:
            for item in items:
                waiting.append((item, pool.submit(function, item)))
                if len(waiting) >= ahead:
                    yield oldest()
            while waiting:
                yield oldest()
        finally:
            for _, future in waiting:
                future.cancel()
