"""The curves of one weighted sample of scores: everything that depends on the order of scores only.

Curves come from scikit-learn's `roc_curve`; the rest is read off its points, so that one resample costs one sort.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import auc, roc_curve

__all__ = ["Ranking", "rank"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ranking:
    """Counts of predicted smoke (score >= threshold) at every distinct score, from none to all.

    threshold: [K] descending, the first one infinite (nothing is predicted smoke). true_positive, false_positive: [K] weights.
    """

    threshold: Floats
    true_positive: Floats
    false_positive: Floats

    @property
    def smokes(self) -> float:
        """Total weight of smoke, > 0."""
        return float(self.true_positive[-1])

    @property
    def others(self) -> float:
        """Total weight of false positives, > 0."""
        return float(self.false_positive[-1])

    @functools.cached_property
    def recall(self) -> Floats:
        """[K] ascending, in [0, 1]."""
        return self.true_positive / self.smokes

    @property
    def precision(self) -> Floats:
        """[K]; the first point, where nothing is predicted smoke, is 1 by convention (as scikit-learn draws it)."""
        predicted = self.true_positive + self.false_positive
        return np.divide(self.true_positive, predicted, out=np.ones_like(predicted), where=predicted > 0)

    @property
    def roc_auc(self) -> float:
        """Area under the ROC curve: the chance that a smoke scores above a false positive, ties counted half."""
        return float(auc(self.false_positive / self.others, self.recall))

    @property
    def average_precision(self) -> float:
        """Sum of (recall_k - recall_{k-1}) precision_k, scikit-learn's definition (no interpolation)."""
        return float(np.sum(np.diff(self.recall) * self.precision[1:]))

    def index_for_recall(self, target: float) -> int:
        """Index of the highest threshold whose recall is at least `target` (0 < target <= 1). Always exists: the last keeps all."""
        # Weights are counts; the small slack keeps 0.95 of 20 from asking for a twentieth smoke.
        return int(np.argmax(self.true_positive >= target * self.smokes - 1e-9))

    def saved(self, index: int) -> float:
        """Share of all sequences below the threshold with this index."""
        below = self.smokes + self.others - self.true_positive[index] - self.false_positive[index]
        return float(below / (self.smokes + self.others))

    def wss(self, recall: float = 0.95) -> float:
        """Work saved over sampling (Cohen et al. 2006): (TN + FN) / N - (1 - recall) at the highest threshold keeping `recall`."""
        return self.saved(self.index_for_recall(recall)) - (1 - recall)


def rank(smoke: NDArray[np.bool_], score: Floats, weight: Floats | None = None) -> Ranking | None:
    """The ranking of N sequences: smoke [N] bool, score [N] finite, weight [N] >= 0 (None = all 1). None without both classes."""
    if weight is None:
        weight = np.ones(len(score))
    smokes, others = float(weight[smoke].sum()), float(weight[~smoke].sum())
    if smokes <= 0 or others <= 0:
        return None
    used = weight > 0
    false_rate, true_rate, threshold = roc_curve(smoke[used], score[used], sample_weight=weight[used], drop_intermediate=False)
    # Rates times totals are whole numbers up to rounding, because weights are counts.
    return Ranking(threshold, np.round(true_rate * smokes, 6), np.round(false_rate * others, 6))
