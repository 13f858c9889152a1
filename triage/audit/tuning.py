"""Choosing a threshold with proof: the largest one whose recall loss (share of all smokes below it) stays within beta.

Scores are in [0, 1], a sequence is discarded when its score is below the threshold. delta is the error allowed. Choosing the threshold by
its measured recall instead fails 40 to 76% of the time (docs/audit.md).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterable, Mapping
from collections.abc import Sequence as Seq
from dataclasses import dataclass

from scipy import stats

from triage.audit.bounds import hits_allowed, hypergeometric_cdf, labels_needed
from triage.audit.clusters import hoeffding_bentkus_p
from triage.audit.drawing import permanent_random_number
from triage.errors import BadSetting

__all__ = [
    "Certified",
    "NotCertifiable",
    "fixed_sequence",
    "largest_safe_rank",
    "tune_by_audit",
    "tune_by_cluster_means",
    "tune_by_clusters",
    "tune_by_random_sample",
    "tune_elusion_rate",
]


@dataclass(frozen=True, slots=True)
class Certified:
    """threshold: the largest certified one ("discard below it"). budget: smokes that may be lost at it (None = not a count).

    p_value: of the test at that threshold (None = the rule has no single test).
    """

    threshold: float
    budget: int | None
    p_value: float | None


@dataclass(frozen=True, slots=True)
class NotCertifiable:
    """needed: how many labels, smokes or clusters (`of_what`) would do with so many `hits` among them; None = no number does."""

    needed: int | None
    of_what: str
    hits: int = 0


def fixed_sequence(thresholds: Iterable[float], p_value: Callable[[float], float], delta: float) -> float | None:
    """Walk the thresholds in the order given, stop at the first p > delta; the last one that passed, None = not even the first.

    The order must not depend on the labels tested (Learn then Test, arXiv 2110.01052, fixed-sequence testing).
    """
    last = None
    for threshold in thresholds:
        if p_value(threshold) > delta:
            break
        last = threshold
    return last


def tune_by_audit(
    *,
    threshold: float,
    bucket_size: int,
    sampled: int,
    sampled_smoke_scores: Seq[float],
    reviewed_smoke_scores: Seq[float],
    beta: float = 0.05,
    delta: float = 0.05,
    smokes_above: int | None = None,
) -> Certified | NotCertifiable:
    """T1: an audit sample of the Unlabel bucket at `threshold` and a fully reviewed To Review bucket.

    bucket_size, sampled: N_U and n at `threshold`. sampled_smoke_scores: scores (< threshold) of the smokes in the sample.
    reviewed_smoke_scores: scores (>= threshold) of the reviewed smokes, all or the lowest of them; smokes_above: TP, how many
    reviewed smokes there are in all (default: as many as scores given).

    Below the threshold the test at t is p_t = F(x_t; N_U, D* + 1, n) with D* = floor(beta TP / (1 - beta)); above it every reviewed
    smoke that would be discarded takes its part of the budget: D*_t = floor((beta TP - K_t) / (1 - beta)).
    """
    if any(score >= threshold for score in sampled_smoke_scores) or any(score < threshold for score in reviewed_smoke_scores):
        raise BadSetting("tune: expected sampled smokes below the threshold and reviewed smokes at or above it")
    TP = len(reviewed_smoke_scores) if smokes_above is None else smokes_above
    budget = _floor(beta * TP / (1 - beta))
    accept = hits_allowed(sampled, bucket_size, budget, delta)
    hits = sorted(sampled_smoke_scores)
    if accept < 0:
        return NotCertifiable(labels_needed(bucket_size, budget, 0, delta), "labels")
    if len(hits) > accept:
        # "Discard below t" loses the smokes strictly below t: t may reach the score of the first hit too many.
        t = hits[accept]
        x = sum(score < t for score in hits)
        return Certified(t, budget, hypergeometric_cdf(x, bucket_size, budget + 1, sampled))
    best = Certified(threshold, budget, hypergeometric_cdf(len(hits), bucket_size, budget + 1, sampled))
    reviewed = sorted(reviewed_smoke_scores)
    for t in sorted(set(reviewed)):
        lost_above = sum(score < t for score in reviewed)
        left = _floor((beta * TP - lost_above) / (1 - beta))
        if left < 0:
            break
        p = hypergeometric_cdf(len(hits), bucket_size, left + 1, sampled) if left < bucket_size else 0.0
        if p > delta:
            break
        best = Certified(t, left, p)
    return best


def _floor(value: float) -> int:
    """floor, forgiving the last bit: 0.05 * 20 / 0.95 must not fall below a whole number it equals."""
    return math.floor(value + 1e-9)


def largest_safe_rank(smokes: int, beta: float, delta: float = 0.05) -> int:
    """j = max{ j : Binomial.cdf(j - 1; smokes, beta) <= delta }; 0 = too few smokes (QBCB: Lewis, Yang and Frieder 2021)."""
    j = 0
    while j < smokes and float(stats.binom.cdf(j, smokes, beta)) <= delta:
        j += 1
    return j


def tune_by_random_sample(smoke_scores: Seq[float], beta: float = 0.05, delta: float = 0.05) -> Certified | NotCertifiable:
    """T2: the smokes of a simple random sample of the whole collection. The j-th smallest score, j of `largest_safe_rank`."""
    j = largest_safe_rank(len(smoke_scores), beta, delta)
    if j == 0:
        return NotCertifiable(math.ceil(math.log(delta) / math.log1p(-beta) - 1e-9), "smokes")
    return Certified(sorted(smoke_scores)[j - 1], None, float(stats.binom.cdf(j - 1, len(smoke_scores), beta)))


def tune_by_clusters(
    smoke_scores: Mapping[str, float], cluster_of: Mapping[str, Hashable], seed: int, beta: float = 0.05, delta: float = 0.05
) -> Certified | NotCertifiable:
    """T3: an old labelled set, clustered, for a claim about new data: one random smoke per cluster (hash order), then T2.

    The loss it bounds is event-weighted: a fire with 40 frames counts once.
    """
    chosen: dict[Hashable, tuple[float, str]] = {}
    for identity in smoke_scores:
        candidate = (permanent_random_number(seed, identity), identity)
        cluster = cluster_of[identity]
        chosen[cluster] = min(chosen.get(cluster, candidate), candidate)
    result = tune_by_random_sample([smoke_scores[identity] for _, identity in chosen.values()], beta, delta)
    return NotCertifiable(result.needed, "clusters with smoke") if isinstance(result, NotCertifiable) else result


def tune_by_cluster_means(
    smoke_scores: Mapping[str, float], cluster_of: Mapping[str, Hashable], beta: float = 0.05, delta: float = 0.05
) -> Certified | NotCertifiable:
    """T3 by Learn then Test: L_c(t) = share of cluster c's smokes below t, tested with Hoeffding-Bentkus, walking upward."""
    clusters: dict[Hashable, list[float]] = {}
    for identity, score in smoke_scores.items():
        clusters.setdefault(cluster_of[identity], []).append(score)
    m = len(clusters)

    def p_value(t: float) -> float:
        mean = sum(sum(score < t for score in scores) / len(scores) for scores in clusters.values()) / m
        return hoeffding_bentkus_p(mean, m, beta)

    t = fixed_sequence(sorted(set(smoke_scores.values())), p_value, delta) if m else None
    if t is None:
        return NotCertifiable(math.ceil(math.log(delta) / math.log1p(-beta) - 1e-9), "clusters with smoke")
    return Certified(t, None, p_value(t))


