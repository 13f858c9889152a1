"""Logits become probabilities that mean what they say."""

from __future__ import annotations

import numpy as np
import pytest

from triage.errors import BadInput
from triage.files import dump_json
from triage.model.calibrator import calibrator_from
from triage.model.config import parse_calibrator
from triage.train.calibration import calibrator_text, fit_calibrator


def tubes(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    features = np.column_stack([rng.normal(0, 3, n), rng.uniform(1, 3, n), rng.uniform(0.1, 0.9, n), np.ones(n)])
    z = 0.8 * features[:, 0] + 1.5 * features[:, 2] - 1.2
    return features, rng.random(n) < 1 / (1 + np.exp(-z))


def test_it_finds_the_curve_that_made_the_labels() -> None:
    features, smoke = tubes(8000)
    calibrator = fit_calibrator(features, smoke)
    assert calibrator.coefficients[0] == pytest.approx(0.8, abs=0.05)
    assert calibrator.coefficients[2] == pytest.approx(1.5, abs=0.3)
    probability = np.array([calibrator.of_features(row) for row in features])
    for low in (0.0, 0.25, 0.5, 0.75):
        inside = (probability >= low) & (probability < low + 0.25)
        assert smoke[inside].mean() == pytest.approx(probability[inside].mean(), abs=0.04)


def test_a_feature_that_never_varies_gets_no_coefficient() -> None:
    assert fit_calibrator(*tubes(200)).coefficients[3] == 0.0


def test_on_few_tubes_a_chance_relation_with_length_does_not_rule() -> None:
    features, _ = tubes(24)
    features[:, 1] = np.where(np.arange(24) % 8 < 4, 1.9, 2.0)
    smoke = (features[:, 0] > 0) ^ ((np.arange(24) % 8 < 4) & (np.arange(24) % 5 == 0))
    few, many = fit_calibrator(features, smoke), fit_calibrator(np.tile(features, (100, 1)), np.tile(smoke, 100))
    assert abs(few.coefficients[1]) < 0.2 * abs(many.coefficients[1])


def test_sanity_pairs_hold_when_the_package_is_loaded() -> None:
    features, smoke = tubes(100)
    text = calibrator_text(fit_calibrator(features, smoke), features)
    assert len(text["sanity_checks"]) == 3
    loaded = calibrator_from(parse_calibrator(dump_json(text), "test"), "test")
    assert loaded.of_features(text["sanity_checks"][0]["features"]) == pytest.approx(text["sanity_checks"][0]["prob"], abs=1e-9)


def test_logits_that_fall_with_smoke_are_refused() -> None:
    features, smoke = tubes(300)
    with pytest.raises(BadInput, match=r"coefficient of the logit is -.*label more sequences, or more cameras"):
        fit_calibrator(features, ~smoke)
