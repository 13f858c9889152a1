"""The audit at work: rows of a report and decisions of reviewers in, plans, verdicts and certificates out. The statistics are in
`triage.audit`; here are the report, the labels, the clock and the files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

from triage.audit.certificate import Books, Difference
from triage.audit.page import audit_page
from triage.audit.plan import Plan, costs, make_plan
from triage.audit.report import AuditLabel, AuditReport, audit_report
from triage.audit.words import plan_in_words, report_as_json
from triage.config import Layout
from triage.files import write_bytes, write_json
from triage.review.audit_inputs import audit_labels, known_truth, labels_of, looked_at, split_rows
from triage.review.fold import State
from triage.review.selection import Rows

__all__ = ["PlanOptions", "Status", "Worklist", "audit_now", "bucket_status", "open_neighbours", "plan_audit", "worklist"]


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What `triage audit plan` takes. hits None = the default of the number of looks.

    seed None = that of the last plan, so that a threshold moved by a hair draws nothing new; derived from the bucket when there is none, or
    when the last one was looked at in vain. review_sample None = a tenth of the sample.
    """

    max_miss: Fraction = Fraction(1, 200)
    confidence: float = 0.95
    hits: int | None = None
    looks: int = 2
    open_ended: bool = False
    strata: int = 1
    near: int = 0
    seed: int | None = None
    planted: int = 60
    review_sample: int | None = None


def plan_audit(layout: Layout, rows: Rows, state: State, options: PlanOptions) -> tuple[Plan, str, Path]:
    """Freeze the Unlabel bucket, draw, write `plan.json` and the blind worklist of the first look; (plan, words, worklist).

    The words warn when an earlier audit bears on this one. Raises BadSetting when no sample certifies the target.
    """
    split, books = split_rows(rows), Books(layout.audits)
    labels = labels_of(rows, state, None)
    plan = make_plan(
        variant=rows.variant,
        model_version=rows.model_version,
        threshold=rows.threshold,
        unlabel=split.unlabel,
        review=split.review,
        everything=len(rows),
        max_miss=options.max_miss,
        confidence=options.confidence,
        hits=options.hits,
        looks=options.looks,
        open_ended=options.open_ended,
        strata=options.strata,
        near=options.near,
        seed=books.last_seed(rows.variant) if options.seed is None else options.seed,
        known_smokes=[key for key in split.review if labels.get(key) == "smoke"],
        planted=options.planted,
        review_sample=options.review_sample,
    )
    books.record_plan(plan, _now())
    path = _write_worklist(books, plan, 0)
    smokes = sum(labels.get(key) == "smoke" for key in split.review) or None
    text = plan_in_words(plan, costs(plan.bucket, plan.target, plan.alpha, len(plan.planted)), smokes)
    for one in books.earlier(plan, split.unlabel.keys()):
        if one.same_bucket or one.seen:
            text += f"\n\nWARNING: {one.audit_id} was looked at before and leaves no fresh sample; the report will be INVALID."
        else:
            text += (
                f"\n\nNote: {one.audit_id} was looked at before and did not certify; its error of {one.alpha:.1%} is added in the report."
            )
    return plan, text, path


def _write_worklist(books: Books, plan: Plan, look: int) -> Path:
    path = books.directory(plan.audit_id) / f"worklist-{look + 1}.json"
    keys = plan.worklist(plan.looks[look])
    write_json(path, {"format": 1, "audit_id": plan.audit_id, "look": look + 1, "keys": list(keys)})
    return path


@dataclass(frozen=True, slots=True)
class Worklist:
    """What the reviewer of an audit sees now. look: 0-based. keys: in blind order; left: those that still want an answer.

    begun: its blind session was begun (`Desk.begin_audit`). expired: the bucket is another one now.
    """

    plan: Plan
    look: int
    keys: tuple[str, ...]
    left: tuple[str, ...]
    begun: bool
    expired: bool

    @property
    def running(self) -> bool:
        """Whether its blind session runs: begun, and not over yet."""
        return self.begun and bool(self.left) and not self.expired


def worklist(layout: Layout, rows: Rows, state: State, audit_id: str | None = None) -> Worklist:
    """The worklist of an audit, None = the newest. For the viewer."""
    books = Books(layout.audits)
    plan = books.plan(audit_id)
    labels = audit_labels(rows, state, None, plan)
    look = 0
    while look + 1 < len(plan.looks) and (books.directory(plan.audit_id) / f"worklist-{look + 2}.json").exists():
        look += 1
    keys = plan.worklist(plan.looks[look])
    return Worklist(
        plan,
        look,
        keys,
        left=tuple(key for key in keys if key not in labels),
        begun=any(
            one.kind == "audit" and not state.is_undone(one.id) and state.contents[one.id].get("audit") == plan.audit_id
            for one in state.records
        ),
        expired=plan.bucket_digest != split_rows(rows).digest,
    )


