"""Co-located tubes become one (rule 6). Pure, on plain lists of observed boxes; `triage.model.tubes` calls it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence as Seq
from math import hypot

__all__ = ["Boxes", "merged"]

XYWH = tuple[float, float, float, float]
#: One tube: (frame index, (cx, cy, w, h), confidence), ascending by frame index, never empty.
Boxes = list[tuple[int, XYWH, float]]


def merged(tubes: Seq[Boxes], *, iomin: float, prox_factor: float, max_gap: float) -> list[Boxes]:
    """Join the connected components of related tubes; sorted by (first frame, last frame), stable in order of the lowest member.

    Two tubes are related when the gap between their spans is at most `max_gap` frames and, at the pair of observed frames closest in
    time, the boxes' intersection is at least `iomin` of the smaller one, or the centres lie within `prox_factor` times the longest side.
    """
    root = list(range(len(tubes)))

    def find(index: int) -> int:
        while root[index] != index:
            root[index] = root[root[index]]
            index = root[index]
        return index

    for i, a in enumerate(tubes):
        for j in range(i + 1, len(tubes)):
            if find(i) != find(j) and _related(a, tubes[j], iomin=iomin, prox_factor=prox_factor, max_gap=max_gap):
                low, high = sorted((find(i), find(j)))
                root[high] = low
    components: dict[int, list[Boxes]] = {}
    for index, tube in enumerate(tubes):
        components.setdefault(find(index), []).append(tube)
    return sorted((_joined(members) for members in components.values()), key=lambda boxes: (boxes[0][0], boxes[-1][0]))


def _related(a: Boxes, b: Boxes, *, iomin: float, prox_factor: float, max_gap: float) -> bool:
    gap = max(b[0][0] - a[-1][0], a[0][0] - b[-1][0], 0)
    if gap > max_gap:
        return False
    box_a, box_b = _closest_in_time(a, b)
    return _intersection_over_smaller(box_a, box_b) >= iomin or _distance(box_a, box_b) <= prox_factor * max(*box_a[2:], *box_b[2:])


def _closest_in_time(a: Boxes, b: Boxes) -> tuple[XYWH, XYWH]:
    """The boxes of the two frames nearest to each other; of equals the earliest frame of `a`, then of `b`."""
    frames = [frame for frame, _, _ in b]
    best: tuple[int, int, int] | None = None  # (distance, index in a, index in b); indices grow with the frames
    for index_a, (frame, _, _) in enumerate(a):
        after = bisect_left(frames, frame)
        for index_b in range(max(after - 1, 0), min(after + 1, len(frames))):
            pair = (abs(frames[index_b] - frame), index_a, index_b)
            if best is None or pair < best:
                best = pair
    assert best is not None  # tubes are never empty
    return a[best[1]][1], b[best[2]][1]


def _intersection_over_smaller(a: XYWH, b: XYWH) -> float:
    width = min(a[0] + a[2] / 2, b[0] + b[2] / 2) - max(a[0] - a[2] / 2, b[0] - b[2] / 2)
    height = min(a[1] + a[3] / 2, b[1] + b[3] / 2) - max(a[1] - a[3] / 2, b[1] - b[3] / 2)
    smaller = min(a[2] * a[3], b[2] * b[3])
    return max(0.0, width) * max(0.0, height) / smaller if smaller > 0 else 0.0


def _distance(a: XYWH, b: XYWH) -> float:
    return hypot(a[0] - b[0], a[1] - b[1])


def _joined(members: list[Boxes]) -> Boxes:
    """Per frame the box with the greatest (area, confidence, cx); of equals the lowest member's."""
    best: dict[int, tuple[XYWH, float]] = {}
    for member in members:
        for frame, box, confidence in member:
            known = best.get(frame)
            if known is None or _rank(box, confidence) > _rank(*known):
                best[frame] = (box, confidence)
    return [(frame, box, confidence) for frame, (box, confidence) in sorted(best.items())]


def _rank(box: XYWH, confidence: float) -> tuple[float, float, float]:
    return box[2] * box[3], confidence, box[0]
