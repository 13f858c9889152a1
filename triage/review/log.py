"""The decision logs on disk: `<reviewer>.jsonl`, append-only, one writer at a time, each line on disk before it is acknowledged.

Every line carries the digest of the line before it, so that a line changed or taken out is noticed. Large selections lie beside the logs
as `sets/<digest>.txt`, named by their content: two people never write different bytes to one file, so a git merge has nothing to do.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from triage.chain import START, append_line, damaged_path
from triage.errors import BadFile
from triage.files import sha256_bytes, write_bytes
from triage.review.events import Event, decode_ids, encode_ids, line_of, parse_line
from triage.sequences import slug

__all__ = ["FEW", "Line", "Logs", "Tail"]

#: Locks lie beside the logs; they belong to one machine.
_IGNORED = b".*.lock\n"
#: Up to so many ids stand in the line itself; more go to a set file.
FEW = 50


class Line(NamedTuple):
    """One event and where it stands: line number, 1-based, of `<log>.jsonl`."""

    log: str
    number: int
    event: Event


@dataclass(slots=True)
class Tail:
    """How far a log was read: bytes, lines, and the digest of the last line. Reading goes on from here."""

    offset: int = 0
    lines: int = 0
    digest: str = START


@dataclass(frozen=True, slots=True)
class Logs:
    """The logs under `root` (03_decisions). problems: one line for each damage met so far; damage is set aside, never fatal."""

    root: Path
    problems: list[str] = field(default_factory=list)

    def names(self) -> list[str]:
        """The reviewers that have a log, as their file names say."""
        return sorted(path.stem for path in self.root.glob("*.jsonl")) if self.root.is_dir() else []

    def path(self, reviewer: str) -> Path:
        """The log of a reviewer."""
        return self.root / f"{slug(reviewer)}.jsonl"

    def write_set(self, digest: str, ids: tuple[int, ...]) -> None:
        """Keep a large selection, on disk before the event that names it."""
        path = self.root / "sets" / f"{digest}.txt"
        if not path.exists():
            write_bytes(path, encode_ids(ids), durable=True)

    def read_set(self, digest: str) -> tuple[int, ...]:
        """A large selection. Raises BadFile when it is missing or is not what its name says."""
        path = self.root / "sets" / f"{digest}.txt"
        try:
            data = path.read_bytes()
        except OSError as error:
            raise BadFile(f"{path}: the selection of a decision is missing; run `git pull` in the data directory") from error
        if sha256_bytes(data) != digest:
            raise BadFile(f"{path}: the selection of a decision is damaged; restore it from git")
        return decode_ids(data)

    def append(self, event: Event) -> None:
        """Add one event to its reviewer's log; on disk (fsync) when this returns.

        A half-written last line, which a kill leaves, is moved to `<log>.damaged` first.
        """
        path = self.path(event.reviewer)
        ignored = self.root / ".gitignore"
        if not ignored.exists():
            write_bytes(ignored, _IGNORED)
        if append_line(path, lambda previous: line_of(event, previous)):
            self.problems.append(f"{path.name}: a half-written last line was moved to {damaged_path(path).name}")

    def read(self, name: str, tail: Tail) -> Iterator[Line]:
        """The events of one log behind `tail`, which is moved on. Stops before a line without its newline: it was never acknowledged.

        A damaged line is reported in `problems` and passed over; so is a break of the chain, whose lines still count. Raises BadFile when
        the log is shorter than what was read of it: for a moment while git writes it anew, else because somebody took lines out.
        """
        path = self.root / f"{name}.jsonl"
        try:
            opened = path.open("rb")
        except FileNotFoundError:
            return  # git writes a file that it updates anew; the next look finds it
        with opened as file:
            if os.fstat(file.fileno()).st_size < tail.offset:
                raise BadFile(f"{path}: the log became shorter; it is append-only, restore it from git")
            file.seek(tail.offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                tail.offset += len(line)
                tail.lines += 1
                body = line[:-1]
                try:
                    event, previous = parse_line(body, path.name, tail.lines)
                except BadFile as error:
                    self.problems.append(f"{error}; it is passed over")
                else:
                    if previous != tail.digest:
                        self.problems.append(
                            f"{path.name}: line {tail.lines}: does not follow the line before it; a line was changed or taken out"
                        )
                    yield Line(name, tail.lines, event)
                tail.digest = sha256_bytes(body)
