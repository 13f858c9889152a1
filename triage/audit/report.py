"""From labels to a verdict. Pure: the plan, the labels and what the ledger remembers go in, an AuditReport comes out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Set
from collections.abc import Sequence as Seq
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Literal

from triage.audit.bounds import (
    clopper_pearson_upper,
    hypergeometric_lower,
    hypergeometric_upper,
    noisy_upper,
    open_ended_upper,
    sensitivity_lower,
)
from triage.audit.clusters import anova_icc
from triage.audit.plan import Look, Plan, labels_for
from triage.audit.recall import (
    LostEvents,
    Recall,
    SampledRecall,
    WorkSaved,
    lost_events,
    recall_of,
    recall_when_review_is_sampled,
    work_saved,
)
from triage.audit.strata import stratified_upper

__all__ = ["VERDICT_EXIT_CODES", "AuditLabel", "AuditReport", "Earlier", "Estimate", "Truth", "Verdict", "audit_report", "upper_bound"]

#: What a reviewer said of a sampled sequence. "unsure" and "unviewable" count as smoke in the bound.
AuditLabel = Literal["smoke", "fp", "unsure", "unviewable"]
Verdict = Literal["CERTIFIED", "NOT CERTIFIED", "EXPIRED", "INVALID", "UNFINISHED"]

#: Every verdict leaves `triage audit report` with a code of its own (1, 2, 3 and 130 mean the same as everywhere).
VERDICT_EXIT_CODES: Mapping[Verdict, int] = {"CERTIFIED": 0, "NOT CERTIFIED": 10, "EXPIRED": 11, "INVALID": 12, "UNFINISHED": 13}


@dataclass(frozen=True, slots=True)
class Truth:
    """What is known beside the labels of the audit.

    smokes_in_review: TP, decided smokes of To Review; undecided_in_review: how many of it nobody has decided yet.
    rescued: smokes of the bucket outside the sample that somebody decided; opened: sequences of the bucket outside the sample that
    somebody looked at, whatever they are. place_of: key -> camera, azimuth and day; events_with_review_smoke: places that have a smoke in
    To Review (their events are not lost). later: kept for later, which is no label. not_blind: labelled, but not in a blind session.
    """

    smokes_in_review: int = 0
    undecided_in_review: int = 0
    rescued: frozenset[str] = frozenset()
    place_of: Mapping[str, str] = field(default_factory=dict)
    events_with_review_smoke: frozenset[str] = frozenset()
    opened: frozenset[str] = frozenset()
    later: frozenset[str] = frozenset()
    not_blind: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Earlier:
    """Another audit that was looked at before this one and is no independent matter.

    same_bucket: of this very bucket. seen: of another threshold or other sequences, without a certificate, and this plan uses what was
    left of its sample below a lower threshold; else its error is only added. alpha: its error.
    """

    audit_id: str
    alpha: float
    same_bucket: bool
    seen: bool


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

    looks: the planned looks that are complete (open-ended: one, at the labels there are). best: the one with the smallest bound.
    open_look: index of the planned look that waits for labels, None = none does; unlabelled: its sequences without a label, in the
    worklist's order, and later: how many of them are kept for later. needed: labels that would have certified with the hits seen, None =
    no number does. sensitivity: (found, planted, lower bound). not_blind: labels of the sample that were not given blind.
    rescued: smokes found beside the hits and moved back; still_lost: at most so many smokes remain among what nobody has opened.
    recall: once To Review is decided; sampled_recall: before that, from the sequences of it that are mixed in.
    icc: of the hits over places, for reading only. errors_added: error of earlier audits of nearly this bucket; 0.0 = there is none.
    """

    verdict: Verdict
    reason: str
    looks: tuple[Estimate, ...]
    open_look: int | None
    unlabelled: tuple[str, ...]
    later: int
    needed: int | None
    rescued: int
    still_lost: int | None
    recall: Recall | None
    sampled_recall: SampledRecall | None
    saved: WorkSaved | None
    lost_events: LostEvents | None
    sensitivity: tuple[int, int, float] | None
    not_blind: int
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
    earlier: Seq[Earlier] = (),
    more_labels: int | None = None,
    seconds_per_sequence: float = 10.0,
) -> AuditReport:
    """Judge the audit.

    labels: key -> label of everything the reviewer was shown. current_digest: of the bucket as it is now; current_keys: its keys.
    earlier: audits that were looked at before and bear on this one (from the ledger). more_labels: what an expired audit needs for the
    bucket as it is now, None = not known.
    """
    estimates, shown, open_look = _looks(plan, labels)
    unlabelled = () if open_look is None else tuple(key for key in _wanted(plan, plan.looks[open_look]) if key not in labels)
    best = min(estimates, key=lambda look: look.upper, default=None)
    verdict, reason = _verdict(plan, best, len(unlabelled), current_digest, current_keys, earlier, more_labels)
    hits = [key for key in shown if labels[key] != "fp"]
    sensitivity = _sensitivity(plan, labels) if estimates else None
    recall = saved = still_lost = None
    found, rescued = sum(labels[key] == "smoke" for key in shown), len(truth.rescued - set(shown))
    if best is not None:
        still_lost = max(0, best.upper - found - rescued)
        if not truth.undecided_in_review:
            recall = recall_of(
                smokes_in_review=truth.smokes_in_review,
                point=best.point,
                upper=best.upper,
                hits=found,
                rescued=rescued,
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
        open_look=open_look,
        unlabelled=unlabelled,
        later=sum(key in truth.later for key in unlabelled),
        needed=None if best is None else labels_for(plan, best.hits, None if sensitivity is None else sensitivity[2]),
        rescued=rescued,
        still_lost=still_lost,
        recall=recall,
        sampled_recall=_sampled_recall(plan, labels, truth, best, sensitivity),
        saved=saved,
        lost_events=_lost_events(plan, hits, truth, best),
        sensitivity=sensitivity,
        not_blind=sum(key in truth.not_blind for key in shown),
        icc=_icc(shown, labels, truth),
        neighbours_to_open=_neighbours(plan, hits, set(shown), truth, current_keys, unfinished=open_look is not None),
        errors_added=sum(one.alpha for one in earlier),
    )


