"""Atomic files, deterministic JSON, hashes and locks: how every room writes to disk.

A file is written beside its place and renamed, so that a kill at any moment leaves the old state or the new one. Equal content gives
equal bytes: sorted keys, no clock, no user, no absolute path.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from triage.errors import BadFile, Busy, NoSpace

__all__ = [
    "TEMPORARY_PREFIX",
    "disk_errors",
    "dump_json",
    "lock",
    "open_atomic",
    "parse_json",
    "read_json",
    "sha256_bytes",
    "sha256_file",
    "sync_directory",
    "write_bytes",
    "write_json",
]

#: Files that begin so are leftovers of a killed process: readers skip them, writers may remove them.
TEMPORARY_PREFIX = ".part-"


def dump_json(content: Any, *, compact: bool = False) -> bytes:
    """JSON with sorted keys, UTF-8, one trailing newline. Raises ValueError on NaN and infinities: undefined is null.

    compact: on one line, ten times as fast, for files that come by the ten thousand.
    """
    indent = None if compact else 1
    return (json.dumps(content, sort_keys=True, ensure_ascii=False, indent=indent, allow_nan=False) + "\n").encode()


def parse_json(data: bytes, where: str, *, expect_format: int | None = None) -> Any:
    """Parse JSON; `where` names it in errors. With `expect_format`, an object whose `format` differs is refused (absent is not)."""
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadFile(f"{where}: expected JSON, found damage ({error}); make it again") from error
    if expect_format is not None:
        if not isinstance(content, dict):
            raise BadFile(f"{where}: expected a JSON object, found {type(content).__name__}")
        found = content.get("format", expect_format)
        if found != expect_format:
            raise BadFile(f"{where}: expected format {expect_format}, found {found!r}; upgrade triage to read it")
    return content


def read_json(path: Path, *, expect_format: int | None = None) -> Any:
    """Read and parse one JSON file. Raises BadFile naming the path when it is missing, damaged or of another format."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadFile(f"{path}: cannot be read ({error.strerror})") from error
    return parse_json(data, str(path), expect_format=expect_format)


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn a full disk (ENOSPC, EDQUOT) into NoSpace naming `path`; other errors pass."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoSpace(f"{path}: the disk is full; free some space and run the same command again, nothing is lost") from error
        raise


@contextlib.contextmanager
def open_atomic(path: Path, *, durable: bool = False) -> Iterator[IO[bytes]]:
    """A binary file that appears at `path` only when the block ends well. `durable` also waits for the disk (fsync)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{os.urandom(4).hex()}-{path.name}"[:250])
    try:
        with disk_errors(path):
            with part.open("wb") as file:
                yield file
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            part.replace(path)
            if durable:
                sync_directory(path.parent)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def sync_directory(path: Path) -> None:
    """Wait until the names in a directory are on disk: a new file may otherwise be gone after a power cut, whatever was synced in it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_bytes(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Write `data` to `path` atomically."""
    with open_atomic(path, durable=durable) as file:
        file.write(data)


def write_json(path: Path, content: Any, *, durable: bool = False) -> None:
    """Write JSON to `path` atomically and deterministically."""
    write_bytes(path, dump_json(content), durable=durable)


def sha256_bytes(data: bytes) -> str:
    """Lower-case hex SHA-256."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Lower-case hex SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def lock(path: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold an exclusive lock on `path` (created when missing; released by the kernel when the process dies).

    Raises Busy at once when another process holds it, unless `wait`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with disk_errors(path), path.open("a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            raise Busy(f"{path.parent}: another triage process is writing here; wait for it to end") from error
        yield
