"""`triage audit rehearse`: repeat the audit on a bucket whose truth is known, and count how often its statement was true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from triage.audit.drawing import draw
from triage.audit.plan import Plan, make_plan
from triage.audit.report import AuditLabel, Truth, audit_report
from triage.errors import BadSetting
from triage.review.audit_inputs import split_rows
from triage.review.auditing import PlanOptions
from triage.review.selection import Rows

__all__ = ["Rehearsal", "rehearse"]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Audits repeated on a truth that is known. true: runs whose statement "at most D_U" held; certified_true: of the certified ones."""

    runs: int
    bucket: int
    smokes: int
    true: int
    certified: int
    certified_true: int
    mean_labels: float


def rehearse(rows: Rows, truth: Mapping[str, AuditLabel], options: PlanOptions, runs: int) -> Rehearsal:
    """Repeat the audit with `runs` seeds on a bucket whose every label is known. Raises BadSetting when one is not."""
    split = split_rows(rows)
    unknown = [key for key in split.unlabel if key not in truth]
    if unknown:
        raise BadSetting(f"rehearse: {len(unknown)} sequences of the bucket have no known label, such as {unknown[0]}; give --labels FILE")
    D = sum(truth[key] != "fp" for key in split.unlabel)
    held = certified = certified_true = 0
    labels_used = 0.0
    base = make_plan(
        variant=rows.variant, model_version=rows.model_version, threshold=rows.threshold, unlabel=split.unlabel, review=split.review,
        everything=len(rows), max_miss=options.max_miss, confidence=options.confidence, hits=options.hits, looks=options.looks,
        open_ended=options.open_ended, seed=0, planted=0,
    )  # fmt: skip
    for seed in range(runs):
        order = draw(split.unlabel, seed, base.looks[-1].n)
        plan = _with_sample(base, tuple(order))
        report = audit_report(
            plan,
            {key: truth[key] for key in order},
            Truth(),
            current_digest=plan.bucket_digest,
            current_keys=split.unlabel.keys(),
        )
        assert report.best is not None
        true = report.best.upper >= D
        held += true
        labels_used += report.looks[-1].n / runs
        if report.verdict == "CERTIFIED":
            certified += 1
            certified_true += true
    return Rehearsal(runs, len(split.unlabel), D, held, certified, certified_true, labels_used)


def _with_sample(plan: Plan, sample: tuple[str, ...]) -> Plan:

    return replace(plan, strata=(replace(plan.strata[0], sample=sample),))
