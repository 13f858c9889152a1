"""The reviewers' desks behind the API: joins `triage.review` with the open reports. No HTTP here."""

from __future__ import annotations

import shlex
import threading

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from triage.config import Layout
from triage.errors import BadFile
from triage.review.decisions import parse_decision
from triage.review.desk import Desk, default_reviewer
from triage.review.desk import Receipt as DeskReceipt
from triage.review.fold import State
from triage.review.selection import Rows
from triage.server.opened import OpenReport
from triage.server.rows import ipc_stream
from triage.server.schemas_review import (
    Assignment,
    AuditOut,
    DecideIn,
    EventOut,
    PaceOut,
    ReceiptOut,
    ReviewOut,
    SelectIn,
    SelectOut,
    SnapshotOut,
    ViewOut,
)

__all__ = ["Reviewing"]

_DESKS = 32


class Reviewing:
    """Safe to use from several threads: one lock, since every action reads the logs anew and most end with one line on disk."""

    def __init__(self, layout: Layout, reviewer: str | None = None) -> None:
        self._layout = layout
        self._reviewer = reviewer
        self._lock = threading.Lock()
        self._desks: dict[str, Desk] = {}
        self._rows: dict[str, tuple[str, Rows]] = {}
        self._stream: tuple[str, bytes] = ("", b"")

    def desk(self) -> ReviewOut:
        """What the page shows around the decisions."""
        with self._lock:
            desk = self._desk(None)
            desk.refresh()
            return ReviewOut(
                reviewer=desk.reviewer,
                version=desk.state.version,
                views=[ViewOut(name=name, view=view) for name, view in sorted(desk.views().items())],
                assignments=[Assignment(**content) for content in desk.assignments()],
                snapshots=[SnapshotOut(name=name) for name in desk.snapshots()],
                problems=list(desk.state.problems),
            )

    def decisions(self, report: OpenReport, snapshot: str | None) -> tuple[bytes, str]:
        """Every standing decision about the report's rows as an Arrow stream, and its ETag. snapshot: of a past moment; None = now."""
        with self._lock:
            desk = self._desk(None)
            desk.refresh()
            if snapshot is not None:
                return _stream(desk.past(snapshot), self._rows_of(report)), f"past-{snapshot.encode().hex()[:40]}-{report.version}"
            tag = f"decisions-{desk.state.version}-{report.version}"
            if self._stream[0] != tag:
                self._stream = (tag, _stream(desk.state, self._rows_of(report)))
            return self._stream[1], tag

    def select(self, report: OpenReport, asked: SelectIn) -> SelectOut:
        """Count a selection; nothing is written."""
        with self._lock:
            rows = self._rows_of(report)
            selection = self._desk(asked.reviewer).select(rows, asked.where, asked.exclusions, threshold=asked.threshold)
            return SelectOut(count=len(selection.ids), digest=selection.selected(report.variant).digest, command=_command(asked))

    def decide(self, report: OpenReport, asked: DecideIn) -> ReceiptOut:
        """Decide a selection; on disk when this returns."""
        decision = parse_decision(asked.words, note=asked.note, tags=asked.tags)
        with self._lock:
            rows, desk = self._rows_of(report), self._desk(asked.reviewer)
            selection = desk.select(rows, asked.where, asked.exclusions, threshold=asked.threshold)
            return _receipt(desk.decide(rows, selection, decision, expect=asked.expect, seconds=asked.seconds, settle=asked.settle))

    def undo(self, reviewer: str | None, event: str | None) -> ReceiptOut:
        """Take an event back; None = the reviewer's last."""
        with self._lock:
            return _receipt(self._desk(reviewer).undo(event))

    def redo(self, reviewer: str | None, event: str | None) -> ReceiptOut:
        """Bring back what was undone; None = the last."""
        with self._lock:
            return _receipt(self._desk(reviewer).redo(event))

    def history(self, limit: int) -> list[EventOut]:
        """The newest decisions and undos of everybody."""
        with self._lock:
            desk = self._desk(None)
            desk.refresh()
            return [
                EventOut(
                    event=one.id,
                    at=one.at,
                    reviewer=one.reviewer,
                    kind=one.kind,
                    words=one.decision.words if one.decision else None,
                    where=one.where,
                    count=one.size,
                    undone=desk.state.is_undone(one.id),
                    target=one.target,
                )
                for one in desk.history(limit)
            ]

    def pace(self, report: OpenReport, reviewer: str | None) -> PaceOut:
        """How far the report is decided."""
        with self._lock:
            desk = self._desk(reviewer)
            desk.refresh()
            pace = desk.pace(self._rows_of(report))
            return PaceOut(
                total=pace.total,
                decided=pace.decided,
                disagreements=pace.disagreements,
                later=pace.later,
                per_hour=pace.per_hour,
                seconds_left=pace.seconds_left,
            )

    def save_view(self, reviewer: str | None, name: str, view: dict[str, object]) -> ReceiptOut:
        """Save a view under a name."""
        with self._lock:
            return _receipt(self._desk(reviewer).save_view(name, view))

    def assign(self, given: Assignment) -> ReceiptOut:
        """Give a view, or a part of it, to a reviewer."""
        with self._lock:
            desk = self._desk(None)
            desk.refresh()
            return _receipt(desk.assign(given.view, given.to, given.part))

    def snapshot(self, reviewer: str | None, name: str) -> ReceiptOut:
        """Name this moment."""
        with self._lock:
            return _receipt(self._desk(reviewer).snapshot(name))

    def audit(self, report: OpenReport) -> AuditOut | None:
        """The newest audit's worklist; None = no audit was planned for this report."""
        from triage.review.auditing import bucket_status, worklist  # brings scipy.stats, a second that no other answer should wait for

        with self._lock:
            rows, desk = self._rows_of(report), self._desk(None)
            desk.refresh()
            try:
                plan, keys, left = worklist(self._layout, rows, desk.state)
            except BadFile:
                return None
            if plan.variant != report.variant:
                return None
            certified = bucket_status(self._layout, rows, desk.state)
            look = next(number for number, planned in enumerate(plan.looks, 1) if plan.worklist(planned) == keys)
            return AuditOut(
                audit_id=plan.audit_id, look=look, keys=list(keys), left=list(left), expired=certified.reason.startswith("EXPIRED")
            )

    def _desk(self, reviewer: str | None) -> Desk:
        name = (reviewer or self._reviewer or default_reviewer()).strip()
        if name not in self._desks:
            while len(self._desks) >= _DESKS:
                self._desks.pop(next(iter(self._desks)))
            self._desks[name] = Desk(self._layout, name)
        return self._desks[name]

    def _rows_of(self, report: OpenReport) -> Rows:
        known = self._rows.get(report.variant)
        if known is None or known[0] != report.version:
            self._rows[report.variant] = known = (report.version, Rows(report.table, report.variant, report.threshold))
        return known[1]