def tune_elusion_rate(
    bucket_scores: Seq[float], sampled_scores: Seq[float], sampled_smoke_scores: Seq[float], eps: float, delta: float = 0.05
) -> Certified | NotCertifiable:
    """The largest t with at most a share `eps` of smokes among the discarded: D(t) / N_t <= eps. Not monotone in t.

    bucket_scores: of the whole bucket; sampled_scores: of its random sample. The walk starts, without looking at labels, at the
    first t where a sample without a hit could pass.
    """
    N, n = len(bucket_scores), len(sampled_scores)
    bucket, sample, smokes = sorted(bucket_scores), sorted(sampled_scores), sorted(sampled_smoke_scores)
    if n == 0:
        return NotCertifiable(labels_needed(N, _floor(eps * N), 0, delta), "labels")

    candidates = [*sorted(set(bucket)), math.nextafter(bucket[-1], 2)]
    able = [t for t in candidates if (1 - n / N) ** (_floor(eps * bisect_left(bucket, t)) + 1) <= delta]

    def p_value(t: float) -> float:
        N_t = bisect_left(bucket, t)
        return hypergeometric_cdf(bisect_left(smokes, t), N_t, min(N_t, _floor(eps * N_t) + 1), bisect_left(sample, t))

    t = fixed_sequence(able, p_value, delta)
    if t is None:
        # With enough labels it is the hits that stand in the way.
        hits = len(smokes) if able else 0
        return NotCertifiable(labels_needed(N, _floor(eps * N), hits, delta), "labels", hits)
    return Certified(t, _floor(eps * bisect_left(bucket, t)), p_value(t))
