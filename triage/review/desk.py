"""The reviewer's desk: what the CLI and the server call to decide, undo, save and look back. Every write is one event in one log."""

from __future__ import annotations

import getpass
import math
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice, pairwise
from typing import Any, NamedTuple

import numpy as np

from triage.config import Layout, setting
from triage.errors import BadSetting
from triage.review.decisions import Decision
from triage.review.events import Event
from triage.review.fold import Record, Standings, State, fold_events, looked_at
from triage.review.log import Logs
from triage.review.selection import Rows, Selection
from triage.review.where import part_where

__all__ = ["Desk", "Pace", "Receipt", "default_reviewer"]

#: Time between two decisions beyond which a reviewer was away, in seconds.
_AWAY = 300.0
#: Kinds of events that say something of sequences.
_DECIDING = ("decide", "answer")


def default_reviewer() -> str:
    """Who decides when nobody says: TRIAGE_REVIEWER, else the login name."""
    return setting("reviewer") or getpass.getuser()


@dataclass(frozen=True, slots=True)
class Receipt:
    """What one action did: the event's id, how many sequences it was about, and how many of them had another decision before."""

    event: str
    count: int
    changed: int
    text: str


@dataclass(frozen=True, slots=True)
class Pace:
    """Progress. total: rows of the report; decided, disagreements, later: of these. per_hour: recent pace, None = nothing to go by.

    seconds_left: at that pace for the undecided; None = not known. second_looks: sequences that somebody decided without seeing what others
    had said, in all logs; agreed: those of them that were decided the same way.
    """

    total: int
    decided: int
    disagreements: int
    later: int
    per_hour: float | None
    seconds_left: float | None
    second_looks: int
    agreed: int


