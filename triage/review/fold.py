"""State: what all logs add up to. A pure fold over events, the same whatever order the logs are read in.

Rules, in order:
1. An event counts unless an undo that counts takes it back; an undo of an undo is a redo. Anybody may undo anybody's event.
2. Of one reviewer's decisions about one sequence the last that counts stands ("none" = no decision of that reviewer).
3. A decision that settles events takes their standing away, for the sequences both are about.
4. One standing opinion (verdict and types) decides the sequence; two or more different ones are a disagreement, which decides nothing.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from triage.errors import BadFile
from triage.review.decisions import Decision
from triage.review.events import Event
from triage.review.log import Line, Logs, Tail

__all__ = ["Opinion", "Record", "Standing", "State", "fold_events"]

#: An expression that names its sequences: what the page sends for tiles and rows that were on the screen.
_BY_NAME = re.compile(r"\s*(sequence_id|key)\s*(=\s*[\w-]+|in\s*\([\w\s,-]*\))\s*")


class Record(NamedTuple):
    """An event as the fold keeps it: what is needed to judge it, and where the rest of it stands. seconds None = not measured."""

    id: str
    at: str
    reviewer: str
    log: str
    number: int
    kind: str
    decision: Decision | None
    where: str
    size: int
    digest: str
    ids: tuple[int, ...] | int | None
    target: str | None
    settles: tuple[str, ...]
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Opinion:
    """One reviewer's standing decision about one sequence. looked_at: the event names its sequences one by one, as a person who looks at
    them does; an expression over many is a rule, not a look."""

    reviewer: str
    decision: Decision
    event: str
    at: str
    looked_at: bool = True


@dataclass(frozen=True, slots=True)
class Standing:
    """All standing opinions about one sequence, by reviewer. decision: what it is decided as, None = they disagree."""

    opinions: tuple[Opinion, ...]

    @property
    def decision(self) -> Decision | None:
        """The one opinion there is; None = the reviewers disagree."""
        first = self.opinions[0].decision
        return first if all(one.decision.says == first.says for one in self.opinions) else None

    @property
    def looked_at(self) -> bool:
        """Whether somebody decided this very sequence, not only a rule over many."""
        return any(one.looked_at for one in self.opinions)


class State:
    """The fold, kept up to date: `refresh` reads only what was appended since."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self._tails: dict[str, Tail] = {}
        self.records: list[Record] = []
        self._sets: dict[str, tuple[int, ...]] = {}
        # reviewer -> sequence id -> the record that stands
        self._standing: dict[str, dict[int, int]] = {}
        self._undone: frozenset[str] = frozenset()
        self.contents: dict[str, dict[str, object]] = {}
        self.version = 0

    @property
    def problems(self) -> list[str]:
        """One line for each damage met; none of it is fatal."""
        return self._logs.problems

    def refresh(self) -> bool:
        """Read what was appended to any log since; True when anything was."""
        fresh: list[Record] = []
        for name in self._logs.names():
            tail = self._tails.setdefault(name, Tail())
            fresh.extend(self._record(line) for line in self._logs.read(name, tail))
        if not fresh:
            return False
        start = len(self.records)
        self.records.extend(fresh)
        if any(record.kind == "undo" for record in fresh):
            self._undone = _undone(self.records)
            self._standing = {}
            start = 0
        for index in range(start, len(self.records)):
            self._apply(index)
        self.version += 1
        return True

    def is_undone(self, event_id: str) -> bool:
        """Whether the event does not count."""
        return event_id in self._undone

    def ids(self, record: Record) -> tuple[int, ...]:
        """The sequences an event is about."""
        if isinstance(record.ids, int):
            return (record.ids,)
        return record.ids if record.ids is not None else self._set(record.digest)

    def standing(self, sequence_id: int) -> Standing | None:
        """The opinions about one sequence; None = nobody has one."""
        return _standing(self.events_about(sequence_id))

    def events_about(self, sequence_id: int) -> list[Record]:
        """The last decision of every reviewer about one sequence, whether it was settled or not."""
        held = (self._standing[reviewer].get(sequence_id) for reviewer in sorted(self._standing))
        return [self.records[index] for index in held if index is not None]

    def all_standing(self) -> Iterator[tuple[int, Standing]]:
        """Every sequence that somebody has an opinion about, ascending."""
        for sequence_id in sorted(set().union(*self._standing.values())):
            standing = self.standing(sequence_id)
            if standing is not None:
                yield sequence_id, standing

    def _set(self, digest: str) -> tuple[int, ...]:
        if digest not in self._sets:
            self._sets[digest] = self._logs.read_set(digest)
        return self._sets[digest]

    def _record(self, line: Line) -> Record:
        event = line.event
        chosen = event.selected
        ids: tuple[int, ...] | int | None = None if chosen is None else chosen.ids
        if isinstance(ids, tuple) and len(ids) == 1:
            ids = ids[0]
        if event.content is not None:
            self.contents[event.id] = dict(event.content)
        return Record(
            event.id,
            event.at,
            sys.intern(event.reviewer),
            line.log,
            line.number,
            sys.intern(event.kind),
            event.decision,
            "" if chosen is None else sys.intern(chosen.where),
            0 if chosen is None else chosen.size,
            "" if chosen is None or ids is not None else chosen.digest,
            ids,
            event.target,
            event.settles,
            event.seconds,
        )

    def _apply(self, index: int) -> None:
        record = self.records[index]
        if record.kind != "decide" or record.decision is None or record.id in self._undone:
            return
        try:
            ids = self.ids(record)
        except BadFile as error:
            if str(error) not in self._logs.problems:
                self._logs.problems.append(str(error))
            return
        self._standing.setdefault(record.reviewer, {}).update(dict.fromkeys(ids, index))


