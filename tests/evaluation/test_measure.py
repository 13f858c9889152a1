"""What an evaluation says of small samples counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from triage.evaluation import Evaluation, Sample, evaluate

NAN = float("nan")


def sample(
    smoke: list[bool],
    score: list[float],
    cameras: list[str] | None = None,
    types: list[tuple[str, ...]] | None = None,
    dropped: list[bool] | None = None,
) -> Sample:
    n = len(smoke)
    return Sample(
        keys=tuple(f"pyro-annotator_{i + 1}" for i in range(n)),
        smoke=np.array(smoke, dtype=bool),
        score=np.array(score, dtype=np.float64),
        organizations=("sdis",) * n,
        cameras=tuple(cameras or [f"sdis/cam-{i % 3}" for i in range(n)]),
        types=tuple(types or [()] * n),
        dropped=np.array(dropped or [False] * n, dtype=bool),
    )


def measured(one: Sample, **options: object) -> Evaluation:
    return evaluate(one, threshold=0.35, variant="demo", **{"resamples": 50, **options})  # type: ignore[arg-type]


def value(evaluation: Evaluation, name: str) -> float:
    found = evaluation.metrics[name].value
    assert found is not None
    return found


def test_confusion_precision_recall_and_work_saved_by_hand() -> None:
    e = measured(sample([True, True, True, False, False, False, False, False], [0.9, 0.35, 0.1, 0.8, 0.3, 0.2, 0.1, 0.0]))
    assert (e.confusion.true_positive, e.confusion.false_positive, e.confusion.true_negative, e.confusion.false_negative) == (2, 1, 4, 1)
    assert value(e, "precision") == pytest.approx(2 / 3)
    assert value(e, "recall") == pytest.approx(2 / 3)
    assert value(e, "f1") == pytest.approx(2 / 3)
    assert value(e, "specificity") == pytest.approx(4 / 5)
    assert value(e, "saved") == pytest.approx(5 / 8)
    assert [one.key for one in e.lost] == ["pyro-annotator_3"]


def test_a_held_smoke_is_kept_and_counted_apart() -> None:
    e = measured(sample([True, True, False, False], [0.1, NAN, NAN, 0.2]))
    assert (e.smoke.review, e.smoke.unlabeled, e.smoke.hold, e.smoke.dropped) == (0, 1, 1, 0)
    assert (e.fp.unlabeled, e.fp.hold) == (1, 1)
    assert value(e, "recall") == 0.0
    assert value(e, "kept_recall") == 0.5
    assert value(e, "saved") == 1.0
    assert value(e, "kept_saved") == 0.5


def test_a_dropped_smoke_is_not_lost_either() -> None:
    e = measured(sample([True, True, False], [0.9, NAN, 0.1], dropped=[False, True, False]))
    assert (e.smoke.review, e.smoke.hold, e.smoke.dropped) == (1, 0, 1)
    assert value(e, "kept_recall") == 1.0


def test_without_smoke_recall_and_curves_are_undefined_not_zero() -> None:
    e = measured(sample([False, False], [0.9, 0.1]))
    assert e.metrics["recall"].value is None
    assert e.metrics["roc_auc"].value is None
    assert e.metrics["wss95"].value is None
    assert e.targets[0].threshold.value is None
    assert e.roc == ()
    assert value(e, "precision") == 0.0


def test_with_nothing_scored_everything_over_scores_is_undefined() -> None:
    e = measured(sample([True, False], [NAN, NAN]))
    assert {name for name, one in e.metrics.items() if one.value is not None} == {"kept_recall", "kept_saved"}
    assert e.sweep == ()
    assert value(e, "kept_recall") == 1.0


def test_intervals_come_from_cameras_and_are_wider_than_from_single_sequences() -> None:
    rng = np.random.default_rng(5)
    # Ten cameras, in each of which all smokes are seen or all are missed: eighty sequences hold ten facts.
    score = np.repeat(rng.permutation([0.9] * 6 + [0.1] * 4), 8).astype(float).tolist()
    smoke = [True] * 80
    by_camera = measured(sample(smoke, score, [f"c/{i // 8}" for i in range(80)]), resamples=400).metrics["recall"]
    by_sequence = measured(sample(smoke, score, [f"c/{i}" for i in range(80)]), resamples=400).metrics["recall"]
    assert by_camera.low is not None
    assert by_camera.high is not None
    assert by_sequence.low is not None
    assert by_sequence.high is not None
    assert by_camera.high - by_camera.low > 2 * (by_sequence.high - by_sequence.low)


def test_one_camera_gives_no_interval() -> None:
    e = measured(sample([True, False], [0.9, 0.1], ["c/1", "c/1"]))
    assert e.metrics["roc_auc"].value == 1.0
    assert (e.metrics["roc_auc"].low, e.metrics["roc_auc"].high) == (None, None)


def test_resamples_without_smoke_are_left_out_and_their_share_is_told() -> None:
    e = measured(sample([True, False, False], [0.9, 0.1, 0.2], ["c/1", "c/2", "c/3"]), resamples=300)
    recall = e.metrics["recall"]
    # The one camera with smoke is missing from (2/3)^3 = 30% of the resamples.
    assert 0.2 < recall.undefined < 0.4
    assert recall.low == 1.0


def test_the_same_seed_gives_the_same_intervals_and_another_seed_others() -> None:
    rng = np.random.default_rng(0)
    one = sample((rng.random(60) < 0.5).tolist(), rng.random(60).tolist(), [f"c/{i % 9}" for i in range(60)])
    assert measured(one, seed=1) == measured(one, seed=1)
    assert measured(one, seed=1).metrics["roc_auc"] != measured(one, seed=2).metrics["roc_auc"]


def test_target_recalls_name_the_highest_threshold_and_what_it_saves() -> None:
    smoke = [True] * 10 + [False] * 10
    score = [0.9 - 0.05 * i for i in range(10)] + [0.02 * i for i in range(10)]
    target = {t.recall_target: t for t in measured(sample(smoke, score)).targets}
    assert target[0.90].threshold.value == pytest.approx(0.5)
    assert target[0.90].lost == 1
    assert target[0.90].saved.value == pytest.approx(11 / 20)
    assert target[0.99].threshold.value == pytest.approx(0.45)
    assert target[0.99].fp_saved == 1.0


def test_reliability_bins_hold_every_scored_sequence_once() -> None:
    e = measured(sample([True, False, True, False], [1.0, 0.0, 0.95, 0.05]))
    assert sum(one.count for one in e.reliability) == 4
    assert e.reliability[-1].count == 2
    assert e.reliability[-1].smoke_share == 1.0
    assert e.reliability[4].mean_score is None
    assert e.expected_calibration_error == pytest.approx((2 * 0.025 + 2 * 0.025) / 4)
    assert value(e, "brier") == pytest.approx((0 + 0 + 0.05**2 + 0.05**2) / 4)


def test_groups_by_type_count_a_sequence_with_two_types_in_both() -> None:
    types: list[tuple[str, ...]] = [("wildfire",), ("high_cloud", "antenna"), ("antenna",)]
    groups = {g.name: g for g in measured(sample([True, False, False], [0.9, 0.8, 0.1], types=types)).types}
    assert set(groups) == {"wildfire", "high_cloud", "antenna"}
    assert groups["antenna"].fp.total == 2
    assert groups["antenna"].specificity == 0.5
    assert groups["high_cloud"].roc_auc is None


def test_misaligned_arrays_are_our_bug_and_are_not_measured() -> None:
    with pytest.raises(ValueError, match="must be aligned"):
        Sample(("a", "b"), np.array([True]), np.array([0.1, 0.2]), ("o", "o"), ("c", "c"))