class Desk:
    """One reviewer's desk over one data directory. `state` follows the logs of everybody; call `refresh` to see what others did.

    Raises BadSetting for an empty name, and for one whose log is another person's: two people never write one file.
    """

    def __init__(self, layout: Layout, reviewer: str | None = None) -> None:
        self.reviewer = (reviewer or default_reviewer()).strip()
        if not self.reviewer:
            raise BadSetting("reviewer: expected a name; give --reviewer or set TRIAGE_REVIEWER")
        self.logs = Logs(layout.decisions)
        self.state: State = fold_events(self.logs)
        log = self.logs.path(self.reviewer).stem
        owner = next((one.reviewer for one in self.state.records if one.log == log), self.reviewer)
        if owner != self.reviewer:
            raise BadSetting(
                f"reviewer {self.reviewer!r}: expected a name of one's own, but {log}.jsonl is the log of {owner!r}; take another name"
            )

    def refresh(self) -> bool:
        """Read what anybody appended since; True when anything was."""
        return self.state.refresh()

    def select(self, rows: Rows, where: str, exclusions: Iterable[int] = (), *, threshold: float | None = None) -> Selection:
        """Resolve an expression against the rows and what everybody said so far."""
        self.refresh()
        return rows.select(where, exclusions, state=self.state, reviewer=self.reviewer, threshold=threshold)

    def decide(
        self,
        rows: Rows,
        selection: Selection,
        decision: Decision,
        *,
        expect: int | None = None,
        seconds: float | None = None,
        settle: bool = False,
        blind: bool = False,
    ) -> Receipt:
        """Decide a whole selection with one event, on disk when this returns.

        blind: what others said of these sequences was hidden from this reviewer; where they are named one by one, agreement is counted in
        the event.

        expect: the count that the reviewer was shown; a selection that resolves to another number is refused. settle: this ends the
        disagreements there are about these sequences. Raises BadSetting when the selection is empty or not what was shown.
        """
        if expect is not None and expect != len(selection.ids):
            raise BadSetting(
                f"selection: {expect} sequences were shown, but it is {len(selection.ids)} now; somebody else decided meanwhile, look again"
            )
        if not selection.ids:
            raise BadSetting(f"selection {selection.where!r}: no sequence matches, nothing was decided")
        chosen = selection.selected(rows.variant)
        if chosen.ids is None:
            self.logs.write_set(chosen.digest, selection.ids)
        evidence: dict[str, Any] = {"model_version": rows.model_version}
        if len(selection.ids) == 1 and (row := rows.row_of(selection.ids[0])) is not None:
            evidence["score"] = rows.score(row)
        standings = self.state.standings(np.array(selection.ids, dtype=np.int64))
        changed, settles = self._against(selection.ids, standings, decision, settle)
        look = _second_look(standings, self.reviewer, decision) if blind and looked_at(selection.where) else None
        if look is not None:
            evidence["second_look"] = {"agrees": look.agrees, "differs": look.differs}
        event = Event(
            id=uuid.uuid4().hex[:16],
            at=_now(),
            reviewer=self.reviewer,
            kind="decide",
            selected=chosen,
            decision=decision,
            evidence=evidence,
            seconds=seconds,
            settles=settles,
        )
        self._append(event)
        compared = "" if look is None else f"; {look.words}"
        return Receipt(event.id, chosen.size, changed, f"{_sequences(chosen.size)} decided as {decision.words}{compared}")

    def begin_audit(self, audit_id: str) -> Receipt:
        """The blind session of an audit begins: until it is labelled, the viewer hides the scores of its sequences. Undo ends it."""
        return self._note("audit", {"audit": audit_id}, f"blind session of {audit_id} begun")

    def answer(
        self, rows: Rows, sequence_id: int, decision: Decision, audit_id: str, *, planted: bool, seconds: float | None = None
    ) -> Receipt:
        """Say in a blind session what one sequence shows, on disk when this returns.

        planted: a known smoke that measures the reviewer; the answer then decides nothing. The receipt does not tell.
        """
        selection = self.select(rows, f"sequence_id = {sequence_id}")
        event = Event(
            id=uuid.uuid4().hex[:16],
            at=_now(),
            reviewer=self.reviewer,
            kind="answer",
            selected=selection.selected(rows.variant),
            decision=decision,
            content={"audit": audit_id, "planted": planted},
            evidence={"model_version": rows.model_version},
            seconds=seconds,
        )
        self._append(event)
        return Receipt(event.id, 1, 0, f"1 sequence answered as {decision.words}")

    def undo(self, event_id: str | None = None) -> Receipt:
        """Take back one event, anybody's; None = this reviewer's last decision that counts. Raises BadSetting when there is none."""
        self.refresh()
        if event_id is None:
            mine = (one for one in reversed(self.state.records) if one.kind in _DECIDING and one.reviewer == self.reviewer)
            record = next((one for one in mine if not self.state.is_undone(one.id)), None)
            if record is None:
                raise BadSetting(f"nothing to undo: {self.reviewer} has no decision that counts")
        else:
            record = self._record(event_id)
            if self.state.is_undone(record.id):
                raise BadSetting(f"event {event_id} is undone already; `triage decide --redo {event_id}` brings it back")
        return self._take_back(record, "undone")

    def redo(self, event_id: str | None = None) -> Receipt:
        """Bring back what was undone; None = the decision that this reviewer undid last. Raises BadSetting when nothing was undone."""
        self.refresh()
        if event_id is None:
            undos = [one for one in reversed(self.state.records) if one.kind == "undo" and not self.state.is_undone(one.id)]
            last = next((one for one in undos if one.reviewer == self.reviewer and self._is_decision(one.target)), None)
            if last is None:
                raise BadSetting(f"nothing to redo: {self.reviewer} has undone nothing")
            event_id = last.target
        assert event_id is not None
        record = self._record(event_id)
        undos = [one for one in self.state.records if one.kind == "undo" and one.target == record.id and not self.state.is_undone(one.id)]
        if not undos:
            raise BadSetting(f"event {event_id} is not undone")
        receipt = None
        for undo in undos:
            receipt = self._take_back(undo, "redone", about=record)
        assert receipt is not None
        return receipt

    def save_view(self, name: str, view: Mapping[str, Any]) -> Receipt:
        """Save a view (where, exclusions, order, columns, threshold ...) under a name; the last of one name is the one shown."""
        return self._note("view", {"name": _named(name), "view": dict(view)}, f"view {name!r} saved")

    def assign(self, view: str, reviewer: str, part: str | None = None, by: str = "sequence") -> Receipt:
        """Give a saved view to a reviewer; part: "2/5" = the second of five by hash of the sequence or of the camera, None = all of it."""
        self.view(view)
        if part is not None:
            part_where(part, by)
        content = {"view": view, "to": _named(reviewer), "part": part, "by": by}
        told = f" (part {part} by {by})" if part else ""
        return self._note("assign", content, f"view {view!r} assigned to {reviewer}{told}")

    def snapshot(self, name: str) -> Receipt:
        """Name this moment: how far every log goes. `past` shows it again."""
        self.refresh()
        lines = Counter(record.log for record in self.state.records)
        return self._note("snapshot", {"name": _named(name), "lines": dict(sorted(lines.items()))}, f"snapshot {name!r} taken")

    def views(self) -> dict[str, dict[str, Any]]:
        """Saved views by name."""
        return {content["name"]: content["view"] for content in self._contents("view")}

    def view(self, name: str) -> dict[str, Any]:
        """A saved view. Raises BadSetting for an unknown name, or one that was saved without an expression."""
        known = self.views()
        if name not in known:
            raise BadSetting(f"view {name!r}: expected one of {', '.join(known) or 'none saved yet'}")
        if not isinstance(known[name].get("where"), str):
            raise BadSetting(f"view {name!r}: expected an expression in it, found none; save it again in the viewer")
        return known[name]

    def assignments(self) -> list[dict[str, Any]]:
        """Who got which view, the last word for each (view, part, by)."""
        given = [{"by": "sequence", **content} for content in self._contents("assign")]
        return list({(content["view"], content["part"], content["by"]): content for content in given}.values())

    def snapshots(self) -> dict[str, dict[str, int]]:
        """Snapshots by name: how many lines of every log they include."""
        return {content["name"]: content["lines"] for content in self._contents("snapshot")}

    def past(self, name: str) -> State:
        """The state at a snapshot. Raises BadSetting for an unknown name."""
        known = self.snapshots()
        if name not in known:
            raise BadSetting(f"snapshot {name!r}: expected one of {', '.join(known) or 'none taken yet'}")
        lines = known[name]
        return fold_events(self.logs, lambda event, log, number: number <= lines.get(log, 0))

    def history(self, limit: int = 50) -> list[Record]:
        """The newest decisions and undos of everybody, newest first."""
        return sorted((one for one in self.state.records if one.kind in (*_DECIDING, "undo")), key=lambda one: one.at, reverse=True)[:limit]

    def pace(self, rows: Rows) -> Pace:
        """How far the report is decided, and at what pace this reviewer goes."""
        standings = rows.standings(self.state)
        tally: Counter[str] = Counter()
        for code, count in zip(*np.unique(standings.codes, return_counts=True), strict=True):
            if code >= 0:
                decision = standings.distinct[code].decision
                tally["disagreement" if decision is None else "later" if decision.verdict == "later" else "decided"] += int(count)
        per_hour = self._per_hour()
        left = len(rows) - tally["decided"]
        seconds = None if per_hour is None else left / per_hour * 3600
        looks = [look for event, look in self.state.second_looks.items() if not self.state.is_undone(event)]
        agreed, differed = (sum(look[place] for look in looks) for place in (0, 1))
        return Pace(len(rows), tally["decided"], tally["disagreement"], tally["later"], per_hour, seconds, agreed + differed, agreed)

    def _per_hour(self) -> float | None:
        newest = (one for one in reversed(self.state.records) if one.kind in _DECIDING and one.reviewer == self.reviewer)
        mine = list(islice(newest, 200))[::-1]
        pairs = []
        for before, after in pairwise(mine):
            gap = (datetime.fromisoformat(after.at) - datetime.fromisoformat(before.at)).total_seconds()
            if 0 < gap <= _AWAY:
                pairs.append((gap, after.size))
        seconds = math.fsum(gap for gap, _ in pairs)
        return sum(count for _, count in pairs) / seconds * 3600 if len(pairs) >= 3 else None

    def _against(self, ids: tuple[int, ...], standings: Standings, decision: Decision, settle: bool) -> tuple[int, tuple[str, ...]]:
        # Settling also ends what was settled before: this decision takes the place of the one that settled it.
        about = (one for number in (ids if settle else ()) for one in self.state.events_about(number))
        settles = {one.id for one in about if one.reviewer != self.reviewer}
        # Of code -1, nobody, nothing changes: the last place of the array is its.
        differs = [any(one.decision.says != decision.says for one in standing.opinions) for standing in standings.distinct]
        return int(np.array([*differs, False])[standings.codes].sum()), tuple(sorted(settles))

    def _take_back(self, record: Record, word: str, about: Record | None = None) -> Receipt:
        event = Event(uuid.uuid4().hex[:16], _now(), self.reviewer, "undo", target=record.id)
        self._append(event)
        shown = about or record
        what = shown.decision.words if shown.decision else shown.kind
        return Receipt(event.id, shown.size, shown.size, f"{word}: {_sequences(shown.size)} as {what} (by {shown.reviewer})")

    def _record(self, event_id: str) -> Record:
        found = next((one for one in self.state.records if one.id == event_id), None)
        if found is None:
            raise BadSetting(f"event {event_id!r} is in no log; `triage decide --history` lists them")
        return found

    def _is_decision(self, event_id: str | None) -> bool:
        return any(one.id == event_id and one.kind in _DECIDING for one in self.state.records)

    def _note(self, kind: Any, content: dict[str, Any], text: str) -> Receipt:
        event = Event(uuid.uuid4().hex[:16], _now(), self.reviewer, kind, content=content)
        self._append(event)
        return Receipt(event.id, 0, 0, text)

    def _contents(self, kind: str) -> list[dict[str, Any]]:
        records = sorted((one for one in self.state.records if one.kind == kind), key=lambda one: one.at)
        return [self.state.contents[one.id] for one in records if not self.state.is_undone(one.id)]

    def _append(self, event: Event) -> None:
        self.logs.append(event)
        self.state.refresh()