def _standing(records: list[Record]) -> Standing | None:
    settled = {event for record in records for event in record.settles}
    opinions = tuple(
        Opinion(record.reviewer, record.decision, record.id, record.at, _BY_NAME.fullmatch(record.where) is not None)
        for record in records
        if record.decision is not None and record.decision.verdict != "none" and record.id not in settled
    )
    return Standing(opinions) if opinions else None


def _undone(records: Iterable[Record]) -> frozenset[str]:
    """The events that do not count. An undo acts on an earlier event, so following targets ends."""
    undos: dict[str, list[str]] = {}
    for record in records:
        if record.kind == "undo" and record.target is not None:
            undos.setdefault(record.target, []).append(record.id)
    known: dict[str, bool] = {}

    def undone(event_id: str) -> bool:
        # Iterative: a chain of undo and redo may be long.
        stack = [event_id]
        while stack:
            here = stack[-1]
            if here in known:
                stack.pop()
                continue
            known_by = undos.get(here, ())
            # A log edited by hand may undo in a circle: what is on the stack already is not followed again.
            open_ones = [undo for undo in known_by if undo not in known and undo not in stack]
            if open_ones:
                stack.extend(open_ones)
            else:
                known[here] = any(not known.get(undo, True) for undo in known_by)
                stack.pop()
        return known[event_id]

    return frozenset(target for target in undos if undone(target))


def fold_events(logs: Logs, keep: Callable[[Event, str, int], bool] | None = None) -> State:
    """A State read from the start. keep: which lines count (event, log, line number), for the view of a past moment; None = all."""
    state = State(logs if keep is None else _Past(logs.root, keep=keep))
    state.refresh()
    return state


@dataclass(frozen=True, slots=True)
class _Past(Logs):
    keep: Callable[[Event, str, int], bool] = lambda event, log, number: True

    def read(self, name: str, tail: Tail) -> Iterator[Line]:
        for line in Logs.read(self, name, tail):
            if self.keep(line.event, line.log, line.number):
                yield line