def _looks(plan: Plan, labels: Mapping[str, AuditLabel]) -> tuple[list[Estimate], tuple[str, ...], int | None]:
    """(the complete looks, the sample of the last of them, index of the look that waits for labels)."""
    if plan.open_ended:
        # Valid at every number of labels, if they are the first of the draw.
        shown = tuple(takewhile(labels.__contains__, plan.strata[0].sample))
        estimates = [_estimate(plan, shown, labels)] if shown else []
        passed = bool(estimates) and estimates[0].upper <= plan.target
        waiting = next((index for index, look in enumerate(plan.looks) if look.n > len(shown)), None)
        return estimates, shown, None if passed else waiting
    estimates, shown = [], ()
    for index, look in enumerate(plan.looks):
        if any(key not in labels for key in _wanted(plan, look)):
            return estimates, shown, index
        shown = plan.sample(look)
        estimates.append(_estimate(plan, shown, labels))
        if estimates[-1].upper <= plan.target:
            break
    return estimates, shown, None


def _wanted(plan: Plan, look: Look) -> tuple[str, ...]:
    """What must be labelled for a look, in the worklist's order. Without the planted smokes nobody knows how well the reviewer sees, and
    the bound would be too good; the decoys only hide them."""
    wanted = {*plan.sample(look), *plan.planted}
    return tuple(key for key in plan.worklist(look) if key in wanted)


def _estimate(plan: Plan, sample: tuple[str, ...], labels: Mapping[str, AuditLabel]) -> Estimate:
    counts = Counter(labels[key] for key in sample)
    n, N, alpha = len(sample), plan.bucket, plan.alpha_per_look
    x, smokes, judged = n - counts["fp"], counts["smoke"], counts["smoke"] + counts["fp"]
    planted = _sensitivity(plan, labels)
    other: dict[str, int] = {}
    if plan.design == "simple":
        upper = upper_bound(plan, x, n, planted)
        if not plan.open_ended:
            other["with replacement (Clopper-Pearson)"] = int(N * clopper_pearson_upper(x, n, alpha))
        if planted is not None:
            other["if reviewers see every smoke"] = upper_bound(plan, x, n, None)
    else:
        drawn, proportional = set(sample), plan.design == "proportional"
        cut = [(part.size, sum(key in drawn for key in part.sample)) for part in plan.strata]
        hits = [sum(key in drawn and labels[key] != "fp" for key in part.sample) for part in plan.strata]
        upper, other = stratified_upper(cut, hits, alpha, proportional=proportional)
        if planted is not None:
            other = {"if reviewers see every smoke": upper}
            # Half of the error for what the planted smokes leave open, half for the draw.
            upper = max(upper, stratified_upper(cut, hits, alpha / 2, planted[2], proportional=proportional)[0] if planted[2] > 0 else N)
    if plan.design == "near":
        point = sum(size * x_h / max(n_h, 1) for (size, n_h), x_h in zip(cut, hits, strict=True))
    else:
        point = smokes * N / judged if judged else 0.0
    # For the lower bound what nobody could judge is no smoke.
    lower = hypergeometric_lower(smokes, n, N, alpha) if plan.design == "simple" else smokes
    return Estimate(n, x, counts["unsure"], counts["unviewable"], alpha, point, lower, upper, other)


