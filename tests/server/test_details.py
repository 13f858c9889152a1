"""Details as files give them, ours and the earlier tool's: slots, the decisive tube, the place of a crop."""

from __future__ import annotations

from typing import Any

import pytest

from triage.errors import BadFile
from triage.server.details import decisive_tube, parse_details, slots_of, tube_out


def details(num_frames: int, padded: list[int], **more: Any) -> dict[str, Any]:
    before = {"num_frames_input": num_frames, "num_truncated": more.pop("num_truncated", 0), "padded_frame_indices": padded, **more}
    return {"preprocessing": before, "tubes": {"num_candidates": 0, "kept": []}, "decision": {"aggregation": "logistic", "threshold": 0.5}}


def tube(tube_id: int, probability: float | None, logit: float | None, **more: Any) -> dict[str, Any]:
    entry = {"frame_idx": 0, "bbox": [0.5, 0.5, 0.1, 0.2], "is_gap": False, "confidence": 0.4}
    return {
        "tube_id": tube_id, "start_frame": 0, "end_frame": 0, "logit": logit, "probability": probability, "first_crossing_frame": None,
        "stabilized_window": None, "entries": [entry], **more,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("num_frames", "padded", "truncated", "slots"),
    [
        (3, [], 0, [0, 1, 2]),
        (2, [0, 1, 4], 0, [0, 0, 0, 1, 1]),  # symmetric: two in front, one behind
        (1, [0, 1, 3, 4], 0, [0, 0, 0, 0, 0]),
        (2, [1, 2, 4], 0, [0, 0, 0, 1, 1]),  # uniform: the first appearance is the real one
        (25, [], 5, list(range(20))),
        (0, [], 0, []),
    ],
)
def test_slots_follow_from_the_padding_where_the_file_does_not_say(
    num_frames: int, padded: list[int], truncated: int, slots: list[int]
) -> None:
    assert slots_of(parse_details(details(num_frames, padded, num_truncated=truncated), "x")) == slots


def test_slots_that_the_file_gives_are_used() -> None:
    assert slots_of(parse_details(details(2, [0], slots=[1, 0, 1]), "x")) == [1, 0, 1]


def test_the_decisive_tube_has_the_largest_probability_then_logit_then_comes_first() -> None:
    def winner(*tubes: dict[str, Any]) -> int | None:
        content = details(1, [])
        content["tubes"]["kept"] = list(tubes)
        found = decisive_tube(parse_details(content, "x").tubes.kept)
        return found.tube_id if found else None

    assert winner(tube(0, 0.4, 9.0), tube(1, 0.5, -1.0)) == 1
    assert winner(tube(0, None, 1.0), tube(1, None, 2.0)) == 1
    assert winner(tube(0, 0.4, 1.0), tube(1, 0.4, 1.0)) == 0
    assert winner(tube(0, 0.4, None), tube(1, 0.4, 1.0)) == 1
    assert winner() is None


def test_a_damaged_file_is_named_with_the_place() -> None:
    content = details(1, [])
    content["tubes"]["kept"] = [tube(0, 0.5, 1.0, entries=[{"frame_idx": "x", "bbox": None, "is_gap": False}])]
    with pytest.raises(BadFile, match=r"details/k\.json: tubes\.kept\.0\.entries\.0\.frame_idx: .* run `triage report` again"):
        parse_details(content, "details/k.json")


def test_a_crop_is_the_square_of_the_longer_side_in_pixels() -> None:
    content = details(1, [])
    content["tubes"]["kept"] = [tube(0, 0.5, 1.0)]
    (kept,) = parse_details(content, "x").tubes.kept
    shown = tube_out(kept, slots=[0], padded=[], sizes=[(200, 100)], context_factor=1.5, decisive=True)
    # 0.1 x 200 = 20 px wide, 0.2 x 100 = 20 px high, times 1.5 = 30 px.
    assert shown.crops[0].xyxyn == pytest.approx((0.425, 0.35, 0.575, 0.65))


def test_slots_without_a_frame_have_no_crop() -> None:
    content = details(1, [])
    content["tubes"]["kept"] = [tube(0, 0.5, 1.0)]
    (kept,) = parse_details(content, "x").tubes.kept
    assert tube_out(kept, slots=[0], padded=[], sizes=[None], context_factor=1.5, decisive=True).crops == []
    assert tube_out(kept, slots=[], padded=[], sizes=[], context_factor=1.5, decisive=True).crops == []
