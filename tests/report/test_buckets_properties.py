"""The bucket rule over whatever numbers a model could give."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.report.builders import a_prediction, scored
from triage.report import count, rebucket
from triage.report.rows import row_of, table_of
from triage.report.worklists import unlabeled_list

probabilities = st.one_of(st.floats(), st.floats(min_value=0, max_value=1), st.sampled_from([0.0, 0.35, math.nextafter(0.35, 0), 1.0]))
sequences = st.lists(st.lists(st.one_of(st.none(), probabilities), max_size=3), max_size=8)


@settings(deadline=None, max_examples=100)
@given(sequences, st.floats(min_value=0, max_value=1))
def test_a_sequence_is_unlabeled_only_when_every_tube_has_a_probability_below_the_threshold(
    tubes: list[list[float | None]], threshold: float
) -> None:
    rows = [row_of(scored(index + 1, a_prediction(*own)), model_version="1", calibrated=True) for index, own in enumerate(tubes)]
    table = rebucket(table_of(rows), threshold)
    assert count(table).total == len(tubes)
    unlabeled = unlabeled_list(table, threshold)["bulk_payload"]["sequence_ids"]
    safe = {
        index + 1
        for index, own in enumerate(tubes)
        if own and all(value is not None and 0 <= value <= 1 and value < threshold for value in own)
    }
    assert set(unlabeled) == safe
    for own, row in zip(tubes, table.to_pylist(), strict=True):
        trusted = bool(own) and all(value is not None and 0 <= value <= 1 for value in own)
        assert (row["triage_bucket"] == "hold") == (not trusted)
        assert (row["hold_reason"] is None) == trusted == (row["triage_score"] is not None)
