"""What a bound on the lost smokes means: recall, work saved, rescue, lost events, cost."""

from __future__ import annotations

import math
from collections.abc import Sequence as Seq
from dataclasses import dataclass

from triage.audit.bounds import hypergeometric_lower, hypergeometric_upper, noisy_upper, sensitivity_lower
from triage.audit.clusters import hoeffding_bentkus_upper

__all__ = ["LostEvents", "Recall", "SampledRecall", "WorkSaved", "lost_events", "recall_of", "recall_when_review_is_sampled", "work_saved"]


@dataclass(frozen=True, slots=True)
class Recall:
    """Shares in [0, 1]; None = undefined (no smoke known).

    point: TP / (TP + D^); lower: TP / (TP + D_U); lower_after_rescue: (TP + x + r) / (TP + D_U). still_lost: D_U - x - r.
    """

    point: float | None
    lower: float | None
    lower_after_rescue: float | None
    still_lost: int


def recall_of(*, smokes_in_review: int, point: float, upper: int, hits: int, rescued: int) -> Recall:
    """TP smokes in a fully decided To Review; D^ and D_U of the Unlabel bucket; x hits and r neighbours moved back."""
    TP = smokes_in_review

    def share(part: float, whole: float) -> float | None:
        return None if whole == 0 else part / whole

    return Recall(
        share(TP, TP + point),
        share(TP, TP + upper),
        share(min(TP + hits + rescued, TP + upper), TP + upper),
        max(0, upper - hits - rescued),
    )


@dataclass(frozen=True, slots=True)
class SampledRecall:
    """What a sample of To Review says before it is decided: at least TP_L smokes in it (of `sampled` looked at), at most D_U in the bucket,
    and the share of all smokes that is caught at least; None = undefined (no smoke at all)."""

    sampled: int
    review_lower: int
    upper: int
    lower: float | None


def recall_when_review_is_sampled(
    *,
    review: tuple[int, int, int],
    unlabel: tuple[int, int, int],
    alpha: float = 0.05,
    known: int = 0,
    planted: tuple[int, int] | None = None,
) -> SampledRecall:
    """Both buckets are sampled; each (N, n, x), each bound at alpha / 2 (ei-Recall).

    known: smokes of To Review beside those N, which somebody decided. planted: (recognised, planted) smokes that measured the reviewer.
    """
    N_R, n_R, x_R = review
    N_U, n_U, x_U = unlabel
    TP = known + hypergeometric_lower(x_R, n_R, N_R, alpha / 2)
    if planted is None:
        D = hypergeometric_upper(x_U, n_U, N_U, alpha / 2)
    else:
        sensitivity = sensitivity_lower(*planted, alpha / 2)
        D = noisy_upper(x_U, n_U, N_U, sensitivity, alpha / 4) if sensitivity > 0 else N_U
    return SampledRecall(n_R, TP, D, None if TP + D == 0 else TP / (TP + D))


@dataclass(frozen=True, slots=True)
class WorkSaved:
    """Shares of all sequences, in [0, 1]. raw: discarded; net: discarded and not even labelled for the audit.

    wss, wss_lower: work saved over sampling (Cohen 2006) at the point recall and at its lower bound; None = recall undefined.
    """

    raw: float
    net: float
    wss: float | None
    wss_lower: float | None
    hours: float


def work_saved(*, everything: int, bucket: int, sampled: int, recall: Recall, seconds_per_sequence: float) -> WorkSaved:
    """`everything` = all sequences of the report; `seconds_per_sequence` is what a reviewer needs for one."""
    raw = bucket / everything
    return WorkSaved(
        raw=raw,
        net=(bucket - sampled) / everything,
        wss=None if recall.point is None else raw - (1 - recall.point),
        wss_lower=None if recall.lower is None else raw - (1 - recall.lower),
        hours=(bucket - sampled) * seconds_per_sequence / 3600,
    )


@dataclass(frozen=True, slots=True)
class LostEvents:
    """Events of which every smoke lies in the Unlabel bucket: best guess, and no more than so many; `weighted`: the same by another bound,
    which is smaller where the lost events have many smokes."""

    point: float
    upper: int
    weighted: int


def lost_events(*, bucket: int, sampled: int, smokes_per_lost_event: Seq[int], alpha: float = 0.05) -> LostEvents:
    """smokes_per_lost_event: for every hit whose event has no smoke in To Review, m_i, the event's smokes in the bucket.

    Estimate N_U * sum(1 / m_i) / n. The bound is D_U of those hits, since each lost event is at least one lost smoke; the weighted one is
    N_U * HB_U(sum(1 / m_i) / n), for losses of 1 / m_i. An m_i that is not fully known yet is too small, which errs upwards.
    """
    mean = sum(1 / m for m in smokes_per_lost_event) / sampled if sampled else 0.0
    upper = hypergeometric_upper(len(smokes_per_lost_event), sampled, bucket, alpha)
    return LostEvents(bucket * mean, upper, math.floor(bucket * hoeffding_bentkus_upper(mean, sampled, alpha)))
