"""Round trip: are a store and a report, packed and unpacked elsewhere, the same byte for byte? Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from triage.config import Layout
from triage.files import sha256_file

__all__ = ["RoundTrip", "compare"]


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """Store and report, packed and unpacked elsewhere. files, size: compared byte for byte. differing: paths that are not equal."""

    files: int
    size: int
    shards: int
    differing: tuple[str, ...]


def compare(here: Layout, there: Layout, variant: str) -> RoundTrip:
    """Store and report of two data directories, file by file. variant: the report's directory name."""
    files, size, differing = 0, 0, []
    pairs = ((here.sequences, there.sequences), (here.reports / variant, there.reports / variant))
    for one, other in pairs:
        left, right = _digests(one), _digests(other)
        files += len(left)
        size += sum(length for length, _ in left.values())
        differing += [f"{one.name}/{name}" for name in sorted(left.keys() | right.keys()) if left.get(name) != right.get(name)]
    shards = sum(1 for _ in here.shards.rglob("shard_*.tar"))
    return RoundTrip(files, size, shards, tuple(differing))


def _digests(root: Path) -> dict[str, tuple[int, str]]:
    """Length and hash of every file below `root`, by its path. Hidden files are locks and leftovers, not content."""
    found = {}
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            found[path.relative_to(root).as_posix()] = (path.stat().st_size, sha256_file(path))
    return found
