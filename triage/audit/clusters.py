"""When the cluster is the unit: whole camera-days were labelled, or the claim is about other data than this bucket.

A cluster is a camera and a day (or coarser); y_c its smokes, b_c its size in the bucket.
"""

from __future__ import annotations

import math
from collections.abc import Sequence as Seq

import numpy as np
from scipy import optimize, stats

from triage.audit.bounds import clopper_pearson_upper
from triage.errors import BadSetting

__all__ = ["anova_icc", "design_effect_upper", "hoeffding_bentkus_p", "hoeffding_bentkus_upper"]


def _kl(p: float, q: float) -> float:
    """Kullback-Leibler divergence of Bernoulli(p) from Bernoulli(q), in nats."""
    first = 0.0 if p == 0 else p * math.log(p / q)
    second = 0.0 if p == 1 else (1 - p) * math.log((1 - p) / (1 - q))
    return first + second


def hoeffding_bentkus_p(mean: float, m: int, beta: float) -> float:
    """p-value of "the expected loss is at least `beta`" from `m` independent losses in [0, 1] with this mean.

    min{ e * Binomial.cdf(ceil(m * mean); m, beta), exp(-m * kl(mean, beta)) }, 1 when mean >= beta (Learn then Test, arXiv 2110.01052).
    """
    if mean >= beta:
        return 1.0
    # A mean of whole counts may come out a hair above the count it is: ceil must not climb one step for that.
    bentkus = math.e * float(stats.binom.cdf(math.ceil(m * mean - 1e-9), m, beta))
    return min(1.0, bentkus, math.exp(-m * _kl(mean, beta)))


def hoeffding_bentkus_upper(mean: float, m: int, alpha: float = 0.05) -> float:
    """HB_U: the largest expected loss that `m` independent losses with this mean do not contradict, in [mean, 1]."""
    if m <= 0:
        return 1.0
    if hoeffding_bentkus_p(mean, m, 1 - 1e-12) > alpha:
        return 1.0
    return float(optimize.bisect(lambda mu: hoeffding_bentkus_p(mean, m, mu) - alpha, mean + 1e-12, 1 - 1e-12, xtol=1e-12))


def design_effect_upper(x: int, sizes: Seq[int], rho: float = 1.0, alpha: float = 0.05) -> tuple[float, float]:
    """(design effect d, upper bound of the share) for `x` hits in whole clusters of these sizes, drawn equally likely.

    d = 1 + (b_w - 1) * rho with b_w = sum b^2 / sum b; the bound is Clopper-Pearson's at x / d of n / d. Keep rho = 1: an estimated
    rho is 0 when there is no hit, and then covers as little as 58% (docs/audit.md).
    """
    n = sum(sizes)
    if n == 0 or not 0 <= rho <= 1:
        raise BadSetting(f"clusters: expected at least one sequence and rho in [0, 1], found {n} and {rho}")
    effect = 1 + (sum(size * size for size in sizes) / n - 1) * rho
    return effect, clopper_pearson_upper(x / effect, n / effect, alpha)


def anova_icc(smokes: Seq[int], sizes: Seq[int]) -> float | None:
    """Intra-cluster correlation by one-way analysis of variance (may be negative); None = undefined (no two clusters, no variance).

    For reports only: it is never used to shrink a sample.
    """
    y, b = np.asarray(smokes, float), np.asarray(sizes, float)
    k, n = len(b), b.sum()
    if k < 2 or n <= k:
        return None
    share = y.sum() / n
    between = float((b * (y / b - share) ** 2).sum()) / (k - 1)
    within = float((y - y * y / b).sum()) / (n - k)
    typical = float(n - (b * b).sum() / n) / (k - 1)
    spread = between + (typical - 1) * within
    return None if spread == 0 else (between - within) / spread
