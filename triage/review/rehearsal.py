"""`triage audit rehearse`: repeat the audit on a bucket whose truth is known, and count how often its statement was true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from triage.audit.drawing import draw
from triage.audit.plan import make_plan
from triage.audit.report import AuditLabel, Truth, audit_report
from triage.errors import BadSetting
from triage.review.audit_inputs import split_rows
from triage.review.auditing import PlanOptions
from triage.review.selection import Rows

__all__ = ["Rehearsal", "rehearse"]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Audits repeated on a truth that is known.

    true: runs whose every statement "no more than D_U" held. certified: runs that ended with a certificate "at most `target`";
    certified_true: those of them that are true, which is all or none: the bucket holds at most `target` smokes, or it does not.
    """

    runs: int
    bucket: int
    smokes: int
    target: int
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
    held = certified = 0
    labels_used = 0.0
    base = make_plan(
        variant=rows.variant, model_version=rows.model_version, threshold=rows.threshold, unlabel=split.unlabel, review=split.review,
        everything=len(rows), max_miss=options.max_miss, confidence=options.confidence, hits=options.hits, looks=options.looks,
        open_ended=options.open_ended, strata=options.strata, near=options.near, seed=0, planted=0,
    )  # fmt: skip
    strata = [[key for key, score in split.unlabel.items() if part.low <= score < part.high] for part in base.strata]
    for seed in range(runs):
        drawn = zip(base.strata, strata, strict=True)
        plan = replace(base, strata=tuple(replace(part, sample=tuple(draw(keys, seed, len(part.sample)))) for part, keys in drawn))
        # Whoever may look at any time looks after every portion; the others find all labels there and stop at the look that passes.
        uppers: list[int] = []
        for look in plan.looks if plan.open_ended else plan.looks[-1:]:
            labels = {key: truth[key] for key in plan.sample(look)}
            report = audit_report(plan, labels, Truth(), current_digest=plan.bucket_digest, current_keys=split.unlabel.keys())
            uppers += [one.upper for one in report.looks]
            used = report.looks[-1].n
            if report.verdict == "CERTIFIED":
                break
        held += min(uppers) >= D
        labels_used += used / runs
        certified += report.verdict == "CERTIFIED"
    certified_true = certified if base.target >= D else 0
    return Rehearsal(runs, len(split.unlabel), D, base.target, held, certified, certified_true, labels_used)