def upper_bound(plan: Plan, hits: int, n: int, sensitivity: tuple[int, int, float] | None) -> int:
    """D_U of a simple random sample, at the plan's error. sensitivity: as in AuditReport; None = the reviewer is trusted.

    Planted smokes never make it better than for a reviewer who is trusted: half of the error pays for what they leave open.
    """
    alpha = plan.alpha_per_look
    if plan.open_ended:
        return open_ended_upper(hits, n, plan.bucket, alpha)
    trusted = hypergeometric_upper(hits, n, plan.bucket, alpha)
    if sensitivity is None:
        return trusted
    return max(trusted, noisy_upper(hits, n, plan.bucket, sensitivity[2], alpha / 2)) if sensitivity[2] > 0 else plan.bucket


def _sensitivity(plan: Plan, labels: Mapping[str, AuditLabel]) -> tuple[int, int, float] | None:
    judged = [key for key in plan.planted if key in labels]
    if not judged or plan.open_ended:
        return None
    # Unsure keeps a sequence with the humans, so for the bound it was recognised.
    found = sum(labels[key] != "fp" for key in judged)
    return found, len(judged), sensitivity_lower(found, len(judged), plan.alpha_per_look)


def _verdict(
    plan: Plan,
    best: Estimate | None,
    missing: int,
    current_digest: str,
    current_keys: Set[str],
    earlier: Seq[Earlier],
    more_labels: int | None,
) -> tuple[Verdict, str]:
    for one in earlier:
        if one.same_bucket:
            return "INVALID", (
                f"this bucket was audited before, by {one.audit_id} with an error of {one.alpha:.1%}: a second draw after a look is not a "
                "fresh sample"
            )
        if one.seen:
            return "INVALID", (
                f"{one.audit_id} did not certify the bucket of a higher threshold, and this sample is what is left of it: lowering the "
                "threshold until the hits are gone proves nothing; `triage tune` may choose one, or plan with another --seed"
            )
    if current_digest != plan.bucket_digest:
        planned = {key for part in plan.strata for key in part.sample}
        gone = len(planned - current_keys)
        more = "" if more_labels is None else f"; the difference needs {more_labels} more label{'' if more_labels == 1 else 's'}"
        return "EXPIRED", (
            f"the bucket is not the one of the plan ({len(current_keys)} sequences now, {plan.bucket} then, {gone} of the sample left "
            f"it): the threshold, the model or the sequences changed{more}; `triage audit plan` draws them"
        )
    if best is not None and best.upper <= plan.target:
        return "CERTIFIED", f"at most {best.upper} smokes in the bucket, and {plan.target} were allowed"
    if missing:
        done = f"; the look at {best.n} labels allowed at most {best.upper}" if best else ""
        return "UNFINISHED", f"{missing} label{' is' if missing == 1 else 's are'} missing for the next planned look{done}"
    assert best is not None
    return "NOT CERTIFIED", f"up to {best.upper} smokes in the bucket, and only {plan.target} were allowed"


def _sampled_recall(
    plan: Plan, labels: Mapping[str, AuditLabel], truth: Truth, best: Estimate | None, sensitivity: tuple[int, int, float] | None
) -> SampledRecall | None:
    """From the decoys, which are a random sample of To Review without the planted smokes; those are known to be smoke."""
    if best is None or plan.design != "simple" or plan.open_ended or not truth.undecided_in_review:
        return None
    if not plan.decoys or any(key not in labels for key in plan.decoys):
        return None
    return recall_when_review_is_sampled(
        review=(plan.review - len(plan.planted), len(plan.decoys), sum(labels[key] == "smoke" for key in plan.decoys)),
        unlabel=(plan.bucket, best.n, best.hits),
        alpha=best.alpha,
        known=len(plan.planted),
        planted=None if sensitivity is None else sensitivity[:2],
    )


def _lost_events(plan: Plan, hits: list[str], truth: Truth, best: Estimate | None) -> LostEvents | None:
    if best is None or plan.design != "simple" or plan.open_ended or truth.undecided_in_review:
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


def _neighbours(plan: Plan, hits: list[str], shown: set[str], truth: Truth, bucket: Set[str], *, unfinished: bool) -> tuple[str, ...]:
    """What the hits' places hold beside them and nobody has opened. What a later look will show blind is left to it while it waits."""
    places = {truth.place_of[key] for key in hits if key in truth.place_of}
    to_come = {key for part in plan.strata for key in part.sample} if unfinished else set()
    left = bucket - shown - to_come - truth.opened
    return tuple(sorted(key for key in left if truth.place_of.get(key) in places))
