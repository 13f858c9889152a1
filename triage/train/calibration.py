"""From logits to probabilities: a logistic regression on [logit, ln(1 + length), mean confidence, kept tubes], with sanity pairs.

Fitted on tubes of cameras that the network did not learn from; its probabilities hold for the share of smoke among those sequences.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from triage.errors import BadInput
from triage.model import FEATURES, Calibrator

__all__ = ["calibrator_text", "fit_calibrator"]

#: Standard deviations below this are a constant feature, which gets no coefficient.
_CONSTANT = 1e-9
#: With so many tubes, the features beside the logit count half.
_DOUBT = 200


def fit_calibrator(features: NDArray[np.float64], smoke: NDArray[np.bool_]) -> Calibrator:
    """features: [N, 4] float64 in the order of FEATURES; smoke: [N] bool, both classes.

    Fitted on standardised features with scikit-learn's ridge penalty (C = 1), so that few tubes cannot make a steep curve, and written
    back in the features' own units. Raises BadInput when the probability would not rise with the logit.
    """
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    scale = np.where(deviation > _CONSTANT, deviation, np.inf)
    # The logit is trusted from the start, a tube's length, confidence and company as labels grow: on few cameras they are chance.
    scale = scale / np.array([1.0, *[len(smoke) / (len(smoke) + _DOUBT)] * 3])
    model = LogisticRegression(C=1.0, max_iter=1000).fit((features - mean) / scale, smoke)
    a, b, c, d = (float(value) for value in model.coef_[0] / scale)
    if a <= 0:
        raise BadInput(
            f"the calibrator's coefficient of the logit is {a:.3g}: on cameras it has not seen, its logits do not rise with smoke;"
            " label more sequences, or more cameras, and train again"
        )
    intercept = float(model.intercept_[0]) - sum(v * float(m) for v, m in zip((a, b, c, d), mean, strict=True))
    return Calibrator((a, b, c, d), intercept)


def calibrator_text(calibrator: Calibrator, features: NDArray[np.float64]) -> dict[str, Any]:
    """The content of `logistic_calibrator.json`: sanity checks are the tubes with the lowest, the middle and the highest logit."""
    order = np.argsort(features[:, 0], kind="stable")
    rows = [features[order[at]].tolist() for at in (0, len(order) // 2, len(order) - 1)]
    return {
        "features": list(FEATURES),
        "coefficients": list(calibrator.coefficients),
        "intercept": calibrator.intercept,
        "sanity_checks": [{"features": row, "prob": calibrator.of_features(row)} for row in rows],
    }
