"""State: what all logs add up to. A pure fold over events, the same whatever order the logs are read in.

Rules, in order:
1. An event counts unless an undo that counts takes it back; an undo of an undo is a redo. Anybody may undo anybody's event.
2. Of one reviewer's decisions about one sequence the last that counts stands ("none" = no decision of that reviewer).
3. A decision that settles events takes their standing away, for the sequences both are about.
4. One standing opinion (verdict and types) decides the sequence; two or more different ones are a disagreement, which decides nothing.
5. An answer in a blind audit is a decision too, unless it is about a planted sequence: that one measures the reviewer and decides nothing.
"""

from __future__ import annotations

import gc
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from triage.errors import BadFile
from triage.review.decisions import Decision
from triage.review.events import Event
from triage.review.log import Line, Logs, Tail

__all__ = ["Opinion", "Record", "Standing", "Standings", "State", "fold_events", "looked_at"]

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
    them does; an expression over many is a rule, not a look. blind: given in an audit, with the score hidden."""

    reviewer: str
    decision: Decision
    event: str
    at: str
    looked_at: bool = True
    blind: bool = False


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


@dataclass(frozen=True, slots=True)
class Standings:
    """What stands for many sequences at once, told by the few different things that people said.

    codes: one for each sequence asked for, int64; -1 = nobody has an opinion, else an index into `distinct`. A distinct Standing is that of
    one of its sequences: reviewers, decisions and `looked_at` are those of all of them, `event` and `at` are of that one.
    """

    codes: npt.NDArray[np.int64]
    distinct: tuple[Standing, ...]


class State:
    """The fold, kept up to date: `refresh` reads only what was appended since."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self._tails: dict[str, Tail] = {}
        self.records: list[Record] = []
        self._sets: dict[str, tuple[int, ...]] = {}
        # reviewer -> sequence id -> the record that stands
        self._standing: dict[str, dict[int, int]] = {}
        # the same for answers about planted sequences
        self._planted: dict[str, dict[int, int]] = {}
        # events that settle or are settled: what they mean depends on who else has an opinion
        self._settling: set[str] = set()
        # logs that are shorter than what was read of them: what to say of it
        self._shorter: dict[str, str] = {}
        self._undone: frozenset[str] = frozenset()
        self.contents: dict[str, dict[str, object]] = {}
        # event -> (agrees, differs): sequences that its reviewer decided without seeing what others had said
        self.second_looks: dict[str, tuple[int, int]] = {}
        self.version = 0

    @property
    def problems(self) -> list[str]:
        """One line for each damage met; none of it is fatal."""
        return [*self._logs.problems, *self._shorter.values()]

    def refresh(self) -> bool:
        """Read what was appended to any log since; True when anything was."""
        with _without_collector():
            return self._refresh()

    def _refresh(self) -> bool:
        fresh: list[Record] = []
        for name in self._logs.names():
            tail = self._tails.setdefault(name, Tail())
            try:
                fresh.extend([self._record(line) for line in self._logs.read(name, tail)])
                self._shorter.pop(name, None)
            except BadFile as error:
                # What was read of it still counts: `git pull` writes a file anew, and reads of that moment must not fail.
                self._shorter[name] = str(error)
        if not fresh:
            return False
        start = len(self.records)
        self.records.extend(fresh)
        self._settling.update(event for record in fresh if record.settles for event in (record.id, *record.settles))
        if any(record.kind == "undo" for record in fresh):
            self._undone = _undone(self.records)
            self._standing, self._planted = {}, {}
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

    def planted_answers(self, sequence_id: int) -> tuple[Opinion, ...]:
        """What reviewers said in blind audits of a sequence that was planted there, the last answer of each."""
        held = (self._planted[reviewer].get(sequence_id) for reviewer in sorted(self._planted))
        return _opinions(self.records[index] for index in held if index is not None)

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

    def standings(self, ids: npt.NDArray[np.int64]) -> Standings:
        """`standing` for many sequences at once, in the time of a few passes over arrays however many they are."""
        order = np.argsort(ids, kind="stable")
        ascending = ids[order]
        codes = np.zeros(len(ids), dtype=np.int64)
        examples: list[tuple[int, ...]] = [()]
        for reviewer in sorted(self._standing):
            held = self._standing[reviewer]
            numbers = np.fromiter(held.keys(), np.int64, len(held))
            records = np.fromiter(held.values(), np.int64, len(held))
            places = np.searchsorted(ascending, numbers)
            known = np.zeros(len(numbers), dtype=bool)
            inside = places < len(ids)
            known[inside] = ascending[places[inside]] == numbers[inside]
            said = np.full(len(ids), -1, dtype=np.int64)
            said[order[places[known]]] = self._alike(records[known])
            # One number for (what the reviewers before say, the record of this one).
            pairs, codes = np.unique(codes * (len(self.records) + 1) + said + 1, return_inverse=True)
            before, after = np.divmod(pairs, len(self.records) + 1)
            examples = [
                examples[one] + (() if record == 0 else (record - 1,)) for one, record in zip(before.tolist(), after.tolist(), strict=True)
            ]
        found = [_standing([self.records[index] for index in chosen]) for chosen in examples]
        places_of = np.cumsum([one is not None for one in found]) - 1
        renamed = np.where([one is not None for one in found], places_of, -1)
        return Standings(renamed[codes], tuple(one for one in found if one is not None))

    def _alike(self, records: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """One record for all that say the same; those that settle or are settled stay themselves."""
        distinct, places = np.unique(records, return_inverse=True)
        first: dict[tuple[Decision | None, bool, str], int] = {}
        chosen = np.empty(len(distinct), dtype=np.int64)
        for place, index in enumerate(distinct.tolist()):
            record = self.records[index]
            says = (record.decision, looked_at(record.where), record.kind)
            chosen[place] = index if record.id in self._settling else first.setdefault(says, index)
        return chosen[places.reshape(-1)]

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
        look = None if event.evidence is None else event.evidence.get("second_look")
        if look is not None:
            self.second_looks[event.id] = (look["agrees"], look["differs"])
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
        if record.kind not in ("decide", "answer") or record.decision is None or record.id in self._undone:
            return
        try:
            ids = self.ids(record)
        except BadFile as error:
            if str(error) not in self._logs.problems:
                self._logs.problems.append(str(error))
            return
        planted = record.kind == "answer" and self.contents.get(record.id, {}).get("planted") is True
        said = self._planted if planted else self._standing
        said.setdefault(record.reviewer, {}).update(dict.fromkeys(ids, index))


@contextmanager
def _without_collector() -> Iterator[None]:
    """A million records that hold no cycles: looking for some again and again while they are made is a sixth of a fold."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@lru_cache(maxsize=4096)
def looked_at(where: str) -> bool:
    """Whether an expression names its sequences one by one, as somebody does who has them in sight; else it is a rule over many."""
    return _BY_NAME.fullmatch(where) is not None


def _standing(records: list[Record]) -> Standing | None:
    settled = {event for record in records for event in record.settles}
    opinions = _opinions(record for record in records if record.id not in settled)
    return Standing(opinions) if opinions else None


def _opinions(records: Iterable[Record]) -> tuple[Opinion, ...]:
    return tuple(
        Opinion(
            record.reviewer,
            record.decision,
            record.id,
            record.at,
            looked_at(record.where),
            record.kind == "answer",
        )
        for record in records
        if record.decision is not None and record.decision.verdict != "none"
    )


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
