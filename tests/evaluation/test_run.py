"""From a report on disk to evaluation.json and its page."""

from __future__ import annotations

import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from triage.errors import BadFile, BadInput
from triage.evaluation import Request, fingerprint, pack_fingerprints, run, table
from triage.sequences import Frame, Sequence

ROWS = [
    (i, "smoke" if i % 3 == 0 else "fp", None if i == 4 else (0.9 - i / 40 if i % 3 == 0 else i / 50), "sdis", f"cam-{i % 5}")
    for i in range(1, 31)
]


def request(report: Path, **options: Any) -> Request:
    return Request(reports=report.parent, evaluations=report.parents[2] / "09_evaluation", resamples=40, **options)


def test_the_report_written_last_is_evaluated_and_two_files_are_written(write_report: Callable[..., Path]) -> None:
    written = run(request(write_report(ROWS)))
    content = json.loads(written.json.read_bytes())
    assert written.json.parent.name == "demo-1-0"
    assert content["format"] == 1
    assert content["smoke"]["review"] + content["smoke"]["unlabeled"] + content["smoke"]["hold"] == 10
    assert content["fp"]["hold"] == 1
    assert content["metrics"]["roc_auc"]["low"] <= content["metrics"]["roc_auc"]["value"] <= content["metrics"]["roc_auc"]["high"]


def test_the_same_report_gives_the_same_bytes(write_report: Callable[..., Path]) -> None:
    report = write_report(ROWS)
    first = [path.read_bytes() for path in (run(request(report)).json, run(request(report)).html)]
    again = run(request(report))
    assert [again.json.read_bytes(), again.html.read_bytes()] == first


def test_the_page_fetches_nothing_and_draws_four_plots(write_report: Callable[..., Path]) -> None:
    html = run(request(write_report(ROWS))).html.read_text()
    found: list[tuple[str, dict[str, str | None]]] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append((tag, dict(attrs)))

    Tags().feed(html)
    tags = [tag for tag, _ in found]
    assert tags.count("svg") == 4
    assert not {"script", "link", "img", "iframe"} & set(tags)
    references = [value or "" for _, attrs in found for name, value in attrs.items() if name in ("src", "href", "xlink:href")]
    assert all(one.startswith("#") for one in references)


def test_names_in_the_page_are_escaped(write_report: Callable[..., Path]) -> None:
    html = run(request(write_report([(1, "smoke", 0.1, "<script>x</script>", "a"), (2, "fp", 0.2, "o", "b")]))).html.read_text()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_a_model_trained_on_these_sequences_is_refused_unless_allowed(
    write_report: Callable[..., Path], write_meta: Callable[..., Path]
) -> None:
    seen = fingerprint(Sequence("pyro-annotator_1", 1, (Frame("images/detection_1.jpg", 1, None, None, sha256=f"{1:064x}"),)))
    config = {"threshold": 0.35, "manifest": {"provenance": {"training": {"fingerprints": pack_fingerprints([seen])}}}}
    report = write_report([(1, "fp", 0.2, "sdis", "a"), (2, "smoke", 0.9, "sdis", "b")], config)
    store = write_meta(1, "sdis", "a")
    with pytest.raises(BadInput, match=r"the model was trained on 1 of these 2 sequences \(first: pyro-annotator_1\).*--allow-trained"):
        run(request(report, store=store))
    evaluation = run(request(report, store=store, allow_trained=True)).evaluation
    assert "NOT AN EVALUATION: the model was trained on 1" in table(evaluation)


def test_nothing_labelled_says_where_labels_come_from(write_report: Callable[..., Path]) -> None:
    with pytest.raises(BadInput, match="1 sequences, none labelled smoke or fp; pull labelled ones with 'triage pull --stage annotated'"):
        run(request(write_report([(1, "unknown", 0.5, "sdis", "a")])))


def test_without_any_report_the_next_command_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="there is no report yet; run 'triage score' first"):
        run(Request(reports=tmp_path, evaluations=tmp_path))


def test_the_table_shows_held_sequences_and_undefined_values(write_report: Callable[..., Path]) -> None:
    text = table(run(request(write_report([(1, "smoke", None, "sdis", "a"), (2, "smoke", 0.9, "sdis", "b")]))).evaluation)
    assert "1 labelled sequences are held" in text
    assert "ROC AUC                                -   -" in text
