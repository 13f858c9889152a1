"""Outcomes: every sequence in exactly one cell, the sums, and the ROC AUC against numbers worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from triage.demo.outcomes import judge
from triage.demo.world import World, plain_world


def a_report(*rows: tuple[int, str, float | None]) -> pa.Table:
    return pa.table(
        {
            "key": [f"pyro-annotator_{number}" for number, _, _ in rows],
            "triage_bucket": [bucket for _, bucket, _ in rows],
            "triage_score": pa.array([score for _, _, score in rows], pa.float64()),
        }
    )


#: Sequences 1 and 4 are smoke, 2, 3, 5 and 6 are not.
WORLD = plain_world(6)
REPORT = a_report((1, "review", 0.9), (2, "review", 0.5), (3, "unlabeled", 0.1), (4, "unlabeled", 0.3), (5, "hold", None))


def test_every_sequence_is_in_one_cell_and_the_sums_say_so() -> None:
    found = judge(WORLD, REPORT, set(), 0.35)
    assert found.counts == {
        ("smoke", "review"): 1, ("smoke", "unlabeled"): 1, ("fp", "review"): 1, ("fp", "unlabeled"): 1,
        ("fp", "hold"): 1, ("fp", "not pulled"): 1,
    }  # fmt: skip
    assert found.adds_up
    table = found.lines()
    assert table[1].split() == ["smoke", "1", "1", "0", "0", "0", "2"]
    assert table[2].split() == ["false", "positive", "1", "1", "1", "0", "1", "4"]
    assert table[3].split() == ["all", "2", "2", "1", "0", "1", "6", "adds", "up"]


def test_dropped_is_told_from_not_pulled() -> None:
    found = judge(WORLD, REPORT, {"pyro-annotator_6"}, 0.35)
    assert found.counts["fp", "dropped"] == 1
    assert ("fp", "not pulled") not in found.counts


def test_the_auc_is_the_share_of_pairs_in_the_right_order() -> None:
    # Pairs (smoke, not): 0.9>0.5, 0.9>0.1, 0.3<0.5, 0.3>0.1: three of four. The held sequence has no score and does not count.
    found = judge(WORLD, REPORT, set(), 0.35)
    assert found.auc == pytest.approx(0.75)
    assert found.judged == 4
    assert "ROC AUC 0.7500" in found.lines()[-1]


def test_the_auc_of_one_kind_is_not_defined() -> None:
    found = judge(WORLD, a_report((1, "review", 0.9)), set(), 0.35)
    assert found.auc is None
    assert "not defined" in found.lines()[-1]


def test_an_unknown_truth_is_counted_and_not_judged() -> None:
    world = World(tuple(replace(row, label="unknown", smoke_types=(), false_positive_types=()) for row in WORLD.sequences), WORLD.image)
    found = judge(world, REPORT, set(), 0.35)
    assert (found.judged, found.auc, found.adds_up) == (0, None, True)
    assert found.to_json()["table"]["unknown"]["review"] == 2


def test_types_of_the_truth_are_told_apart() -> None:
    found = judge(WORLD, REPORT, set(), 0.35)
    assert found.by_type == (("fp: other", 4, 1), ("smoke: wildfire", 2, 1))
    assert "To Review by type: fp: other 1/4, smoke: wildfire 1/2" in found.lines()
