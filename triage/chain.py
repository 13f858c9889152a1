"""Append-only files whose every line carries the digest of the line before it: decision logs and the audit's ledger.

What a line says is its owner's business; here is how it gets on disk and stays in order. One writer at a time.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from triage.files import disk_errors, lock, sha256_bytes, sync_directory

__all__ = ["START", "append_line", "damaged_path"]

#: What the first line carries for the digest of the line before it.
START = "0" * 64


def damaged_path(path: Path) -> Path:
    """Where half-written last lines of `path` are kept: `<name>.damaged`."""
    return path.with_suffix(".damaged")


def append_line(path: Path, line: Callable[[str], bytes]) -> bool:
    """Add the line, without its newline, that `line` makes of the digest of the one before it; on disk (fsync) when this returns.

    A half-written last line, which a kill leaves and which was never acknowledged, is moved to `damaged_path` first: True = there was one.
    """
    with lock(path.with_name(f".{path.name}.lock"), wait=True), disk_errors(path):
        last, rest = _last_line(path)
        if rest:
            with damaged_path(path).open("ab") as beside:
                beside.write(rest + b"\n")
                beside.flush()
                os.fsync(beside.fileno())
            sync_directory(path.parent)
            # Only now: a crash between the two leaves the piece twice, never not at all.
            os.truncate(path, path.stat().st_size - len(rest))
        data = line(sha256_bytes(last) if last else START) + b"\n"
        new = not path.exists()
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            size = os.fstat(handle).st_size
            try:
                written = os.write(handle, data)
                if written < len(data):
                    os.write(handle, data[written:])
            except OSError:
                # A full disk: take back the part of the line that went through.
                os.ftruncate(handle, size)
                raise
            os.fsync(handle)
        finally:
            os.close(handle)
        if new:
            # The file's bytes are on disk, its name must be too.
            sync_directory(path.parent)
    return bool(rest)


def _last_line(path: Path) -> tuple[bytes, bytes]:
    """The last whole line, without its newline (empty = none), and what stands half-written behind it."""
    if not path.exists():
        return b"", b""
    with path.open("rb") as file:
        start = file.seek(0, os.SEEK_END)
        tail = b""
        # The last two newlines are enough; lines may be long, so read backwards in growing steps.
        while start > 0 and tail.rstrip(b"\n").count(b"\n") < 1 + (not tail.endswith(b"\n")):
            read = max(4096, len(tail))
            begin = max(0, start - read)
            file.seek(begin)
            tail = file.read(start - begin) + tail
            start = begin
    end = tail.rfind(b"\n") + 1
    return tail[:end].rstrip(b"\n").rpartition(b"\n")[2], tail[end:]
