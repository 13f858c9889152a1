"""Linking, filters, merge, interpolation and window, on boxes written by hand."""

from __future__ import annotations

import pytest

from triage.model import Detection
from triage.model.config import TubesConfig
from triage.model.merge import Boxes, merged
from triage.model.tubes import Tube, candidate_tubes, entries_of, iou, kept_tubes, window_of


def det(x: float, y: float = 0.5, w: float = 0.2, h: float = 0.2, confidence: float = 0.5) -> Detection:
    return Detection((x, y, w, h), confidence)


def spans(tubes: list[Tube]) -> list[tuple[int, int, int]]:
    return [(tube.tube_id, tube.start, tube.end) for tube in tubes]


def rules(**changes: object) -> TubesConfig:
    base = {"iou_threshold": 0.2, "max_misses": 2, "infer_min_tube_length": 2, "min_detected_entries": 2, "interpolate_gaps": True}
    return TubesConfig.model_validate({**base, **changes})


def link(*slots: list[Detection], threshold: float = 0.2, misses: int = 2) -> list[Tube]:
    return candidate_tubes(slots, iou_threshold=threshold, max_misses=misses)


def test_iou_of_boxes() -> None:
    assert iou((0.5, 0.5, 0.2, 0.2), (0.5, 0.5, 0.2, 0.2)) == pytest.approx(1.0)
    assert iou((0.5, 0.5, 0.25, 0.5), (0.625, 0.5, 0.25, 0.5)) == pytest.approx(1 / 3)
    assert iou((0.1, 0.5, 0.2, 0.2), (0.9, 0.5, 0.2, 0.2)) == 0.0
    assert iou((0.5, 0.5, 0.0, 0.0), (0.5, 0.5, 0.0, 0.0)) == 0.0


def test_an_iou_exactly_at_the_threshold_links() -> None:
    a, b = det(0.5, w=0.25, h=0.5), det(0.625, w=0.25, h=0.5)
    exact = iou(a.cxcywh, b.cxcywh)
    assert len(link([a], [b], threshold=exact)) == 1
    assert len(link([a], [b], threshold=exact + 1e-9)) == 2


def test_a_gap_of_max_misses_is_bridged_and_one_more_is_not() -> None:
    assert spans(link([det(0.5)], [], [], [det(0.5)])) == [(0, 0, 3)]
    assert spans(link([det(0.5)], [], [], [], [det(0.5)])) == [(0, 0, 0), (1, 4, 4)]


def test_the_best_pair_is_taken_first_and_ties_go_to_the_older_tube_then_the_earlier_detection() -> None:
    best_first = link([det(0.4), det(0.5)], [det(0.52), det(0.4)])
    assert [tube.observed[1][1].cxcywh[0] for tube in best_first] == [0.4, 0.52]
    twins = link([det(0.5), det(0.5)], [det(0.5, confidence=0.1), det(0.5, confidence=0.9)])
    assert [tube.observed[1][1].confidence for tube in twins] == [0.1, 0.9]


def test_short_and_thin_tubes_are_dropped_before_the_merge() -> None:
    tubes = link([det(0.5), det(0.1, w=0.05)], [det(0.5)], [], [det(0.5)])
    assert spans(kept_tubes(tubes, rules())) == [(0, 0, 3)]
    assert kept_tubes(tubes, rules(min_detected_entries=4)) == []
    assert kept_tubes(tubes, rules(infer_min_tube_length=5)) == []


def test_without_the_merge_tubes_keep_their_ids_and_with_it_they_count_anew() -> None:
    tubes = link([det(0.1, w=0.05), det(0.5)], [det(0.5)])
    assert spans(kept_tubes(tubes, rules())) == [(1, 0, 1)]
    assert spans(kept_tubes(tubes, rules(merge_iomin=0.3, merge_prox_factor=1.0, merge_max_gap=10))) == [(0, 0, 1)]


