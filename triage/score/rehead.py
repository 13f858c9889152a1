"""A new head or calibrator over features that earlier runs kept: no image is touched, the backbone does not run.

Allowed only between packages whose backbone digest is equal (same backbone weights, preprocessing and tube rules). Features are float16,
so a score may differ in the third decimal from one computed from the images; such predictions are kept apart (`...-head`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Sequence as Seq
from pathlib import Path
from typing import Any

from triage.errors import BadFile, BadInput
from triage.model import NotFiniteError, Package, TubeFeatures, rescore_many
from triage.predictions import Prediction
from triage.report import Failure
from triage.score.cache import Features, PredictionCache

__all__ = ["FeatureBank", "rescored", "tube_features"]


class FeatureBank:
    """All kept features that fit a package: those of every model with the same backbone digest, precision, decoder and boxes.

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
            same = all(cache.identity.get(name) == identity[name] for name in ("backbone_digest", "precision", "decode", "detector"))
            if same:
                self._caches.append(cache)
            else:
                others.add(path.parent.name)
        if all(len(cache) == 0 for cache in self._caches):
            there = f"found only {', '.join(sorted(others))}" if others else "found none"
            wanted = f"{package.path.name}: expected features of its backbone {package.backbone_digest[:12]} in {predictions}"
            raise BadInput(f"{wanted}, {there}; score once with `triage score --model` and a package of the same backbone")

    def items(self, places: Iterable[tuple[str, str]]) -> Iterator[tuple[str, Prediction, list[TubeFeatures]]]:
        """Key, prediction and features of those (key, digest) whose features are kept, in order, each read when it is asked for."""
        for key, digest in places:
            for cache in self._caches:
                if (key, digest) in cache:
                    prediction, features = cache.prediction(key, digest), cache.features(key, digest)
                    if features is not None and len(features) == len(prediction.kept):
                        yield key, prediction, tube_features(prediction, features)
                        break


def tube_features(prediction: Prediction, features: Seq[Features]) -> list[TubeFeatures]:
    """What the cache keeps as the model takes it. features: aligned with `prediction.kept`."""
    return [TubeFeatures(tube.tube_id, values, rows) for tube, (values, rows) in zip(prediction.kept, features, strict=True)]


def rescored(
    items: Iterable[tuple[str, Prediction, Seq[TubeFeatures]]], package: Package, *, trigger: bool, threads: int | None
) -> Iterator[tuple[str, Prediction | Failure]]:
    """What the package's head says of each, in order."""
    for key, answer in rescore_many(items, package, trigger=trigger, threads=threads):
        yield key, Failure("not_finite", str(answer)) if isinstance(answer, NotFiniteError) else answer
