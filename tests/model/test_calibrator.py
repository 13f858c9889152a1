"""Logit to probability, by hand."""

from __future__ import annotations

import math

import pytest

from triage.model import Calibrator
from triage.model.calibrator import mean_confidence
from triage.predictions import TubeEntry


def test_the_probability_is_the_logistic_of_the_weighted_features() -> None:
    calibrator = Calibrator((2.0, 1.0, -1.0, 0.5), 0.25)
    z = 2.0 * 0.1 + math.log(21) - 0.3 + 0.5 * 3 + 0.25
    assert calibrator.probability(0.1, 20, 0.3, 3) == pytest.approx(1 / (1 + math.exp(-z)), abs=1e-15)


@pytest.mark.parametrize(("logit", "probability"), [(-1e6, 0.0), (1e6, 1.0), (0.0, 0.5)])
def test_extremes_do_not_overflow(logit: float, probability: float) -> None:
    assert Calibrator((1.0, 0.0, 0.0, 0.0), 0.0).probability(logit, 1, 0.0, 1) == probability


def test_the_mean_confidence_counts_interpolated_boxes_as_zero_and_leaves_out_what_has_none() -> None:
    box = (0.5, 0.5, 0.1, 0.1)
    seen, filled, empty = TubeEntry(0, box, False, 0.6), TubeEntry(1, box, True, 0.0), TubeEntry(2, None, False, None)
    assert mean_confidence([seen, filled]) == pytest.approx(0.3)
    assert mean_confidence([seen, empty]) == pytest.approx(0.6)
    assert mean_confidence([empty]) == 0.0