def _receipt(receipt: DeskReceipt) -> ReceiptOut:
    return ReceiptOut(event=receipt.event, count=receipt.count, changed=receipt.changed, text=receipt.text)


def _command(asked: SelectIn) -> str:
    parts = ["triage", "decide", "--where", asked.where or "all"]
    parts += [part for number in sorted(set(asked.exclusions)) for part in ("--except", str(number))]
    if asked.threshold is not None:
        parts += ["--threshold", repr(asked.threshold)]
    return shlex.join(parts)


def _stream(state: State, rows: Rows) -> bytes:
    """row (int32, position in the report), words, reviewer (dictionary), decided and disagreement (bool), one line per opinionated row."""
    standings = rows.standings(state)
    places = np.flatnonzero(standings.codes >= 0)
    codes = standings.codes[places]
    said = [standing.decision for standing in standings.distinct]
    words = [" / ".join(sorted({one.decision.words for one in standing.opinions})) for standing in standings.distinct]
    who = [", ".join(one.reviewer for one in standing.opinions) for standing in standings.distinct]
    decided = np.array([decision is not None and decision.verdict != "later" for decision in said], dtype=bool)
    disagreement = np.array([decision is None for decision in said], dtype=bool)
    return ipc_stream(
        pa.table(
            {
                "row": pa.array(places.astype(np.int32)),
                "words": _named(codes, words),
                "reviewer": _named(codes, who),
                "decided": pa.array(decided[codes]),
                "disagreement": pa.array(disagreement[codes]),
            }
        )
    )


def _named(codes: npt.NDArray[np.int64], names: list[str]) -> pa.DictionaryArray:
    distinct = sorted(set(names))
    places = np.array([distinct.index(name) for name in names], dtype=np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(places[codes]), pa.array(distinct, pa.string()))
