"""Exact bounds on the number of smokes in a finite bucket, from a simple random sample of it.

Notation, as in docs/audit.md: N sequences in the bucket, n sampled without replacement, x smokes among the sampled, D smokes in the
bucket (unknown). F(x; N, D, n) is the hypergeometric distribution function. `alpha` is the error allowed, one-sided.

The bounds hold for this bucket whatever the clustering of its smokes, because the randomness lies in the draw.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from scipy import stats
from scipy.special import betaln, gammaln

from triage.errors import BadSetting

__all__ = [
    "TwoLooks",
    "chance_to_pass",
    "chance_to_pass_two_looks",
    "clopper_pearson_upper",
    "hits_allowed",
    "hypergeometric_cdf",
    "hypergeometric_lower",
    "hypergeometric_upper",
    "labels_needed",
    "largest",
    "noisy_upper",
    "open_ended_needed",
    "open_ended_upper",
    "sensitivity_lower",
    "simultaneous_alpha",
    "smallest_sample",
]


def hypergeometric_cdf(x: int, N: int, D: int, n: int) -> float:
    """F(x; N, D, n): the chance of at most `x` smokes in a sample of `n` out of `N` sequences of which `D` are smokes."""
    return float(stats.hypergeom.cdf(x, N, D, n))


def largest(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The largest whole number in [low, high] for which `holds`, which is true at `low` and, once false, stays false."""
    while low < high:
        middle = (low + high + 1) // 2
        if holds(middle):
            low = middle
        else:
            high = middle - 1
    return low


def _check_sample(x: int, n: int, N: int, alpha: float) -> None:
    if not 0 <= x <= n <= N:
        raise BadSetting(f"sample: expected 0 <= hits <= sampled <= bucket, found {x}, {n}, {N}")
    if not 0 < alpha < 1:
        raise BadSetting(f"alpha: expected a number between 0 and 1, found {alpha}")


def hypergeometric_upper(x: int, n: int, N: int, alpha: float = 0.05) -> int:
    """D_U(x): the largest number of smokes in the bucket that the sample does not contradict at level `alpha`.

    D_U = max{ D in [x, N - (n - x)] : F(x; N, D, n) > alpha }. With n = 0 nothing is known: D_U = N.
    """
    _check_sample(x, n, N, alpha)
    return largest(x, N - (n - x), lambda D: hypergeometric_cdf(x, N, D, n) > alpha)


def hypergeometric_lower(x: int, n: int, N: int, alpha: float = 0.05) -> int:
    """D_L(x) = min{ D : P(X >= x | D) > alpha }: the smallest number of smokes that the sample does not contradict."""
    _check_sample(x, n, N, alpha)
    if x == 0:
        return 0
    top = N - (n - x)
    # P(X >= x) grows with D, so the smallest passing D follows the largest failing one; D = x - 1 cannot give x hits.
    return 1 + largest(x - 1, top, lambda D: float(stats.hypergeom.sf(x - 1, N, D, n)) <= alpha)


def clopper_pearson_upper(x: float, n: float, alpha: float = 0.05) -> float:
    """Upper bound of a proportion for sampling with replacement (Clopper and Pearson 1934), in [0, 1]; x and n may be fractional."""
    if n <= 0 or x >= n:
        return 1.0
    return float(stats.beta.ppf(1 - alpha, x + 1, n - x))


def hits_allowed(n: int, N: int, target: int, alpha: float = 0.05) -> int:
    """The largest x with D_U(x) <= target, that is F(x; N, target + 1, n) <= alpha; -1 = not even no hit would do."""
    if target >= N:
        return n
    x = -1
    while x < n and hypergeometric_cdf(x + 1, N, target + 1, n) <= alpha:
        x += 1
    return x


def labels_needed(N: int, target: int, hits: int = 0, alpha: float = 0.05, sensitivity: float = 1.0) -> int | None:
    """The smallest n for which `hits` smokes in the sample still certify "at most `target` smokes in the bucket".

    sensitivity: of a reviewer who sees only that share of the smokes. None = no sample does: more hits are allowed than the target itself,
    or what the reviewer overlooks in the whole bucket is more than the target.
    """
    if target >= N:
        return hits
    if sensitivity < 1:
        return smallest_sample(hits, N, lambda n: noisy_upper(hits, n, N, sensitivity, alpha) <= target)
    return smallest_sample(hits, N, lambda n: hypergeometric_cdf(hits, N, target + 1, n) <= alpha) if hits <= target else None


def open_ended_needed(N: int, target: int, hits: int = 0, alpha: float = 0.05) -> int | None:
    """The same for the bound that holds at every n at once (`open_ended_upper`)."""
    return smallest_sample(hits, N, lambda n: open_ended_upper(hits, n, N, alpha) <= target) if hits <= target else None


