"""Writing one tar of what `runs` makes, its digest, and doing many things ahead in parallel, handed over in order.

Reading and hashing release the interpreter, so a few threads keep the disk busy while one writes. What is ahead is bounded in number, and
a sequence is some megabytes, so memory does not grow with the store.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, TypeVar

from triage.errors import BadFile
from triage.files import open_atomic
from triage.shards.crew import submitted_ahead
from triage.shards.files import ShardFiles
from triage.shards.index import Row
from triage.shards.manifest import Digest
from triage.shards.runs import WRITE, Content
from triage.shards.tar import END, Member, scan

__all__ = ["WORKERS", "folded_digest", "in_order", "write_shard"]

WORKERS = min(8, (os.cpu_count() or 1) + 1)
#: A range of more bytes is hashed in pieces.
_PIECE = 1 << 22

T = TypeVar("T")
R = TypeVar("R")


def write_shard(path: Path, make: Callable[[str], Iterable[Content]]) -> tuple[Digest | None, list[Row]]:
    """Write one tar atomically and return what it became: its digest and the rows of its members. (None, []) = there was no content.

    make: gives the contents in their order; it is told the file that the tar is written to, and may put some of them there itself.

    The digest is the SHA-256 of the tar with the bytes of every member replaced by their own SHA-256. It vouches for every byte, as that of
    the file would, and costs nothing: the members are hashed anyway. `folded_digest` computes it from the file.
    """
    rows: list[Row] = []
    at = 0
    digest = hashlib.sha256()
    with contextlib.suppress(_Empty), open_atomic(path) as file:
        for content in make(file.name):
            if content.data is not None:
                file.seek(at)
                for start in range(0, content.size, WRITE):
                    file.write(content.data[start : start + WRITE])
                content.done()
            digest.update(content.folded)
            rows += (
                Row(content.sequence_id, member.name, path.name, at + member.offset, member.size, member.sha256, content.source)
                for member in content.members
            )
            at += content.size
        if not at:
            raise _Empty
        file.seek(at)
        file.write(END)
        file.truncate()
        digest.update(END)
        return Digest(digest.hexdigest(), at + len(END)), rows
    return None, []


class _Empty(Exception):
    """Nothing came: then there is to be no file."""


def folded_digest(files: ShardFiles, path: str) -> Digest:
    """What `write_shard` says of the tar `path`, from its bytes alone. Raises BadShard."""
    digest, at = hashlib.sha256(), 0
    with files.open(path) as file:
        size = file.seek(0, 2)
        for member in [each for each in scan(file) if isinstance(each, Member)]:
            _update(digest, file, at, member.offset)
            content = hashlib.sha256()
            at = member.offset + member.size
            _update(content, file, member.offset, at)
            digest.update(content.digest())
        _update(digest, file, at, size)
    return Digest(digest.hexdigest(), size)


def _update(digest: hashlib._Hash, file: BinaryIO, start: int, stop: int) -> None:
    file.seek(start)
    while start < stop and (piece := file.read(min(_PIECE, stop - start))):
        digest.update(piece)
        start += len(piece)


def in_order(
    function: Callable[[T], R], items: Iterable[T], *, workers: int = WORKERS, ahead: int = 2 * WORKERS
) -> Iterator[tuple[T, R | BadFile]]:
    """`function` over `items` in parallel, results in the order of the items, at most `ahead` waiting.

    Its BadFile is a result; anything else it raises is raised.
    """
    with (
        ThreadPoolExecutor(workers, thread_name_prefix="shards") as pool,
        contextlib.closing(submitted_ahead(lambda item: pool.submit(function, item), items, ahead)) as waiting,
    ):
        for item, future in waiting:
            result: R | BadFile
            try:
                result = future.result()
            except BadFile as error:
                result = error
            yield item, result
