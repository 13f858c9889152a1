"""The curves against scikit-learn's own numbers and against counting by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from triage.evaluation.ranking import rank

SMOKE = np.array([True, True, False, True, False, False])
SCORE = np.array([0.9, 0.8, 0.7, 0.6, 0.2, 0.1])


def test_numbers_agree_with_scikit_learn_on_weighted_samples_with_ties() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        smoke = rng.random(80) < 0.4
        score = np.round(rng.random(80), 1)
        weight = rng.integers(0, 4, 80).astype(float)
        ranking = rank(smoke, score, weight)
        assert ranking is not None
        assert ranking.roc_auc == pytest.approx(roc_auc_score(smoke, score, sample_weight=weight), abs=1e-9)
        assert ranking.average_precision == pytest.approx(average_precision_score(smoke, score, sample_weight=weight), abs=1e-9)


def test_a_weight_of_two_is_the_same_as_the_sequence_twice() -> None:
    weighted = rank(SMOKE, SCORE, np.array([1.0, 2, 1, 1, 3, 1]))
    repeated = rank(np.repeat(SMOKE, [1, 2, 1, 1, 3, 1]), np.repeat(SCORE, [1, 2, 1, 1, 3, 1]))
    assert weighted is not None
    assert repeated is not None
    assert weighted.roc_auc == pytest.approx(repeated.roc_auc)
    assert weighted.wss(0.95) == pytest.approx(repeated.wss(0.95))


def test_the_highest_threshold_that_keeps_a_recall_is_the_score_of_a_smoke() -> None:
    ranking = rank(SMOKE, SCORE)
    assert ranking is not None
    assert ranking.threshold[ranking.index_for_recall(0.60)] == 0.8
    assert ranking.threshold[ranking.index_for_recall(0.95)] == 0.6


def test_work_saved_over_sampling_by_hand() -> None:
    # At 0.6 all smokes are kept; two of six are below: (2 + 0) / 6 - 0.05.
    ranking = rank(SMOKE, SCORE)
    assert ranking is not None
    assert ranking.wss(0.95) == pytest.approx(2 / 6 - 0.05)


def test_nineteen_of_twenty_smokes_are_95_percent() -> None:
    score = np.concatenate([np.linspace(0.9, 0.5, 19), [0.1], [0.3]])
    ranking = rank(np.array([True] * 20 + [False]), score)
    assert ranking is not None
    assert ranking.threshold[ranking.index_for_recall(0.95)] == 0.5


@pytest.mark.parametrize("smoke", [[True, True], [False, False]])
def test_one_class_has_no_curves(smoke: list[bool]) -> None:
    assert rank(np.array(smoke), np.array([0.2, 0.9])) is None
