from __future__ import annotations

import pytest

from triage.errors import BadSetting
from triage.review.decisions import KEYS, Decision, parse_decision
from triage.sequences import FALSE_POSITIVE_TYPES


@pytest.mark.parametrize(
    "words", ["smoke:wildfire", "smoke:other", "antenna", "antenna+tree", "unsure", "later", "none", "false_positive:other"]
)
def test_words_read_back_as_they_are_written(words: str) -> None:
    assert parse_decision(words).words == words


def test_plain_smoke_is_wildfire() -> None:
    assert parse_decision("smoke") == Decision("smoke", ("wildfire",))


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("antena", "did you mean 'antenna'"),
        ("smok", "did you mean 'smoke'"),
        ("smoke:wildfir", "did you mean 'wildfire'"),
        ("antenna+clif", "did you mean 'cliff'"),
        ("other", "is it 'smoke:other' or 'false_positive:other'"),
        ("", "found ''"),
        ("tree+tree", "one or more different types"),
    ],
)
def test_a_word_outside_the_vocabulary_is_refused(words: str, text: str) -> None:
    with pytest.raises(BadSetting, match=text):
        parse_decision(words)


def test_every_false_positive_type_has_one_letter() -> None:
    types = [parse_decision(words) for words in KEYS.values()]
    assert [one.types[0] for one in types if one.verdict == "false_positive"] == list(FALSE_POSITIVE_TYPES)
    assert len(set(types)) == len(types)


def test_agreement_is_about_verdict_and_types_only() -> None:
    assert parse_decision("tree+antenna", note="x").says == parse_decision("antenna+tree", tags=["t"]).says