def open_neighbours(layout: Layout, rows: Rows, state: State, plan: Plan) -> tuple[str, ...]:
    """Sequences of the bucket beside the audit's hits that nobody has opened; () while a look is not labelled."""
    books = Books(layout.audits)
    return _judge(books, rows, state, plan, books.last_given(plan.audit_id)).neighbours_to_open


def audit_now(
    layout: Layout,
    rows: Rows,
    state: State,
    audit_id: str | None = None,
    given: Mapping[str, AuditLabel] | None = None,
    seconds_per_sequence: float = 10.0,
) -> tuple[Plan, AuditReport, Path]:
    """Judge an audit, note the look in the ledger, write `audit-report.json` and its page; (plan, report, page).

    Numbers are only computed for planned looks whose labels are complete, so asking early is not peeking.
    """
    books = Books(layout.audits)
    plan = books.plan(audit_id)
    report = _judge(books, rows, state, plan, given, seconds_per_sequence)
    at = _now()
    kept = books.keep_labels(plan.audit_id, given) if given and report.looks else None
    for look in report.looks:
        certified = report.verdict == "CERTIFIED" and look == report.best
        outcome = {"n": look.n, "hits": look.hits, "upper": look.upper, "certified": certified, "labels": kept}
        books.record_look(plan, at, outcome)
    if report.open_look is not None:
        _write_worklist(books, plan, report.open_look)
    if report.verdict == "CERTIFIED" and report.best is not None:
        books.record_certificate(plan, at, report.best.upper, kept)
    directory = books.directory(plan.audit_id)
    write_json(directory / "audit-report.json", {**report_as_json(plan, report), "ledger": books.entries()[-1].digest})
    page = directory / "audit-report.html"
    write_bytes(page, audit_page(plan, report).encode())
    return plan, report, page


def _judge(
    books: Books, rows: Rows, state: State, plan: Plan, given: Mapping[str, AuditLabel] | None, seconds_per_sequence: float = 10.0
) -> AuditReport:
    """The verdict from the labels as they are now; writes nothing."""
    split = split_rows(rows)
    more = None
    if split.digest != plan.bucket_digest:
        more = _difference(books, rows, state, plan.audit_id, given).more_labels
    return audit_report(
        plan,
        audit_labels(rows, state, given, plan),
        known_truth(rows, state, given, plan, split),
        current_digest=split.digest,
        current_keys=split.unlabel.keys(),
        earlier=books.earlier(plan, split.unlabel.keys()),
        more_labels=more,
        seconds_per_sequence=seconds_per_sequence,
    )


def _difference(books: Books, rows: Rows, state: State, audit_id: str, given: Mapping[str, AuditLabel] | None) -> Difference:
    """What separates the bucket as it is now from that of an audit. given: as in `audit_now`; None = those of its last look."""
    labelled = looked_at(rows, state) | (given or books.last_given(audit_id) or {}).keys()
    return books.difference(audit_id, split_rows(rows).unlabel, rows.threshold, rows.model_version, labelled)


@dataclass(frozen=True, slots=True)
class Status:
    """Whether exactly the present bucket is certified, by the labels as they are now.

    certified: the audit that says so, None = none does. claim: what it says, as a person must see it before using it. reason: one line
    when none does. neighbours: sequences of the bucket beside the hits that nobody has opened, whatever the certificate.
    """

    certified: str | None
    claim: str = ""
    reason: str = ""
    neighbours: tuple[str, ...] = ()


def bucket_status(layout: Layout, rows: Rows, state: State) -> Status:
    """Judges every certificate of exactly this bucket anew: a label that was corrected since may have taken its ground away."""
    books, split = Books(layout.audits), split_rows(rows)
    issued = books.certificates()
    if not issued:
        return Status(None, reason="no audit has certified this bucket; run `triage audit plan`")
    taken: Status | None = None
    for entry in issued:
        if entry.bucket_digest != split.digest:
            continue
        plan = books.plan(entry.audit_id)
        report = _judge(books, rows, state, plan, books.last_given(plan.audit_id))
        if report.verdict == "CERTIFIED":
            errors = plan.alpha + report.errors_added
            claim = f"at most {plan.target} smokes among {plan.bucket} ({plan.max_miss}), {1 - errors:.0%} sure"
            return Status(plan.audit_id, claim, neighbours=report.neighbours_to_open)
        reason = f"{plan.audit_id} certified this bucket, but by the labels as they are now it is {report.verdict}: {report.reason}"
        taken = taken or Status(None, reason=reason, neighbours=report.neighbours_to_open)
    if taken is not None:
        return taken
    last = issued[0].audit_id
    apart = _difference(books, rows, state, last, None)
    if apart.more_labels is None:
        return Status(None, reason=f"EXPIRED: {last} certified another bucket ({apart.words}), and this one needs a plan of its own")
    more = f"{apart.more_labels} more label{'' if apart.more_labels == 1 else 's'}"
    reason = f"EXPIRED: {last} certified another bucket ({apart.words}); the difference needs {more}: `triage audit plan`"
    return Status(None, reason=reason)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
