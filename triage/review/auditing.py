"""The audit at work: rows of a report and decisions of reviewers in, plans, verdicts and certificates out. The statistics are in
`triage.audit`; here are the report, the labels, the clock and the files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

from triage.audit.certificate import Books, Status
from triage.audit.page import audit_page
from triage.audit.plan import Plan, bucket_digest, costs, make_plan
from triage.audit.report import AuditLabel, AuditReport, Truth, audit_report
from triage.audit.words import plan_in_words, report_as_json
from triage.config import Layout
from triage.files import write_bytes, write_json
from triage.review.audit_inputs import audit_labels, labels_of, split_rows
from triage.review.fold import State
from triage.review.selection import Rows

__all__ = ["PlanOptions", "audit_now", "bucket_status", "plan_audit", "worklist"]


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What `triage audit plan` takes. hits None = the default of the number of looks.

    seed None = that of the last plan, so that a threshold moved by a hair draws nothing new; the first plan derives it from its bucket.
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


def plan_audit(layout: Layout, rows: Rows, state: State, options: PlanOptions) -> tuple[Plan, str, Path]:
    """Freeze the Unlabel bucket, draw, write `plan.json` and the blind worklist of the first look; (plan, words, worklist).

    Raises BadSetting when this very bucket was audited with another seed and looked at: drawing again is not a fresh sample.
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
    )
    books.record_plan(plan, _now())
    path = _write_worklist(books, plan, 0)
    smokes = sum(labels.get(key) == "smoke" for key in split.review) or None
    text = plan_in_words(plan, costs(plan.bucket, plan.target, plan.alpha), smokes)
    error = books.earlier_error(plan)
    if error:
        text += f"\n\nWARNING: this bucket was looked at before under another plan (error {error:.1%}); the report will be INVALID."
    return plan, text, path


def _write_worklist(books: Books, plan: Plan, look: int) -> Path:
    path = books.directory(plan.audit_id) / f"worklist-{look + 1}.json"
    keys = plan.worklist(plan.looks[look])
    write_json(path, {"format": 1, "audit_id": plan.audit_id, "look": look + 1, "keys": list(keys)})
    return path


def worklist(layout: Layout, rows: Rows, state: State, audit_id: str | None = None) -> tuple[Plan, tuple[str, ...], tuple[str, ...]]:
    """(plan, keys of its current worklist in blind order, those of them that still want a label). For the viewer."""
    books = Books(layout.audits)
    plan = books.plan(audit_id)
    labels = audit_labels(rows, state, None, plan, datetime.fromisoformat(books.planned_at(plan)))
    look = 0
    while look + 1 < len(plan.looks) and (books.directory(plan.audit_id) / f"worklist-{look + 2}.json").exists():
        look += 1
    keys = plan.worklist(plan.looks[look])
    return plan, keys, tuple(key for key in keys if key not in labels)


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
    split = split_rows(rows)
    labels = labels_of(rows, state, given)
    in_sample = {key for part in plan.strata for key in part.sample}
    review_smokes = [key for key in split.review if labels.get(key) == "smoke"]
    truth = Truth(
        smokes_in_review=len(review_smokes),
        undecided_in_review=sum(key not in labels for key in split.review),
        rescued=frozenset(key for key in split.unlabel if labels.get(key) == "smoke" and key not in in_sample),
        place_of=split.place_of,
        events_with_review_smoke=frozenset(split.place_of[key] for key in review_smokes),
    )
    report = audit_report(
        plan,
        audit_labels(rows, state, given, plan, datetime.fromisoformat(books.planned_at(plan))),
        truth,
        current_digest=bucket_digest(split.unlabel, rows.threshold, rows.model_version),
        current_keys=split.unlabel.keys(),
        earlier_error=books.earlier_error(plan),
        seconds_per_sequence=seconds_per_sequence,
    )
    at = _now()
    for look in report.looks:
        books.record_look(plan, at, {"n": look.n, "hits": look.hits, "upper": look.upper})
    if report.verdict == "UNFINISHED" and 0 < len(report.looks) < len(plan.looks):
        _write_worklist(books, plan, len(report.looks))
    if report.verdict == "CERTIFIED" and report.best is not None:
        books.record_certificate(plan, at, report.best.upper)
    directory = books.directory(plan.audit_id)
    write_json(directory / "audit-report.json", report_as_json(plan, report))
    page = directory / "audit-report.html"
    write_bytes(page, audit_page(plan, report).encode())
    return plan, report, page


def bucket_status(layout: Layout, rows: Rows, state: State) -> Status:
    """Whether exactly the present Unlabel bucket is certified."""
    labels = labels_of(rows, state, None)
    return Books(layout.audits).status(split_rows(rows).unlabel, rows.threshold, rows.model_version, labels.keys())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
