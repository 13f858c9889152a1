from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.review.conftest import table_of
from triage.errors import BadSetting
from triage.review.decisions import parse_decision
from triage.review.desk import Desk
from triage.review.fold import State
from triage.review.log import Logs
from triage.review.selection import Rows
from triage.review.where import matches, quote

NOBODY_DECIDED = State(Logs(Path("/nonexistent")))
ONE_ROW = Rows(table_of([{"sequence_id": 1, "triage_score": 0.1}]), "demo", 0.35).columns(NOBODY_DECIDED, None, 0.35)


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ("", [1, 2, 3, 4, 5]),
        ("all", [1, 2, 3, 4, 5]),
        ("bucket = unlabeled", [1, 2]),
        ("bucket != unlabeled", [3, 4, 5]),
        ("bucket = review and score < 0.9", [3]),
        ("bucket in (review, hold)", [3, 4, 5]),
        ("score >= 0.35 or score < 0.1", [1, 3, 4]),
        ("not score >= 0.35", [1, 2, 5]),
        ("not (score >= 0.35 or bucket = hold)", [1, 2]),
        ("score is null", [5]),
        ("hold_reason is not null", [5]),
        ('camera = "mast <b>2</b>"', [1]),
        ('organization = "Forêt d\'Ardèche"', [1]),
        ("camera ~ MAST", [1]),
        ("text ~ forêt", [1]),
        ("alert = 7", [2, 3]),
        ("started_at >= 2026-06-02", [2]),
        ("started_at is null", [3]),
        ("started_at < 2026-06-01T09:00:00Z", [1, 4, 5]),
        ("label = smoke", [4]),
        ("sequence_id in (2, 4)", [2, 4]),
        ("decided", []),
        ("NOT decided AND bucket = hold", [5]),
    ],
)
def test_expressions_select(rows: Rows, desk: Desk, where: str, ids: list[int]) -> None:
    assert list(desk.select(rows, where).ids) == ids


def test_parts_split_everything_once(rows: Rows, desk: Desk) -> None:
    parts = [set(desk.select(rows, f"part = {k}/3").ids) for k in (1, 2, 3)]
    assert set().union(*parts) == {1, 2, 3, 4, 5}
    assert sum(map(len, parts)) == 5


def test_parts_by_camera_keep_a_camera_together(desk: Desk) -> None:
    cameras = ["mast 1", "été", None, "b", "c"]
    rows = Rows(table_of([{"sequence_id": i, "triage_score": 0.1, "camera_name": cameras[i % 5]} for i in range(1, 41)]), "demo", 0.35)
    parts = [set(desk.select(rows, f"camera_part = {k}/3").ids) for k in (1, 2, 3)]
    assert set().union(*parts) == set(range(1, 41))
    assert sum(map(len, parts)) == 40
    # CRC-32 of the name in UTF-8, no name like an empty one; the page computes the same (viewer/src/lib/columns/columns.test.ts).
    assert [sorted({number % 5 for number in part}) for part in parts] == [[1, 2, 4], [], [0, 3]]


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("not bucket = unlabled", "bucket: expected one of review, unlabeled, hold, found 'unlabled'; did you mean 'unlabeled'?"),
        ("bucket in (review, hol)", "did you mean 'hold'?"),
        ("decision != antena", "did you mean 'antenna'?"),
        ("verdict = smokes", "did you mean 'smoke'?"),
        ("label = no", "label: expected one of unknown, smoke, fp, found 'no'"),
    ],
)
def test_a_misspelt_word_of_a_closed_vocabulary_selects_nothing_and_not_everything(
    rows: Rows, desk: Desk, where: str, message: str
) -> None:
    with pytest.raises(BadSetting, match=re.escape(message)):
        desk.select(rows, where)


def test_decisions_are_asked_for_as_they_are_typed(rows: Rows, desk: Desk) -> None:
    desk.decide(rows, desk.select(rows, "sequence_id = 1"), parse_decision("smoke"))
    assert desk.select(rows, "decision = smoke").ids == desk.select(rows, "decision = smoke:wildfire").ids == (1,)


def test_another_threshold_moves_the_buckets(rows: Rows, desk: Desk) -> None:
    assert desk.select(rows, "bucket = unlabeled", threshold=0.5).ids == (1, 2, 3)


def test_what_was_decided_can_be_asked_for(rows: Rows, desk: Desk) -> None:
    desk.decide(rows, desk.select(rows, "sequence_id = 1"), parse_decision("antenna", tags=["mast"]))
    assert desk.select(rows, "decision = antenna and verdict = false_positive and mine and tag = mast").ids == (1,)
    assert desk.select(rows, "reviewer = ana").ids == (1,)
    assert desk.select(rows, "not decided").ids == (2, 3, 4, 5)


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ("scor < 1", "unknown field 'scor' at character 1 .* did you mean 'score'"),
        ("score <", "expected a value, found the end"),
        ("score < x", "score is a number, found 'x'"),
        ("score ! 3", "cannot read '!'"),
        ("bucket < review", "bucket is text"),
        ("(score < 1", r"expected '\)', found the end"),
        ("score < 1 score > 0", "expected 'and', 'or' or the end, found 'score' at character 11"),
        ("started_at > yesterday", "a time such as 2026-06-01"),
        ("part = 6/5", "part is written"),
        ('camera = "open', "close the quotes"),
        ("tag ~ x", "tag has only '='"),
    ],
)
def test_what_cannot_be_read_is_pointed_at(rows: Rows, desk: Desk, where: str, text: str) -> None:
    with pytest.raises(BadSetting, match=text):
        desk.select(rows, where)


@given(st.text(max_size=60))
def test_any_text_is_either_read_or_refused(where: str) -> None:
    try:
        answer = matches(where, ONE_ROW)
    except BadSetting:
        return
    assert answer.dtype == bool
    assert len(answer) == 1


@given(st.text(max_size=40))
@settings(max_examples=30, deadline=None)
def test_quoted_names_mean_themselves(name: str) -> None:
    rows = Rows(table_of([{"sequence_id": 1, "triage_score": 0.1, "camera_name": name}]), "demo", 0.35)
    assert matches(f"camera = {quote(name)}", rows.columns(NOBODY_DECIDED, None, 0.35)).tolist() == [True]
