from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tests.report.builders import a_prediction, scored
from triage.errors import BadSetting
from triage.predictions import Prediction
from triage.report import Failure, Scored, count, hold_reason, rebucket
from triage.report.rows import row_of, table_of

NAN, INF = float("nan"), float("inf")


def table(*entries: Scored, calibrated: bool = True):
    return table_of([row_of(entry, model_version="1", calibrated=calibrated) for entry in entries])


def buckets(threshold: float, *probabilities: float, no_tube: str = "hold") -> list[str]:
    rows = table(*(scored(index + 1, a_prediction(value)) for index, value in enumerate(probabilities)))
    return rebucket(rows, threshold, no_tube)["triage_bucket"].to_pylist()


def test_a_score_equal_to_the_threshold_is_for_review() -> None:
    assert buckets(0.35, 0.35, np.nextafter(0.35, 0), np.nextafter(0.35, 1)) == ["review", "unlabeled", "review"]


def test_scores_are_compared_as_they_are_and_not_rounded_to_32_bits() -> None:
    rounded_down = float(np.float32(0.35))  # 0.3499999940395355
    assert buckets(0.35, rounded_down) == ["unlabeled"]


def test_the_ends_of_the_range_are_scores_like_any_other() -> None:
    assert buckets(0.0, 0.0, 1.0) == ["review", "review"]
    assert buckets(1.0, 0.0, np.nextafter(1.0, 0), 1.0) == ["unlabeled", "unlabeled", "review"]


@pytest.mark.parametrize("threshold", [-0.01, 1.01, NAN, INF])
def test_a_threshold_that_no_score_could_have_is_refused(threshold: float) -> None:
    with pytest.raises(BadSetting, match="expected a number from 0 to 1"):
        buckets(threshold, 0.5)


@pytest.mark.parametrize(
    ("prediction", "reason"),
    [
        (a_prediction(0.0), None),
        (a_prediction(0.2, 1.0), None),
        (a_prediction(), "no_tube"),
        (a_prediction(NAN), "score_not_finite"),
        (a_prediction(0.9, NAN), "score_not_finite"),
        (a_prediction(NAN, 0.9), "score_not_finite"),
        (a_prediction(INF), "score_not_finite"),
        (a_prediction(0.9, logit=INF), "score_not_finite"),
        (a_prediction(1.0000001), "score_out_of_range"),
        (a_prediction(-0.1, 0.9), "score_out_of_range"),
        (a_prediction(None), "uncalibrated"),
    ],
)
def test_a_score_that_may_not_be_trusted_is_held_with_its_reason(prediction: Prediction, reason: str | None) -> None:
    assert hold_reason(prediction, calibrated=True) == reason
    row = rebucket(table(scored(1, prediction)), 0.0).to_pylist()[0]
    assert row["hold_reason"] == reason
    assert (row["triage_bucket"] == "hold") == (reason is not None)
    assert (row["triage_score"] is None) == (reason is not None)


def test_without_a_calibrator_everything_is_held_whatever_the_tubes_say() -> None:
    rows = table(scored(1, a_prediction(0.9)), scored(2, a_prediction()), calibrated=False)
    for no_tube in ("hold", "unlabel"):
        assert rebucket(rows, 0.35, no_tube)["hold_reason"].to_pylist() == ["uncalibrated", "uncalibrated"]


def test_decision_and_outcome_follow_bucket_and_label() -> None:
    rows = table(
        scored(1, a_prediction(0.9), label="smoke"),
        scored(2, a_prediction(0.9), label="fp"),
        scored(3, a_prediction(0.1), label="smoke"),
        scored(4, a_prediction(0.1), label="fp"),
        scored(5, a_prediction(), label="fp"),
        scored(6, a_prediction(0.1)),
    )
    result = rebucket(rows, 0.35)
    assert result["decision"].to_pylist() == ["keep", "keep", "discard", "discard", "keep", "discard"]
    assert result["outcome"].to_pylist() == ["kept-smoke", "kept-fp", "discarded-smoke", "discarded-fp", "kept-fp", "n/a"]


def test_no_tube_can_be_unlabeled_as_the_earlier_tool_did_and_held_again() -> None:
    rows = table(scored(1, a_prediction()), scored(2, Failure("predict_failed", "x")), scored(3, a_prediction(NAN)))
    held = rebucket(rows, 0.35)
    unlabeled = rebucket(held, 0.35, "unlabel")
    assert unlabeled["triage_bucket"].to_pylist() == ["unlabeled", "hold", "hold"]
    assert unlabeled["triage_score"].to_pylist() == [0.0, None, None]
    assert unlabeled["hold_reason"].to_pylist() == [None, "predict_failed", "score_not_finite"]
    assert rebucket(unlabeled, 0.35, "hold").equals(held)


def test_only_the_last_call_counts() -> None:
    rows = table(*(scored(index + 1, a_prediction(value)) for index, value in enumerate((0.0, 0.2, 0.35, 0.7, 1.0))))
    direct = rebucket(rows, 0.35)
    assert rebucket(rebucket(rebucket(rows, 0.9, "unlabel"), 0.0), 0.35).equals(direct)
    assert rebucket(direct, 0.35).equals(direct)


def test_a_row_of_another_tool_without_score_or_reason_is_held() -> None:
    rows = table(scored(1, a_prediction(0.5)))
    at = rows.schema.get_field_index("triage_score")
    rows = rows.set_column(at, rows.schema.field(at), pa.chunked_array([pa.nulls(1, pa.float64())]))
    assert rebucket(rows, 0.35)["hold_reason"].to_pylist() == ["no_score"]


def test_counts_add_up_to_the_rows() -> None:
    rows = rebucket(table(scored(1, a_prediction(0.9)), scored(2, a_prediction(0.1)), scored(3, a_prediction())), 0.35)
    counts = count(rows)
    assert (counts.review, counts.unlabeled, counts.hold, counts.total) == (1, 1, 1, 3)
    assert counts.hold_reasons == (("no_tube", 1),)


def test_an_empty_table_has_no_buckets() -> None:
    assert count(rebucket(table_of([]), 0.35)).total == 0