class _Look(NamedTuple):
    """A second look: sequences that others had decided, the same way or otherwise. who: the others."""

    agrees: int
    differs: int
    who: tuple[str, ...]

    @property
    def words(self) -> str:
        """What the reviewer is told, now that it is said."""
        who = ", ".join(self.who)
        if self.agrees + self.differs == 1:
            return f"{who} said the same" if self.agrees else f"{who} said otherwise, so it waits among the disagreements"
        return f"{who} said the same of {self.agrees}, otherwise of {self.differs}"


def _second_look(standings: Standings, reviewer: str, decision: Decision) -> _Look | None:
    """How a decision compares with what others had said; None = nobody else had decided any of the sequences, or this reviewer had too."""
    counts = dict(zip(*(part.tolist() for part in np.unique(standings.codes, return_counts=True)), strict=True))
    agrees = differs = 0
    who: set[str] = set()
    for code, count in counts.items():
        opinions = standings.distinct[code].opinions if code >= 0 else ()
        said = [one for one in opinions if one.decision.verdict != "later"]
        if not said or any(one.reviewer == reviewer for one in opinions):
            continue
        who |= {one.reviewer for one in said}
        if all(one.decision.says == decision.says for one in said):
            agrees += count
        else:
            differs += count
    return _Look(agrees, differs, tuple(sorted(who))) if agrees + differs else None


def _sequences(count: int) -> str:
    return "1 sequence" if count == 1 else f"{count} sequences"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _named(name: str) -> str:
    if not name.strip():
        raise BadSetting("a name is needed: it was empty")
    return name.strip()
