"""From labels to a verdict. Pure: the plan, the labels and what the ledger remembers go in, an AuditReport comes out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Literal

from triage.audit.bounds import (
    clopper_pearson_upper,
    hypergeometric_lower,
    hypergeometric_upper,
    labels_needed,
    noisy_upper,
    open_ended_upper,
    sensitivity_lower,
)
from triage.audit.clusters import anova_icc
from triage.audit.plan import Look, Plan
from triage.audit.recall import Recall, WorkSaved, lost_events, recall_of, work_saved
from triage.audit.strata import fisher_upper, pooled_upper, wendell_schmee_upper, wright_upper

__all__ = ["VERDICT_EXIT_CODES", "AuditLabel", "AuditReport", "Estimate", "Truth", "Verdict", "audit_report"]

#: What a reviewer said of a sampled sequence. "unsure" and "unviewable" count as smoke in the bound.
AuditLabel = Literal["smoke", "fp", "unsure", "unviewable"]
Verdict = Literal["CERTIFIED", "NOT CERTIFIED", "EXPIRED", "INVALID", "UNFINISHED"]

#: Every verdict leaves `triage audit report` with a code of its own (1, 2, 3 and 130 mean the same as everywhere).
VERDICT_EXIT_CODES: Mapping[Verdict, int] = {"CERTIFIED": 0, "NOT CERTIFIED": 10, "EXPIRED": 11, "INVALID": 12, "UNFINISHED": 13}


@dataclass(frozen=True, slots=True)
class Truth:
    """What is known beside the sample.

    smokes_in_review: TP, decided smokes of To Review; undecided_in_review: how many of it nobody has decided yet.
    rescued: smokes of the bucket outside the sample that somebody decided. place_of: key -> camera, azimuth and day;
    events_with_review_smoke: places that have a smoke in To Review (their events are not lost).
    bucket_places: how many sequences of the bucket each place has.
    """

    smokes_in_review: int
    undecided_in_review: int
    rescued: frozenset[str]
    place_of: Mapping[str, str]
    events_with_review_smoke: frozenset[str]


@dataclass(frozen=True, slots=True)
class Estimate:
    """One look's numbers: x hits among n labels; `point` D^, `lower` D_L and `upper` D_U smokes in the bucket, at this error."""

    n: int
    hits: int
    unsure: int
    unviewable: int
    alpha: float
    point: float
    lower: int
    upper: int
    other_bounds: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The whole answer. None = not asked for, or not known yet; the words are made in `triage.audit.words`.

    looks: the planned looks that are complete. best: the one with the smallest bound. missing: labels still missing for the next
    planned look. needed: labels that would certify with the hits seen so far, None = no number does.
    sensitivity: (found, planted, lower bound). icc: of the hits over places, for reading only.
    errors_added: error of plans and looks of the same bucket that were not planned together; 0.0 when all was planned.
    """

    verdict: Verdict
    reason: str
    looks: tuple[Estimate, ...]
    missing: int
    needed: int | None
    recall: Recall | None
    saved: WorkSaved | None
    lost_events: tuple[float, int] | None
    sensitivity: tuple[int, int, float] | None
    icc: float | None
    neighbours_to_open: tuple[str, ...]
    errors_added: float

    @property
    def best(self) -> Estimate | None:
        """With several planned looks at alpha / looks each, the smallest bound may be quoted."""
        return min(self.looks, key=lambda look: look.upper, default=None)


def audit_report(
    plan: Plan,
    labels: Mapping[str, AuditLabel],
    truth: Truth,
    *,
    current_digest: str,
    current_keys: Set[str],
    earlier_error: float = 0.0,
    seconds_per_sequence: float = 10.0,
) -> AuditReport:
    """Judge the audit.

    labels: key -> label of everything the reviewer was shown. current_digest: of the bucket as it is now; current_keys: its keys.
    earlier_error: alpha spent by other plans of this very bucket that were looked at (from the ledger).
    """
    estimates: list[Estimate] = []
    missing = 0
    for look in plan.looks:
        # Without the planted smokes nobody knows how well the reviewer sees, and the bound would be too good.
        hidden = () if plan.open_ended else plan.planted
        missing = sum(key not in labels for key in (*plan.sample(look), *hidden))
        if missing:
            break
        estimates.append(_estimate(plan, look, labels))
        if estimates[-1].upper <= plan.target:
            break
    best = min(estimates, key=lambda look: look.upper, default=None)
    verdict, reason = _verdict(plan, best, missing, current_digest, current_keys, earlier_error)
    shown = plan.sample(plan.looks[len(estimates) - 1]) if estimates else ()
    hits = [key for key in shown if labels[key] != "fp"]
    recall = saved = None
    if best is not None:
        if not truth.undecided_in_review:
            recall = recall_of(
                smokes_in_review=truth.smokes_in_review,
                point=best.point,
                upper=best.upper,
                hits=sum(labels[key] == "smoke" for key in shown),
                rescued=len(truth.rescued - set(shown)),
            )
        base = recall or Recall(None, None, None, best.upper)
        saved = work_saved(
            everything=plan.everything,
            bucket=plan.bucket,
            sampled=best.n,
            recall=base,
            seconds_per_sequence=seconds_per_sequence,
        )
    return AuditReport(
        verdict=verdict,
        reason=reason,
        looks=tuple(estimates),
        missing=missing,
        needed=None if best is None else labels_needed(plan.bucket, plan.target, best.hits, plan.alpha_per_look),
        recall=recall,
        saved=saved,
        lost_events=_lost_events(plan, hits, truth, best),
        sensitivity=_sensitivity(plan, labels) if estimates else None,
        icc=_icc(shown, labels, truth),
        neighbours_to_open=_neighbours(hits, set(shown), labels, truth, current_keys),
        errors_added=earlier_error,
    )


def _estimate(plan: Plan, look: Look, labels: Mapping[str, AuditLabel]) -> Estimate:
    sample = plan.sample(look)
    counts = Counter(labels[key] for key in sample)
    n, N, alpha = len(sample), plan.bucket, plan.alpha_per_look
    x, smokes, judged = n - counts["fp"], counts["smoke"], counts["smoke"] + counts["fp"]
    other: dict[str, int] = {}
    if plan.design == "simple":
        if plan.open_ended:
            upper = open_ended_upper(x, n, N, alpha)
        else:
            upper = hypergeometric_upper(x, n, N, alpha)
            other["with replacement (Clopper-Pearson)"] = int(N * clopper_pearson_upper(x, n, alpha))
        sensitivity = _sensitivity(plan, labels)
        if sensitivity is not None:
            other["if reviewers see every smoke"] = upper
            upper = max(upper, noisy_upper(x, n, N, sensitivity[2], alpha / 2) if sensitivity[2] > 0 else N)
    else:
        cut = [(part.size, len(part.sample)) for part in plan.strata]
        hits = [sum(labels[key] != "fp" for key in part.sample) for part in plan.strata]
        other["Wright"] = wright_upper(cut, hits, alpha)
        if plan.design == "near" and cut[1][0] > cut[1][1]:
            upper = wendell_schmee_upper(cut, hits, alpha)
        elif plan.design == "near":
            upper = hits[1] + hypergeometric_upper(hits[0], cut[0][1], cut[0][0], alpha)
        else:
            upper = pooled_upper(cut, hits, alpha)
            other["Fisher"] = fisher_upper(cut, hits, alpha)
    if plan.design == "near":
        point = sum(size * x_h / max(n_h, 1) for (size, n_h), x_h in zip(cut, hits, strict=True))
    else:
        point = smokes * N / judged if judged else 0.0
    # For the lower bound what nobody could judge is no smoke.
    lower = hypergeometric_lower(smokes, n, N, alpha) if plan.design == "simple" else smokes
    return Estimate(n, x, counts["unsure"], counts["unviewable"], alpha, point, lower, upper, other)


def _sensitivity(plan: Plan, labels: Mapping[str, AuditLabel]) -> tuple[int, int, float] | None:
    judged = [key for key in plan.planted if key in labels]
    if not judged or plan.open_ended:
        return None
    # Unsure keeps a sequence with the humans, so for the bound it was recognised.
    found = sum(labels[key] != "fp" for key in judged)
    return found, len(judged), sensitivity_lower(found, len(judged), plan.alpha_per_look)


def _verdict(
    plan: Plan, best: Estimate | None, missing: int, current_digest: str, current_keys: Set[str], earlier_error: float
) -> tuple[Verdict, str]:
    if earlier_error > 0:
        return "INVALID", (
            f"this bucket was audited before, outside this plan, with an error of {earlier_error:.1%}: a second draw after a look "
            "is not a fresh sample"
        )
    if current_digest != plan.bucket_digest:
        planned = {key for part in plan.strata for key in part.sample}
        gone = len(planned - current_keys)
        return "EXPIRED", (
            f"the bucket is not the one of the plan ({len(current_keys)} sequences now, {plan.bucket} then, {gone} of the sample left "
            "it): the threshold, the model or the sequences changed"
        )
    if best is not None and best.upper <= plan.target:
        return "CERTIFIED", f"at most {best.upper} smokes in the bucket, and {plan.target} were allowed"
    if missing:
        done = f"; the look at {best.n} labels allowed at most {best.upper}" if best else ""
        return "UNFINISHED", f"{missing} labels are missing for the next planned look{done}"
    assert best is not None
    return "NOT CERTIFIED", f"up to {best.upper} smokes in the bucket, and only {plan.target} were allowed"


def _lost_events(plan: Plan, hits: list[str], truth: Truth, best: Estimate | None) -> tuple[float, int] | None:
    if best is None or plan.design != "simple" or truth.undecided_in_review:
        return None
    known = {*hits, *truth.rescued}
    per_place = Counter(truth.place_of[key] for key in known if key in truth.place_of)
    lost = [truth.place_of[key] for key in hits if key in truth.place_of]
    sizes = [per_place[place] for place in lost if place not in truth.events_with_review_smoke]
    return lost_events(bucket=plan.bucket, sampled=best.n, smokes_per_lost_event=sizes, alpha=best.alpha)


def _icc(shown: tuple[str, ...], labels: Mapping[str, AuditLabel], truth: Truth) -> float | None:
    sizes: Counter[str] = Counter()
    smokes: Counter[str] = Counter()
    for key in shown:
        if key in truth.place_of:
            sizes[truth.place_of[key]] += 1
            smokes[truth.place_of[key]] += labels[key] == "smoke"
    return anova_icc([smokes[place] for place in sizes], list(sizes.values()))


def _neighbours(hits: list[str], shown: set[str], labels: Mapping[str, AuditLabel], truth: Truth, bucket: Set[str]) -> tuple[str, ...]:
    places = {truth.place_of[key] for key in hits if key in truth.place_of}
    return tuple(
        sorted(
            key
            for key in bucket
            if key not in shown and key not in labels and key not in truth.rescued and truth.place_of.get(key) in places
        )
    )
