"""Logit to probability (rule 13): a logistic regression over four features, in double precision, proved at load by its own examples."""

from __future__ import annotations

import math
from collections.abc import Sequence as Seq
from dataclasses import dataclass

from triage.errors import BadModel
from triage.model.config import CalibratorText
from triage.predictions import TubeEntry

__all__ = ["FEATURES", "SANITY_TOLERANCE", "Calibrator", "calibrator_from", "mean_confidence"]

#: The order of the coefficients.
FEATURES = ("logit", "log_len", "mean_conf", "n_tubes")
#: A sanity check may differ from its stated probability by this much.
SANITY_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Calibrator:
    """probability = logistic(coefficients . [logit, ln(1 + length), mean confidence, kept tubes] + intercept)."""

    coefficients: tuple[float, float, float, float]
    intercept: float

    def features(self, logit: float, length: int, mean_conf: float, n_tubes: int) -> tuple[float, float, float, float]:
        """The four features, in the coefficients' order. length: frames from start to end, gaps included."""
        return logit, math.log(1 + length), mean_conf, float(n_tubes)

    def probability(self, logit: float, length: int, mean_conf: float, n_tubes: int) -> float:
        """In [0, 1]; NaN when the logit is."""
        return self.of_features(self.features(logit, length, mean_conf, n_tubes))

    def of_features(self, features: Seq[float]) -> float:
        """The probability of four features in the coefficients' order."""
        z = sum(c * x for c, x in zip(self.coefficients, features, strict=True)) + self.intercept
        if z < -700:  # exp would overflow
            return 0.0
        return 1 / (1 + math.exp(-z))


def calibrator_from(text: CalibratorText, where: str) -> Calibrator:
    """Build the calibrator and recompute every sanity check. Raises BadModel naming what differs."""
    if text.features != FEATURES:
        raise BadModel(f"{where}: expected features {list(FEATURES)}, found {list(text.features)}; export the package again")
    if len(text.coefficients) != len(FEATURES):
        raise BadModel(f"{where}: expected {len(FEATURES)} coefficients, found {len(text.coefficients)}; export the package again")
    a, b, c, d = text.coefficients
    calibrator = Calibrator((a, b, c, d), text.intercept)
    for number, check in enumerate(text.sanity_checks):
        if len(check.features) != len(FEATURES):
            raise BadModel(f"{where}: sanity check {number} has {len(check.features)} features, expected {len(FEATURES)}")
        found = calibrator.of_features(check.features)
        if not abs(found - check.prob) <= SANITY_TOLERANCE:
            raise BadModel(
                f"{where}: sanity check {number} expects probability {check.prob:.6f}, the coefficients give {found:.6f}; "
                "export the package again"
            )
    return calibrator


def mean_confidence(entries: Seq[TubeEntry]) -> float:
    """The mean over entries with a box; interpolated ones count with 0.0. 0.0 when there is none."""
    known = [entry.confidence for entry in entries if entry.confidence is not None]
    return sum(known) / len(known) if known else 0.0
