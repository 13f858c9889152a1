"""One sequence from a shard onto the disk: skipped when it is right already, else verified first and written so that a kill leaves no lie.

Unpacking seals what it has written or verified by the time 0 that tars carry: a file of the right size with that time has not been touched
since. Any later write changes the time, and then the bytes are compared. So a second unpack costs one look per file, and no state
of our own can go stale.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from triage.errors import BadFile, BadShard
from triage.files import TEMPORARY_PREFIX, disk_errors, write_bytes
from triage.shards.entries import Entry, Piece
from triage.shards.files import ShardFiles
from triage.shards.members import META, quoted

__all__ = ["Restoring", "Target", "attempt", "is_right", "read_entry", "restore", "restore_all", "sweep"]

#: A range of more bytes is read in pieces, so that a lie in an index cannot take all memory.
_MAX_RANGE = 256 * 1024**2


class Target:
    """A directory that is unpacked into. Makes directories below it, never through a symbolic link. Safe to use from several threads."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._known: set[str] = set()
        self._lock = threading.Lock()
        root.mkdir(parents=True, exist_ok=True)

    def directory(self, relative: str) -> bool:
        """Make `relative` below the root; True = its last part is new. Raises BadShard when something else stands in the way."""
        created = False
        parts = relative.split("/")
        for depth in range(1, len(parts) + 1):
            place = "/".join(parts[:depth])
            with self._lock:
                if place in self._known:
                    created = False
                    continue
            created = False
            try:
                (self.root / place).mkdir()
                created = True
            except FileExistsError:
                if not stat.S_ISDIR(os.lstat(self.root / place).st_mode):
                    raise BadShard(f"{self.root / place}: expected a directory, found something else (a link?); remove it") from None
            if depth < 3:  # organizations and cameras are many sequences' parents
                with self._lock:
                    self._known.add(place)
        return created


def read_entry(files: ShardFiles, kind: str, entry: Entry, pieces: tuple[Piece, ...]) -> dict[str, bytes | memoryview]:
    """The bytes of `pieces`, by file; one read when they lie within reach. Hashes are verified where known. Raises BadShard."""
    shard = f"{kind}/{entry.shard}"
    start, stop = min(piece.offset for piece in pieces), max(piece.offset + piece.size for piece in pieces)
    if stop - start <= _MAX_RANGE:
        view = memoryview(files.read_range(shard, start, stop - start))
        found: dict[str, bytes | memoryview] = {piece.file: view[piece.offset - start :][: piece.size] for piece in pieces}
    else:
        size = files.size(shard) or 0
        if any(piece.offset + piece.size > size for piece in pieces):
            raise BadShard(f"{files.path(shard)}: expected {stop} bytes, found {size}: it was cut; fetch it again")
        found = {piece.file: files.read_range(shard, piece.offset, piece.size) for piece in pieces}
    for piece in pieces:
        if piece.sha256 and hashlib.sha256(found[piece.file]).hexdigest() != piece.sha256:
            raise BadShard(f"{files.path(shard)}: member {quoted(piece.file)} at {piece.offset} is not what the index says; fetch it again")
    return found


def is_right(files: ShardFiles, kind: str, entry: Entry, place: Path) -> bool:
    """Does every file of the sequence lie in `place` as in the shard? What had to be compared, and was right, is sealed."""
    unsealed = []
    base = f"{place}/"
    for piece in entry.pieces:
        try:
            found = os.lstat(base + piece.file)
        except OSError:
            return False
        if found.st_size != piece.size or not stat.S_ISREG(found.st_mode):
            return False
        if found.st_mtime_ns != 0:
            unsealed.append(piece)
    for piece in unsealed:
        data = Path(base + piece.file).read_bytes()
        if piece.sha256:
            right = hashlib.sha256(data).hexdigest() == piece.sha256
        else:
            right = data == files.read_range(f"{kind}/{entry.shard}", piece.offset, piece.size)
        if not right:
            return False
        _seal(base + piece.file)
    return True


def restore(files: ShardFiles, kind: str, entry: Entry, target: Target, relative: str = "", *, fresh: bool = False) -> None:
    """Write the sequence into `relative` below the target: its meta.json last. All bytes are verified before the first is written.

    `fresh`: nothing vouches for the files yet, so a cut one does no harm; so it is in a directory without meta.json. Else every file is
    replaced as a whole.
    """
    found = read_entry(files, kind, entry, entry.pieces)
    place = target.root / relative
    with disk_errors(place):
        if relative:
            made = target.directory(relative)
            fresh = made or not (place / META).exists()
            if fresh and not made:
                sweep(place)
        for folder in sorted({piece.file.rpartition("/")[0] for piece in entry.pieces} - {""}):
            if not target.directory(f"{relative}/{folder}" if relative else folder) and relative and fresh:
                sweep(place / folder)
        base = f"{place}/"
        for file in sorted(found, key=lambda file: file == META):
            if fresh and file != META:
                _write(base + file, found[file])
            else:
                write_bytes(place / file, found[file])  # type: ignore[arg-type]  # a memoryview is written as bytes are
                _seal(base + file)


@dataclass(frozen=True, slots=True)
class Restoring:
    """What a helping process must know. source: a 02_shards directory. root: what is unpacked into. fresh: see `restore`."""

    source: str
    kind: str
    root: str
    fresh: bool


def restore_all(work: Restoring, entries: tuple[tuple[Entry, str], ...]) -> list[BadFile | None]:
    """Restore each entry into its place below the root; what a helping process does. None = done, else what is wrong with it."""
    files, target = _opened(work)
    return [attempt(files, work.kind, entry, target, place, fresh=work.fresh) for entry, place in entries]


@lru_cache(maxsize=1)
def _opened(work: Restoring) -> tuple[ShardFiles, Target]:
    return ShardFiles(work.source), Target(Path(work.root))


def attempt(files: ShardFiles, kind: str, entry: Entry, target: Target, place: str, *, fresh: bool) -> BadFile | None:
    """`restore`, with what is wrong with the sequence as its answer; None = it is restored."""
    try:
        restore(files, kind, entry, target, place, fresh=fresh)
    except BadFile as error:
        return error
    return None


def _write(path: str, data: bytes | memoryview) -> None:
    """Into a directory that no meta.json vouches for yet: a file cut by a kill is written again."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o666)
    try:
        done = 0
        while done < len(data):
            done += os.write(handle, data[done:])
        os.utime(handle, ns=(0, 0))
    finally:
        os.close(handle)


def _seal(path: str) -> None:
    with contextlib.suppress(PermissionError):  # another's file: it is compared again next time
        os.utime(path, ns=(0, 0))


def sweep(place: Path, name: str = "") -> None:
    """Remove the temporary files of a killed process; name: only those of this file."""
    for path in place.glob(f"{TEMPORARY_PREFIX}*{name}"):
        path.unlink(missing_ok=True)
