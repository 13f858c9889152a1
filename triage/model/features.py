"""Backbone features of a tube as they are kept, and scoring from them alone: a new head or calibrator needs no image."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from triage.model.decision import judge
from triage.model.head import TemporalHead
from triage.model.package import Package
from triage.model.plan import PlannedTube, SequencePlan
from triage.model.slots import Slots
from triage.predictions import Prediction

__all__ = ["MASKED", "HeadScorer", "TubeFeatures", "TubeSlots", "rescore"]

#: In `rows`: the slot is masked, it has no feature.
MASKED = -1


@dataclass(frozen=True, slots=True)
class TubeFeatures:
    """The features of one kept tube, each distinct patch once.

    values: [R, D] float16, at most 20 x 384 x 2 bytes for a ViT-S. rows: per slot of the head (slot k = entry k of the tube) the row of
    `values`, or MASKED for an entry without a box; never longer than `max_frames`.
    """

    tube_id: int
    values: npt.NDArray[np.float16]
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TubeSlots:
    """The head's view of one tube: values [R, D] float32 on the head's device, rows as in TubeFeatures."""

    values: torch.Tensor
    rows: tuple[int, ...]


class HeadScorer:
    """Runs the temporal head over features that are already there: whole tubes and their prefixes."""

    def __init__(self, head: TemporalHead, slots: int) -> None:
        self._head, self._slots = head, slots

    @torch.inference_mode()
    def logits(self, tube: TubeSlots, lengths: Seq[int]) -> list[float]:
        """One logit per prefix length (entries; a length of all entries or more is the whole tube)."""
        rows = torch.tensor([*tube.rows, *[MASKED] * (self._slots - len(tube.rows))], device=tube.values.device)
        features = tube.values[rows.clamp(min=0)]
        ends = torch.tensor(list(lengths), device=rows.device)
        mask = (rows != MASKED)[None] & (torch.arange(self._slots, device=rows.device)[None] < ends[:, None])
        return [float(value) for value in self._head(features.expand(len(ends), -1, -1), mask)]


def rescore(prediction: Prediction, features: Seq[TubeFeatures], package: Package, *, trigger: bool = True) -> Prediction:
    """The prediction with the logits, probabilities and triggers of another head and calibrator.

    features: aligned with `prediction.kept`. The package's `backbone_digest` must be that of the features. The features' float16 moves a
    logit by less than 0.01 (docs/model.md). Raises NotFiniteError when a logit or probability is not finite.
    """
    scorer = HeadScorer(package.classifier.head, package.config.classifier.max_frames)
    tubes = [TubeSlots(torch.from_numpy(item.values.astype(np.float32)), item.rows) for item in features]
    plan = SequencePlan(
        Slots(prediction.num_frames_input, prediction.num_truncated, prediction.slots, prediction.padded_frame_indices),
        prediction.num_candidates,
        tuple(PlannedTube(tube.tube_id, tube.entries, tube.stabilized_window) for tube in prediction.kept),
    )
    logits = [scorer.logits(tube, [len(tube.rows)])[0] for tube in tubes]
    return judge(
        plan,
        logits,
        package.config,
        package.calibrator,
        (lambda index, lengths: scorer.logits(tubes[index], lengths)) if trigger else None,
        [tube.empty_crops for tube in prediction.kept],
    )
