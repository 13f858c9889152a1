"""The reviewers' desks behind the API: joins `triage.review` with the open reports. No HTTP here."""

from __future__ import annotations

import contextlib
import shlex
import threading
from collections.abc import Iterable, Mapping, Set

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from triage.config import Layout
from triage.errors import BadFile, BadSetting
from triage.files import sha256_bytes
from triage.review.decisions import parse_decision
from triage.review.desk import Desk, default_reviewer
from triage.review.desk import Receipt as DeskReceipt
from triage.review.fold import Standings, State
from triage.review.selection import Rows
from triage.sequences import sequence_id_of
from triage.server.blinding import Blind, blind_table, rows_version
from triage.server.opened import OpenReport
from triage.server.rows import ipc_stream, page_table
from triage.server.schemas_review import (
    AnswerIn,
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
    VerdictOut,
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
        self._blind: tuple[object, Blind | None] = (None, None)
        self._blind_rows: tuple[str, _BlindRows] | None = None
        self._blind_stream: tuple[str, bytes] = ("", b"")

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
            blind = self._running(report, desk)
            hidden = frozenset() if blind is None else blind.keys
            if snapshot is not None:
                past = _stream(desk.past(snapshot), self._rows_of(report), hidden, {})
                return past, f"past-{snapshot.encode().hex()[:40]}-{rows_version(report.version, blind)}"
            tag = f"decisions-{desk.state.version}-{rows_version(report.version, blind)}"
            if self._stream[0] != tag:
                answers = {} if blind is None else self._answers(report, desk)
                self._stream = (tag, _stream(desk.state, self._rows_of(report), hidden, answers))
            return self._stream[1], tag

    def select(self, report: OpenReport, asked: SelectIn) -> SelectOut:
        """Count a selection; nothing is written."""
        with self._lock:
            desk = self._desk(asked.reviewer)
            rows = self._shown_rows(report, desk)
            selection = desk.select(rows, asked.where, asked.exclusions, threshold=asked.threshold)
            command = _command(self._layout, rows.variant, desk.reviewer, asked)
            return SelectOut(count=len(selection.ids), digest=selection.selected(report.variant).digest, command=command)

    def decide(self, report: OpenReport, asked: DecideIn) -> ReceiptOut:
        """Decide a selection; on disk when this returns."""
        decision = parse_decision(asked.words, note=asked.note, tags=asked.tags)
        with self._lock:
            desk = self._desk(asked.reviewer)
            rows = self._shown_rows(report, desk)
            selection = desk.select(rows, asked.where, asked.exclusions, threshold=asked.threshold)
            how = {"settle": asked.settle, "blind": asked.blind}
            return _receipt(desk.decide(rows, selection, decision, expect=asked.expect, seconds=asked.seconds, **how))

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
                second_looks=pace.second_looks,
                agreed=pace.agreed,
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
            return _receipt(desk.assign(given.view, given.to, given.part, given.by))

    def snapshot(self, reviewer: str | None, name: str) -> ReceiptOut:
        """Name this moment."""
        with self._lock:
            return _receipt(self._desk(reviewer).snapshot(name))

    def audit(self, report: OpenReport) -> AuditOut | None:
        """The newest audit's worklist; None = no audit was planned for this report."""
        # scipy.stats comes with it, a second that no other answer should wait for
        from triage.review.auditing import bucket_status, open_neighbours, worklist

        with self._lock:
            rows, desk = self._rows_of(report), self._desk(None)
            desk.refresh()
            try:
                now = worklist(self._layout, rows, desk.state)
            except BadFile:
                return None
            if now.plan.variant != report.variant:
                return None
            return AuditOut(
                audit_id=now.plan.audit_id,
                look=now.look + 1,
                keys=list(now.keys),
                left=list(now.left),
                expired=now.expired or bucket_status(self._layout, rows, desk.state).reason.startswith("EXPIRED"),
                running=now.running,
                version=rows_version(report.version, self._running(report, desk)),
                neighbours=[] if now.left else list(open_neighbours(self._layout, rows, desk.state, now.plan)),
            )

    def begin_audit(self, report: OpenReport, reviewer: str | None) -> ReceiptOut:
        """The blind session of the newest audit begins. Raises BadSetting when there is nothing to label."""
        from triage.review.auditing import worklist

        with self._lock:
            desk = self._desk(reviewer)
            desk.refresh()
            now = worklist(self._layout, self._rows_of(report), desk.state)
            if now.expired or not now.left or now.plan.variant != report.variant:
                raise BadSetting(f"{now.plan.audit_id}: nothing of it is left to label here; run `triage audit report`")
            return _receipt(desk.begin_audit(now.plan.audit_id))

    def answer(self, report: OpenReport, asked: AnswerIn) -> ReceiptOut:
        """What one sequence of the running session shows. Raises BadSetting when no session runs or it does not show the sequence."""
        from triage.review.auditing import worklist

        decision = parse_decision(asked.words)
        with self._lock:
            desk = self._desk(asked.reviewer)
            desk.refresh()
            rows = self._rows_of(report)
            now = worklist(self._layout, rows, desk.state)
            if asked.key not in now.keys:
                raise BadSetting(f"{asked.key}: not in the worklist of {now.plan.audit_id}; reload the page")
            if not now.begun or now.expired:
                raise BadSetting(f"{now.plan.audit_id}: its blind session does not run; begin it on the page Audit")
            planted = asked.key in now.plan.planted
            number = sequence_id_of(asked.key)
            return _receipt(desk.answer(rows, number, decision, now.plan.audit_id, planted=planted, seconds=asked.seconds))

    def report_audit(self, report: OpenReport) -> VerdictOut:
        """Judge the newest audit, note the look, write its report. Raises BadFile when none was planned."""
        from triage.audit.words import report_in_words
        from triage.review.auditing import audit_now

        with self._lock:
            rows, desk = self._rows_of(report), self._desk(None)
            desk.refresh()
            plan, judged, _ = audit_now(self._layout, rows, desk.state)
            return VerdictOut(verdict=judged.verdict, text=report_in_words(plan, judged))

    # -- the blind session

    def blind(self, report: OpenReport) -> Blind | None:
        """The blind session that runs for this report; None = none does."""
        with self._lock:
            desk = self._desk(None)
            desk.refresh()
            return self._running(report, desk)

    def blind_arrow(self, report: OpenReport, blind: Blind) -> bytes:
        """All rows as the page may read them meanwhile."""
        with self._lock:
            tag = rows_version(report.version, blind)
            if self._blind_stream[0] != tag:
                self._blind_stream = (tag, ipc_stream(page_table(blind_table(report.table, blind.keys))))
            return self._blind_stream[1]

    def _running(self, report: OpenReport, desk: Desk) -> Blind | None:
        ledger = self._layout.audits / "ledger.jsonl"
        at = (report.variant, report.version, desk.state.version, id(desk), ledger.stat().st_mtime_ns if ledger.exists() else 0)
        if self._blind[0] != at:
            now = None
            if any(record.kind == "audit" for record in desk.state.records):
                from triage.review.auditing import worklist

                # A damaged ledger is said where the audit is asked for; rows are shown as ever.
                with contextlib.suppress(BadFile):
                    now = worklist(self._layout, self._rows_of(report), desk.state)
            runs = now is not None and now.running and now.plan.variant == report.variant
            keys = frozenset(now.keys) if now is not None and runs else frozenset()
            self._blind = (at, Blind(f"blind-{sha256_bytes(' '.join(sorted(keys)).encode())[:12]}", keys) if runs else None)
        return self._blind[1]

    def _answers(self, report: OpenReport, desk: Desk) -> dict[int, str]:
        """Of the session's sequences that are in the report and have their label: id -> words."""
        from triage.review.auditing import worklist

        now = worklist(self._layout, self._rows_of(report), desk.state)
        words: dict[int, str] = {}
        for key in set(now.keys) - set(now.left):
            number = sequence_id_of(key)
            if self._rows_of(report).row_of(number) is None:
                continue
            standing = desk.state.standing(number)
            opinions = desk.state.planted_answers(number) if key in now.plan.planted else standing.opinions if standing is not None else ()
            words[number] = " / ".join(sorted({one.decision.words for one in opinions}))
        return words

    def _shown_rows(self, report: OpenReport, desk: Desk) -> Rows:
        """Rows as the page may select from them."""
        desk.refresh()
        blind = self._running(report, desk)
        if blind is None:
            return self._rows_of(report)
        tag = rows_version(report.version, blind)
        if self._blind_rows is None or self._blind_rows[0] != tag:
            self._blind_rows = (tag, _BlindRows(blind_table(report.table, blind.keys), report.variant, report.threshold))
        rows = self._blind_rows[1]
        rows.undecided = frozenset(sequence_id_of(key) for key in blind.keys) - self._answers(report, desk).keys()
        return rows

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


def _command(layout: Layout, variant: str, reviewer: str, asked: SelectIn) -> str:
    """Everything is named: the same command does the same in a terminal with other defaults, in another directory."""
    parts = ["triage", "decide", "--where", asked.where or "all"]
    parts += [part for number in sorted(set(asked.exclusions)) for part in ("--except", str(number))]
    if asked.words is not None:
        parts += ["--as", asked.words]
    if asked.note:
        parts += ["--note", asked.note]
    parts += [part for tag in asked.tags for part in ("--tag", tag)]
    parts += ["--settle"] if asked.settle else []
    if asked.threshold is not None:
        parts += ["--threshold", repr(asked.threshold)]
    parts += ["--variant", variant, "--reviewer", reviewer, "--data", str(layout.root.resolve())]
    return shlex.join(parts)


def _stream(state: State, rows: Rows, hidden: Set[str], answers: Mapping[int, str]) -> bytes:
    """row (int32, position in the report), words, reviewer (dictionary), decided and disagreement (bool), one line per opinionated row.

    hidden: keys of which only `answers` (id -> words) are told: an earlier decision would say which of them are planted.
    """
    standings = rows.standings(state)
    shown = standings.codes.copy()
    shown[_places(rows, (sequence_id_of(key) for key in hidden))] = -1
    places = np.flatnonzero(shown >= 0)
    codes = shown[places]
    said = [standing.decision for standing in standings.distinct]
    words = [" / ".join(sorted({one.decision.words for one in standing.opinions})) for standing in standings.distinct]
    who = [", ".join(one.reviewer for one in standing.opinions) for standing in standings.distinct]
    decided = [decision is not None and decision.verdict != "later" for decision in said]
    disagreement = [decision is None for decision in said]
    # Answers are further things that were said, each of its row.
    places = np.concatenate([places, _places(rows, answers)])
    codes = np.concatenate([codes, np.arange(len(words), len(words) + len(answers))])
    words, who = [*words, *answers.values()], [*who, *("" for _ in answers)]
    decided, disagreement = [*decided, *(True for _ in answers)], [*disagreement, *(False for _ in answers)]
    return ipc_stream(
        pa.table(
            {
                "row": pa.array(places.astype(np.int32)),
                "words": _named(codes, words),
                "reviewer": _named(codes, who),
                "decided": pa.array(np.array(decided, dtype=bool)[codes]),
                "disagreement": pa.array(np.array(disagreement, dtype=bool)[codes]),
            }
        )
    )


def _places(rows: Rows, ids: Iterable[int]) -> npt.NDArray[np.int64]:
    return np.array([row for row in map(rows.row_of, ids) if row is not None], dtype=np.int64)


class _BlindRows(Rows):
    """Rows of a blind session: `undecided` ids count as undecided, as the page shows them, whatever was said of them before."""

    undecided: frozenset[int] = frozenset()

    def standings(self, state: State) -> Standings:
        """As of Rows, without what was said of the undecided ones."""
        known = super().standings(state)
        codes = known.codes.copy()
        codes[_places(self, self.undecided)] = -1
        return Standings(codes, known.distinct)


def _named(codes: npt.NDArray[np.int64], names: list[str]) -> pa.DictionaryArray:
    distinct = sorted(set(names))
    places = np.array([distinct.index(name) for name in names], dtype=np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(places[codes]), pa.array(distinct, pa.string()))