def smallest_sample(hits: int, N: int, certifies: Callable[[int], bool]) -> int | None:
    """The smallest n in [hits, N] that `certifies`, which stays true once it is; None = not even all N do."""
    if hits > N or not certifies(N):
        return None
    return 1 + largest(hits - 1, N, lambda n: n < hits or not certifies(n))


def chance_to_pass(n: int, N: int, hits: int, rate: Fraction | float) -> float:
    """The chance that a bucket whose true share of smokes is `rate` gives at most `hits` in a sample of `n`."""
    return hypergeometric_cdf(hits, N, round(N * rate), n)


class TwoLooks(NamedTuple):
    """Pass at `n1` labels with at most `hits1` smokes among them, else label on to `n2` and pass with at most `hits2`."""

    n1: int
    hits1: int
    n2: int
    hits2: int


def chance_to_pass_two_looks(looks: TwoLooks, N: int, rate: Fraction | float) -> tuple[float, float]:
    """(chance that either look passes, mean number of labels) when the bucket's true share of smokes is `rate`."""
    n1, hits1, n2, hits2 = looks
    D = round(N * rate)
    first = hypergeometric_cdf(hits1, N, D, n1)
    second = 0.0
    for seen in range(hits1 + 1, hits2 + 1):
        rest = hypergeometric_cdf(hits2 - seen, N - n1, D - seen, n2 - n1) if seen <= D else 1.0
        second += float(stats.hypergeom.pmf(seen, N, D, n1)) * rest
    return first + second, n1 + (1 - first) * (n2 - n1)


def open_ended_upper(x: int, n: int, N: int, alpha: float = 0.05, a: float = 1.0, b: float = 400.0) -> int:
    """D_U that holds at every n at once, however often one looks: prior-posterior ratio (Waudby-Smith and Ramdas 2020).

    D_U = max{ D : BB(D; N, a, b) / BB(D - x; N - n, a + x, b + n - x) < 1 / alpha }, BB = beta-binomial mass.
    """
    _check_sample(x, n, N, alpha)
    D = np.arange(x, N - (n - x) + 1)
    prior = _log_beta_binomial(D, N, a, b)
    posterior = _log_beta_binomial(D - x, N - n, a + x, b + n - x)
    inside = np.flatnonzero(prior - posterior < -math.log(alpha))
    return int(D[inside[-1]])


def _log_beta_binomial(k: np.ndarray, n: int, a: float, b: float) -> np.ndarray:
    choose = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    log_mass: np.ndarray = choose + betaln(k + a, n - k + b) - betaln(a, b)
    return log_mass


def noisy_upper(x: int, n: int, N: int, sensitivity: float, alpha: float = 0.05) -> int:
    """D_U when a reviewer recognises a smoke only with chance `sensitivity` in (0, 1].

    F is replaced by the thinned sum_j P(j smokes sampled) * Binomial.cdf(x; j, sensitivity). Non-smokes are never called smoke.
    """
    _check_sample(x, n, N, alpha)
    if not 0 < sensitivity <= 1:
        raise BadSetting(f"sensitivity: expected a number in (0, 1], found {sensitivity}")
    if sensitivity == 1:
        return hypergeometric_upper(x, n, N, alpha)

    def compatible(D: int) -> bool:
        j = np.arange(0, min(n, D) + 1)
        mass = stats.hypergeom.pmf(j, N, D, n)
        return float(mass @ stats.binom.cdf(x, j, sensitivity)) > alpha

    return largest(x, N, compatible)


def sensitivity_lower(found: int, planted: int, alpha: float = 0.05) -> float:
    """Lower bound of the reviewer's sensitivity from planted smokes, at alpha / 2 (the other half is for D_U); 0.0 when none was found."""
    if not 0 <= found <= planted:
        raise BadSetting(f"planted smokes: expected 0 <= found <= planted, found {found} of {planted}")
    return 0.0 if found == 0 else float(stats.beta.ppf(alpha / 2, found, planted - found + 1))


#: Levels at which the pointwise bound, with N and n of the whole bucket, holds for a whole curve at once: for alpha = 0.05 or 0.10,
#: by the largest number of hits the curve may reach. Quantiles of first-passage times of Gamma sums (docs/audit.md).
_SIMULTANEOUS = {0.05: ((5, 0.0174), (10, 0.0131), (20, 0.0098), (50, 0.0070)), 0.10: ((50, 0.0159),)}


def simultaneous_alpha(hits: int, alpha: float = 0.05) -> float:
    """alpha' for curves that people choose a threshold from by eye, when at most `hits` smokes were sampled.

    Raises BadSetting where no value was derived (more than 50 hits, or another alpha).
    """
    for most, level in _SIMULTANEOUS.get(alpha, ()):
        if hits <= most:
            return level
    raise BadSetting(f"simultaneous band: derived for alpha 0.05 or 0.10 and at most 50 hits, found {alpha} and {hits}")