def relate(a: list[int], b: list[int], *, x: float = 0.5, gap: int = 10, prox: float = 1.0, iomin: float = 0.3) -> int:
    """How many tubes are left of one at x = 0.5 and one at `x`, seen in the given frames."""
    first = [(frame, (0.5, 0.5, 0.1, 0.1), 0.5) for frame in a]
    second = [(frame, (x, 0.5, 0.1, 0.1), 0.5) for frame in b]
    return len(merged([first, second], iomin=iomin, prox_factor=prox, max_gap=gap))


def test_tubes_merge_across_a_gap_up_to_the_limit() -> None:
    assert relate([0, 1], [11, 12]) == 1
    assert relate([0, 1], [12, 13]) == 2
    assert relate([0, 1], [2, 3], gap=1) == 1


def test_tubes_merge_when_they_overlap_or_are_near() -> None:
    assert relate([0], [0], x=0.59) == 1
    assert relate([0], [0], x=0.61) == 2
    assert relate([0], [0], x=0.56, prox=0.0) == 1
    assert relate([0], [0], x=0.58, prox=0.0) == 2


def test_a_chain_merges_whole_and_the_larger_box_wins_each_frame() -> None:
    chain = [[(0, (x, 0.5, 0.1 + x / 100, 0.1), 0.5), (number + 1, (x, 0.5, 0.1, 0.1), 0.5)] for number, x in enumerate((0.3, 0.39, 0.48))]
    (joined,) = merged(chain, iomin=0.3, prox_factor=1.0, max_gap=10)
    assert [(frame, box[0]) for frame, box, _ in joined] == [(0, 0.48), (1, 0.3), (2, 0.39), (3, 0.48)]


def test_gaps_are_interpolated_with_confidence_zero_or_left_without_a_box() -> None:
    (tube,) = link([det(0.4)], [], [det(0.5, h=0.3)])
    filled = entries_of(tube, interpolate=True)
    assert filled[1].bbox == pytest.approx((0.45, 0.5, 0.2, 0.25))
    assert [(entry.is_gap, entry.confidence) for entry in filled] == [(False, 0.5), (True, 0.0), (False, 0.5)]
    empty = entries_of(tube, interpolate=False)
    assert [(entry.bbox is None, entry.is_gap, entry.confidence) for entry in empty] == [
        (False, False, 0.5),
        (True, False, None),
        (False, False, 0.5),
    ]


def test_the_window_encloses_every_observed_box_and_is_not_clipped() -> None:
    (tube,) = link([det(0.1, w=0.4)], [det(0.2, y=0.6, w=0.4)])
    assert window_of(tube) == pytest.approx((0.15, 0.55, 0.5, 0.3))


@pytest.mark.parametrize(
    ("a", "b", "pair"),
    [
        ([0, 4], [2, 6], (0, 2)),  # 0-2, 4-2, 4-6 are equally near: the earliest frame of the first, then of the second
        ([4], [2, 6], (4, 2)),
        ([0, 3, 5], [5, 7], (5, 5)),
        ([7, 8], [0, 1], (7, 1)),
        ([3, 9], [1, 5, 9], (9, 9)),
    ],
)
def test_the_relation_is_judged_at_the_frames_nearest_in_time(a: list[int], b: list[int], pair: tuple[int, int]) -> None:
    def at(frames: list[int], here: int) -> Boxes:
        return [
            (frame, (0.5 if frame == here else 0.9 - 0.4 * (frames is a), 0.5 if frame == here else 0.1, 0.01, 0.01), 0.5)
            for frame in frames
        ]

    assert len(merged([at(a, pair[0]), at(b, pair[1])], iomin=0.5, prox_factor=0.0, max_gap=10)) == 1


def test_a_crowd_of_tubes_is_linked_and_merged_in_time() -> None:
    crowd = [[det(0.02 * column + 0.01, 0.05 * row, 0.01, 0.01) for column in range(20) for row in range(10)] for _ in range(20)]
    tubes = link(*crowd)
    assert len(kept_tubes(tubes, rules(merge_iomin=0.3, merge_prox_factor=1.0, merge_max_gap=10))) == 200
