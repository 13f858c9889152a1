"""A new head or calibrator over features that earlier runs kept: no image is touched, the backbone does not run.

Allowed only between packages whose backbone digest is equal (same backbone weights, preprocessing and tube rules). Features are float16,
so a score may differ in the third decimal from one computed from the images; such predictions are kept apart (`...-head`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Seq
from pathlib import Path
from typing import Any

from triage.errors import BadFile, BadInput
from triage.model import NotFiniteError, Package, TubeFeatures, rescore
from triage.predictions import Prediction
from triage.report import Failure
from triage.score.cache import Features, PredictionCache

__all__ = ["FeatureBank", "rescored"]


class FeatureBank:
    """All kept features that fit a package: those of every model with the same backbone digest, precision and decoder.

    predictions: the directory of all models. Raises BadInput when no model there has that backbone.
    """

    def __init__(self, predictions: Path, package: Package, identity: Mapping[str, Any]) -> None:
        self._package = package
        self._caches: list[PredictionCache] = []
        others = set()
        for path in sorted(predictions.glob("*/model.json")):
            try:
                cache = PredictionCache(path.parent)
            except BadFile:
                continue
            same = all(cache.identity.get(name) == identity[name] for name in ("backbone_digest", "precision", "decode"))
            if same:
                self._caches.append(cache)
            else:
                others.add(path.parent.name)
        if all(len(cache) == 0 for cache in self._caches):
            there = f"found only {', '.join(sorted(others))}" if others else "found none"
            wanted = f"{package.path.name}: expected features of its backbone {package.backbone_digest[:12]} in {predictions}"
            raise BadInput(f"{wanted}, {there}; score once with `triage score --model` and a package of the same backbone")

    def rescore_many(self, places: Seq[tuple[str, str]], *, trigger: bool) -> Iterator[tuple[str, Prediction | Failure | None]]:
        """Per (key, digest), in order: the prediction, why there is none, or None where no features are kept."""
        for key, digest in places:
            yield key, self._rescore(key, digest, trigger=trigger)

    def _rescore(self, key: str, digest: str, *, trigger: bool) -> Prediction | Failure | None:
        for cache in self._caches:
            if (key, digest) in cache:
                features = cache.features(key, digest)
                prediction = cache.prediction(key, digest)
                if features is not None and len(features) == len(prediction.kept):
                    return rescored(prediction, features, self._package, trigger=trigger)
        return None


def rescored(prediction: Prediction, features: Seq[Features], package: Package, *, trigger: bool) -> Prediction | Failure:
    """One sequence with another head. features: aligned with `prediction.kept`."""
    tubes = [TubeFeatures(tube.tube_id, values, rows) for tube, (values, rows) in zip(prediction.kept, features, strict=True)]
    try:
        return rescore(prediction, tubes, package, trigger=trigger)
    except NotFiniteError as error:
        return Failure("not_finite", str(error))
