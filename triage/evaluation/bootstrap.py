"""Intervals that respect cameras: whole cameras are drawn with replacement, and everything is computed again on what was drawn.

Sequences of one camera share its view, its weather and its nuisances; drawing single sequences would give intervals that are too
narrow (cluster bootstrap: Davison and Hinkley 1997, section 3.8; percentile interval).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from triage.evaluation.records import Estimate

__all__ = ["cluster_weights", "estimates"]

Floats = NDArray[np.float64]
Measure = Callable[[Floats], Mapping[str, float | None]]


def cluster_weights(clusters: Sequence[str], rng: np.random.Generator) -> Floats:
    """[N] float64: how often each sequence was drawn when as many clusters as there are were drawn with replacement."""
    names, which = np.unique(np.asarray(clusters), return_inverse=True)
    times = np.bincount(rng.integers(0, len(names), len(names)), minlength=len(names))
    return times[which].astype(np.float64)


def estimates(measure: Measure, clusters: Sequence[str], *, resamples: int, seed: int) -> dict[str, Estimate]:
    """Every value of `measure` with its 95% percentile interval.

    measure: weights [N] -> values by name, the same names each time; None = undefined on that sample. clusters: N camera names.
    The same seed gives the same intervals. Fewer than two cameras give no interval: there is nothing to resample.
    """
    point = measure(np.ones(len(clusters)))
    if len(set(clusters)) < 2 or resamples < 1:
        return {name: Estimate(value, None, None, 0.0) for name, value in point.items()}
    rng = np.random.default_rng(seed)
    drawn: dict[str, list[float]] = {name: [] for name in point}
    for _ in range(resamples):
        for name, value in measure(cluster_weights(clusters, rng)).items():
            if value is not None:
                drawn[name].append(value)
    return {name: _estimate(value, drawn[name], resamples) for name, value in point.items()}


def _estimate(value: float | None, drawn: list[float], resamples: int) -> Estimate:
    undefined = 1 - len(drawn) / resamples
    if value is None or undefined > 0.5:
        return Estimate(value, None, None, undefined)
    low, high = np.percentile(drawn, (2.5, 97.5))
    return Estimate(value, float(low), float(high), undefined)
