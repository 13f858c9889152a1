"""What has to be computed for one sequence, from its boxes alone: slots, kept tubes, and the region each slot looks at. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from typing import Protocol

from triage.model.config import ModelConfig
from triage.model.slots import Slots, slots_of
from triage.model.tubes import Detection, candidate_tubes, entries_of, kept_tubes, window_of
from triage.predictions import TubeEntry

__all__ = ["COORDINATE_LIMIT", "BoxLike", "PlannedTube", "SequencePlan", "box_problem", "plan_sequence"]

XYWH = tuple[float, float, float, float]
#: Normalised coordinates beyond this are not normalised (pixels, most likely).
COORDINATE_LIMIT = 10.0


class BoxLike(Protocol):
    """What the rules need of a box; `triage.sequences.Box` and `triage.model.Detection` are such."""

    @property
    def cxcywh(self) -> XYWH:
        """(cx, cy, w, h), normalised."""
        ...

    @property
    def confidence(self) -> float:
        """The detector's, in [0, 1]."""
        ...


@dataclass(frozen=True, slots=True)
class PlannedTube:
    """A kept tube before it is scored. entries: one per frame from start to end. window: None = each entry uses its own box."""

    tube_id: int
    entries: tuple[TubeEntry, ...]
    window: XYWH | None

    def region(self, slot: int) -> XYWH | None:
        """The box that slot `slot` shows (slot k holds entry k), before the context expansion; None = a masked slot."""
        bbox = self.entries[slot].bbox
        return None if bbox is None else self.window or bbox


@dataclass(frozen=True, slots=True)
class SequencePlan:
    """num_candidates: tubes before any filter or merge. tubes: the kept ones, in order; possibly none."""

    slots: Slots
    num_candidates: int
    tubes: tuple[PlannedTube, ...]


def box_problem(box: BoxLike) -> str | None:
    """Why no tube can be built with this box; None when one can.

    Allowed are boxes that reach outside the image or lie there, and boxes without area: the rules say what becomes of them.
    """
    cx, cy, w, h = box.cxcywh
    if not all(map(math.isfinite, (cx, cy, w, h, box.confidence))):
        return "a coordinate or confidence that is not finite"
    if not 0 <= box.confidence <= 1:
        return f"a confidence of {box.confidence:g}, expected 0 to 1"
    if w < 0 or h < 0:
        return f"a negative size {w:g} x {h:g}"
    if max(abs(cx) + w, abs(cy) + h) > COORDINATE_LIMIT:
        return f"coordinates beyond {COORDINATE_LIMIT:g}, so not normalised"
    return None


def plan_sequence(frames: Seq[Seq[BoxLike]], config: ModelConfig) -> SequencePlan:
    """frames: the boxes of each input frame, in time order; the order of boxes within a frame decides ties.

    Every box must have passed `box_problem` (those of frames past `max_frames` are not looked at).
    """
    slots = slots_of(
        len(frames),
        max_frames=config.classifier.max_frames,
        pad_to=config.infer.pad_to_min_frames,
        strategy=config.infer.pad_strategy,
    )
    detections = {source: [Detection(box.cxcywh, box.confidence) for box in frames[source]] for source in set(slots.sources)}
    rules = config.tubes
    candidates = candidate_tubes(
        [detections[source] for source in slots.sources], iou_threshold=rules.iou_threshold, max_misses=rules.max_misses
    )
    kept = tuple(
        PlannedTube(
            tube.tube_id,
            entries_of(tube, interpolate=rules.interpolate_gaps),
            window_of(tube) if config.model_input.stabilize else None,
        )
        for tube in kept_tubes(candidates, rules)
    )
    return SequencePlan(slots, len(candidates), kept)
