"""Boxes over time become tubes: linking, filters, interpolation, window (rules 4, 5, 7, 8). Pure, in double precision.

The merge of co-located tubes (rule 6) is in `triage.model.merge`. No image is needed here.
"""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import dataclass
from itertools import pairwise

from triage.model.config import TubesConfig
from triage.model.merge import merged
from triage.predictions import TubeEntry

__all__ = ["Detection", "Observation", "Tube", "candidate_tubes", "entries_of", "iou", "kept_tubes", "window_of"]

XYWH = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Detection:
    """A box as the rules use it. cxcywh: centre and size, normalised, not clipped. confidence: the detector's, in [0, 1]."""

    cxcywh: XYWH
    confidence: float


#: A frame index and what was seen there.
Observation = tuple[int, Detection]


@dataclass(frozen=True, slots=True)
class Tube:
    """Boxes of one object. observed: ascending by frame index, never empty; frames between them are gaps."""

    tube_id: int
    observed: tuple[Observation, ...]

    @property
    def start(self) -> int:
        """First observed frame index."""
        return self.observed[0][0]

    @property
    def end(self) -> int:
        """Last observed frame index, inclusive."""
        return self.observed[-1][0]

    @property
    def length(self) -> int:
        """Frames from start to end, gaps included."""
        return self.end - self.start + 1


def iou(a: XYWH, b: XYWH) -> float:
    """Intersection over union of two boxes, in [0, 1]; 0 when the union has no area."""
    inter = _overlap(a[0], a[2], b[0], b[2]) * _overlap(a[1], a[3], b[1], b[3])
    union = a[2] * a[3] + b[2] * b[3] - inter
    return inter / union if union > 0 else 0.0


def _overlap(centre_a: float, size_a: float, centre_b: float, size_b: float) -> float:
    return max(0.0, min(centre_a + size_a / 2, centre_b + size_b / 2) - max(centre_a - size_a / 2, centre_b - size_b / 2))


def candidate_tubes(slots: Seq[Seq[Detection]], *, iou_threshold: float, max_misses: int) -> list[Tube]:
    """Link the detections of each slot to tubes, greedily by IoU with a tube's last observed box.

    The order of detections within a slot decides ties: equal IoUs go to the older tube, then to the earlier detection. A tube is closed
    after more than `max_misses` slots in a row without a match. Returned by id, which counts from 0 in order of opening.
    """
    tubes: list[list[Observation]] = []
    misses: list[int] = []
    active: list[int] = []
    for frame_idx, detections in enumerate(slots):
        pairs = [
            (-overlap, tube, number)
            for tube in active
            for number, detection in enumerate(detections)
            if (overlap := iou(tubes[tube][-1][1].cxcywh, detection.cxcywh)) >= iou_threshold
        ]
        matched: dict[int, int] = {}
        taken: set[int] = set()
        for _, tube, number in sorted(pairs):
            if tube not in matched and number not in taken:
                matched[tube] = number
                taken.add(number)
        for tube in active:
            if tube in matched:
                tubes[tube].append((frame_idx, detections[matched[tube]]))
                misses[tube] = 0
            else:
                misses[tube] += 1
        active = [tube for tube in active if misses[tube] <= max_misses]
        for number, detection in enumerate(detections):
            if number not in taken:
                active.append(len(tubes))
                tubes.append([(frame_idx, detection)])
                misses.append(0)
    return [Tube(tube_id, tuple(observed)) for tube_id, observed in enumerate(tubes)]


def kept_tubes(candidates: Seq[Tube], config: TubesConfig) -> list[Tube]:
    """Drop tubes that are too short or too thin, and merge co-located ones when the config says so."""
    kept = [
        tube for tube in candidates if tube.length >= config.infer_min_tube_length and len(tube.observed) >= config.min_detected_entries
    ]
    if config.merge_iomin is None or config.merge_prox_factor is None or config.merge_max_gap is None:
        return kept
    lists = merged(
        [[(frame, det.cxcywh, det.confidence) for frame, det in tube.observed] for tube in kept],
        iomin=config.merge_iomin,
        prox_factor=config.merge_prox_factor,
        max_gap=config.merge_max_gap,
    )
    # No second filter: what was long and thick enough before the merge is so after it.
    return [
        Tube(tube_id, tuple((frame, Detection(box, confidence)) for frame, box, confidence in boxes)) for tube_id, boxes in enumerate(lists)
    ]


def window_of(tube: Tube) -> XYWH:
    """The box that encloses all observed boxes, (cx, cy, w, h), normalised, not clipped."""
    boxes = [detection.cxcywh for _, detection in tube.observed]
    x0 = min(cx - w / 2 for cx, _, w, _ in boxes)
    y0 = min(cy - h / 2 for _, cy, _, h in boxes)
    x1 = max(cx + w / 2 for cx, _, w, _ in boxes)
    y1 = max(cy + h / 2 for _, cy, _, h in boxes)
    return (x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0


def entries_of(tube: Tube, *, interpolate: bool) -> tuple[TubeEntry, ...]:
    """One entry per frame from start to end. A gap is interpolated linearly (confidence 0.0), or has no box."""
    entries: list[TubeEntry] = []
    for (before, detection), (after, next_detection) in pairwise(tube.observed):
        entries.append(TubeEntry(before, detection.cxcywh, False, detection.confidence))
        for frame_idx in range(before + 1, after):
            if not interpolate:
                entries.append(TubeEntry(frame_idx, None, False, None))
                continue
            t = (frame_idx - before) / (after - before)
            cx, cy, w, h = (b + t * (a - b) for b, a in zip(detection.cxcywh, next_detection.cxcywh, strict=True))
            entries.append(TubeEntry(frame_idx, (cx, cy, w, h), True, 0.0))
    last, detection = tube.observed[-1]
    entries.append(TubeEntry(last, detection.cxcywh, False, detection.confidence))
    return tuple(entries)
