from __future__ import annotations

import json

from tests.report.make_vectors import ROWS, VECTORS, vectors


def test_the_vectors_that_the_viewer_is_tested_with_are_what_our_rule_says() -> None:
    assert VECTORS.read_bytes() == vectors(), "run `python -m tests.report.make_vectors`, then the viewer's tests"


def test_the_vectors_say_what_the_rule_says_in_words() -> None:
    """By hand, so that rule and file cannot be wrong together."""
    for case in json.loads(VECTORS.read_bytes())["cases"]:
        for (score, reason, label), bucket, decision, outcome in zip(
            ROWS, case["triage_bucket"], case["decision"], case["outcome"], strict=True
        ):
            expected = "hold" if reason or score is None else "review" if score >= case["threshold"] else "unlabeled"
            assert bucket == expected
            assert decision == {"hold": "keep", "review": "keep", "unlabeled": "discard"}[expected]
            verb = {"keep": "kept", "discard": "discarded"}[decision]
            assert outcome == ("n/a" if label == "unknown" else f"{verb}-{label}")
        assert sum(case["counts"].values()) == sum(case["outcomes"].values()) == len(ROWS)
