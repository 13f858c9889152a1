"""Where the bytes of a shard set come from: a directory, or any URL that fsspec opens. Reading only.

A range is one `pread` or one request. A file that a commit has named but not yet renamed (see `commit`) is found under its staged name.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from triage.errors import BadShard
from triage.shards.manifest import Digest, digest_of

__all__ = ["STAGED_PREFIX", "ShardFiles", "staged_name"]

STAGED_PREFIX = ".next-"


def staged_name(name: str, digest: Digest) -> str:
    """The name beside `name` under which its next content waits for its manifest."""
    head, slash, tail = name.rpartition("/")
    return f"{head}{slash}{STAGED_PREFIX}{digest.sha256[:16]}-{tail}"


class ShardFiles:
    """Files below `root`, a directory or a URL as `s3://bucket/prefix` or `https://host/path`. Names use "/".

    Safe to use from several threads. Raises BadShard, naming the file, when one is missing or shorter than asked.
    """

    def __init__(self, root: str | Path) -> None:
        self.where = str(root).rstrip("/")
        scheme, separator, _ = self.where.partition("://")
        self.local: Path | None = None
        self._remote: Any = None  # an fsspec filesystem, which has no types
        if not separator:
            self.local = Path(root)
        elif scheme == "file":
            self.local = Path(self.where.removeprefix("file://"))
        else:
            import fsspec  # opens remote shards; not needed by those who have them on disk

            try:
                self._remote, self._base = fsspec.core.url_to_fs(self.where)
            except (ImportError, ValueError) as error:
                raise BadShard(f"{self.where}: cannot be opened ({error}); expected a directory or a URL that fsspec knows") from error

    def path(self, name: str) -> str:
        """How errors name a file."""
        return f"{self.where}/{name}"

    def size(self, name: str) -> int | None:
        """Bytes; None = it is not there."""
        if self.local is not None:
            try:
                return (self.local / name).stat().st_size
            except (FileNotFoundError, NotADirectoryError):
                return None
        try:
            return int(self._remote.info(f"{self._base}/{name}")["size"])
        except FileNotFoundError:
            return None

    def read(self, name: str, digest: Digest | None = None) -> bytes:
        """All of a file. With `digest`, also under its staged name, and refused when it is not that content."""
        with self._errors(name):
            if self.local is None:
                data = bytes(self._remote.cat_file(f"{self._base}/{name}"))
            else:
                staged = None if digest is None else self.local / staged_name(name, digest)
                data = (staged if staged is not None and staged.exists() else self.local / name).read_bytes()
        if digest is not None:
            found = digest_of(data)
            if found != digest:
                raise BadShard(
                    f"{self.path(name)}: expected {digest.size} bytes with sha256 {digest.sha256[:12]}…, found {found.size} with "
                    f"{found.sha256[:12]}…; fetch it again"
                )
        return data

    def read_range(self, name: str, start: int, length: int) -> bytes:
        """`length` bytes from `start`, in one read."""
        with self._errors(name):
            if self.local is None:
                data = bytes(self._remote.cat_file(f"{self._base}/{name}", start=start, end=start + length)) if length else b""
            else:
                handle = os.open(self.local / name, os.O_RDONLY)
                try:
                    data = _pread(handle, start, length)
                finally:
                    os.close(handle)
        if len(data) != length:
            raise BadShard(f"{self.path(name)}: expected {length} bytes at {start}, found {len(data)}: it was cut; fetch it again")
        return data

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """A file that can seek."""
        with self._errors(name):
            file = (self.local / name).open("rb") if self.local is not None else self._remote.open(f"{self._base}/{name}", "rb")
        with file:
            yield cast(BinaryIO, file)

    @contextlib.contextmanager
    def _errors(self, name: str) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise BadShard(f"{self.path(name)}: expected a file, found none; fetch it (`triage fetch`)") from error


def _pread(handle: int, start: int, length: int) -> bytes:
    """`os.pread` gives at most 2 GiB at once and may give less."""
    data = os.pread(handle, length, start)
    if len(data) == length or not data:
        return data
    pieces = [data]
    done = len(data)
    while done < length and (piece := os.pread(handle, length - done, start + done)):
        pieces.append(piece)
        done += len(piece)
    return b"".join(pieces)
