"""Bounds for stratified samples. A stratum is (N_h, n_h): its size and how many were sampled; x_h are its hits.

Stratify for reporting, not for power: a bound must cover the worst place the smokes can hide, so any allocation but the proportional
one makes the certificate worse (docs/audit.md).
"""

from __future__ import annotations

import math
from collections.abc import Sequence as Seq
from fractions import Fraction

import numpy as np
from scipy import stats

from triage.audit.bounds import clopper_pearson_upper, hypergeometric_upper, largest, noisy_upper
from triage.errors import BadSetting

__all__ = ["fisher_upper", "pooled_upper", "stratified_upper", "wendell_schmee_upper", "wright_upper"]

Stratum = tuple[int, int]


def _check(strata: Seq[Stratum], hits: Seq[int]) -> None:
    if len(strata) != len(hits) or not strata:
        raise BadSetting(f"strata: expected one count of hits for each of {len(strata)} strata, found {len(hits)}")
    for (size, sampled), x in zip(strata, hits, strict=True):
        if not 0 <= x <= sampled <= size:
            raise BadSetting(f"stratum: expected 0 <= hits <= sampled <= size, found {x}, {sampled}, {size}")


def stratified_upper(
    strata: Seq[Stratum], hits: Seq[int], alpha: float = 0.05, sensitivity: float = 1.0, *, proportional: bool
) -> tuple[int, dict[str, int]]:
    """(the bound to quote, others by name). proportional: equal fractions; else two strata, the second one sampled more densely."""
    if proportional:
        upper = pooled_upper(strata, hits, alpha, sensitivity)
        others = {"Wright": wright_upper(strata, hits, alpha, sensitivity)}
        return upper, others if sensitivity < 1 else others | {"Fisher": fisher_upper(strata, hits, alpha)}
    if sensitivity < 1 or any(sampled == 0 for _, sampled in strata):
        return wright_upper(strata, hits, alpha, sensitivity), {}
    (size, sampled), (band, labelled) = strata
    if band == labelled:
        return hits[1] + hypergeometric_upper(hits[0], sampled, size, alpha), {}
    return wendell_schmee_upper(strata, hits, alpha), {"Wright": wright_upper(strata, hits, alpha)}


def pooled_upper(strata: Seq[Stratum], hits: Seq[int], alpha: float = 0.05, sensitivity: float = 1.0) -> int:
    """D_U of a proportionally stratified sample: floor(n * CP_U(X, n) / (s * min_h f_h)), plus the hits of fully labelled strata.

    The total hits X are Poisson-binomial, and by Hoeffding (1956) their lower tail lies below the binomial's. Valid for alpha <= 0.25.
    A reviewer who sees each smoke with chance s = `sensitivity` thins X, which stays Poisson-binomial with s times the mean; a stratum
    that was labelled whole is then not known either.
    """
    _check(strata, hits)
    if alpha > 0.25:
        raise BadSetting(f"alpha: the pooled bound holds up to 0.25, found {alpha}")
    whole = [size == sampled and sensitivity == 1 for size, sampled in strata]
    known = sum(x for x, done in zip(hits, whole, strict=True) if done)
    open_strata = [(size, sampled, x) for (size, sampled), x, done in zip(strata, hits, whole, strict=True) if not done]
    if not open_strata:
        return known
    n = sum(sampled for _, sampled, _ in open_strata)
    total = sum(size for size, _, _ in open_strata)
    fraction = sensitivity * min(sampled / size for size, sampled, _ in open_strata)
    if fraction == 0:
        return known + total
    X = sum(x for *_, x in open_strata)
    return known + min(total, math.floor(n * clopper_pearson_upper(X, n, alpha) / fraction))


def wright_upper(strata: Seq[Stratum], hits: Seq[int], alpha: float = 0.05, sensitivity: float = 1.0) -> int:
    """Sum of hypergeometric bounds, each at 1 - (1 - alpha)^(1/H): valid for any allocation and any `sensitivity`, wide."""
    _check(strata, hits)
    level = 1 - (1 - alpha) ** (1 / len(strata))
    return sum(noisy_upper(x, sampled, size, sensitivity, level) for (size, sampled), x in zip(strata, hits, strict=True))


def fisher_upper(strata: Seq[Stratum], hits: Seq[int], alpha: float = 0.05) -> int:
    """max sum_h D_h whose combined p-value, by Fisher's -2 sum ln F(x_h; N_h, D_h, n_h) against chi-squared with 2H, exceeds alpha.

    Exact over all splits by dynamic programming on the cost. For reports beside the pooled bound, not the default.
    """
    _check(strata, hits)
    budget = float(stats.chi2.ppf(1 - alpha, 2 * len(strata))) / 2
    # frontier[D] = least -sum ln F over the strata so far with D smokes in total.
    frontier = np.zeros(1)
    for (size, sampled), x in zip(strata, hits, strict=True):
        D = np.arange(0, size - (sampled - x) + 1)
        cost = -np.asarray(stats.hypergeom.logcdf(x, size, D, sampled))
        cost = cost[cost < budget]
        merged = np.full(len(frontier) + len(cost) - 1, np.inf)
        for already, least in enumerate(frontier):
            part = slice(already, already + len(cost))
            merged[part] = np.minimum(merged[part], least + cost)
        frontier = merged
    return int(np.flatnonzero(frontier < budget)[-1])


def wendell_schmee_upper(strata: Seq[Stratum], hits: Seq[int], alpha: float = 0.05) -> int:
    """D_U for two strata sampled with unequal fractions (Wendell and Schmee 1996).

    T = sum N_h x_h / n_h; D_U = max{ D : max over D1 + D2 = D of P(T <= T_observed | D1, D2) > alpha }.
    """
    _check(strata, hits)
    if len(strata) != 2 or any(sampled == 0 for _, sampled in strata):
        raise BadSetting("Wendell-Schmee: expected two strata, both sampled")
    (N1, n1), (N2, n2) = strata
    # In whole numbers, so that equal estimates compare equal.
    w1, w2 = N1 * n2, N2 * n1
    observed = w1 * hits[0] + w2 * hits[1]
    x1 = np.arange(0, min(n1, observed // w1) + 1)
    most_x2 = np.array([int(Fraction(observed - w1 * int(x), w2)) for x in x1])

    def tail(D: int) -> float:
        D1 = np.arange(max(0, D - N2), min(N1, D) + 1)[:, None]
        mass = stats.hypergeom.pmf(x1[None, :], N1, D1, n1)
        rest = np.asarray(stats.hypergeom.cdf(most_x2[None, :], N2, D - D1, n2))
        return float((mass * rest).sum(axis=1).max())

    low = sum(hits)
    return largest(low, N1 + N2 - (n1 + n2 - low), lambda D: tail(D) > alpha)
