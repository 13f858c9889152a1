"""The annotator at home against the answers recorded from a running one: same status, same keys in the same order, same types."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from triage.demo.server import AnnotatorServer
from triage.demo.world import World, plain_world

EXAMPLES = Path(os.environ.get("TRIAGE_FIXTURES", "/nowhere")) / "annotator" / "examples"
pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the recorded examples are not here: set TRIAGE_FIXTURES")


def example(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((EXAMPLES / f"{name}.json").read_text())
    return content


def as_recorded() -> World:
    """Six sequences, the first two annotated as false positives, as in the recording; the first frame has no box."""
    world = plain_world(6, frames=5)
    rows = [
        replace(
            row, label="fp", smoke_types=(), false_positive_types=("unlabeled",), frames=(replace(row.frames[0], boxes=()), *row.frames[1:])
        )
        for row in world.sequences
    ]
    return World(tuple(rows), world.image, {1: "annotated", 2: "annotated"})


@pytest.fixture(scope="module")
def server() -> Iterator[AnnotatorServer]:
    with AnnotatorServer(as_recorded()) as running:
        yield running


def ask(server: AnnotatorServer, name: str, **arguments: Any) -> tuple[requests.Response, dict[str, Any]]:
    recorded = example(name)
    token = requests.post(f"{server.url}/api/v1/auth/login", json={"username": server.login, "password": server.password}).json()
    headers = {"Authorization": f"Bearer {token['access_token']}", **arguments.pop("headers", {})}
    request = recorded["request"]
    return requests.request(request["method"], server.url + request["path"], headers=headers, **arguments), recorded


def shape(value: Any) -> Any:
    """The keys in order and the types; a list by its first item; numbers are one type, null fits anything."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


SAME_SHAPE = (
    "cameras",
    "detections-page",
    "detections-unknown-sequence",
    "export-alerts",
    "organizations",
    "sequence-groups",
    "sequences-annotated-with-annotation",
    "sequences-misspelt-stage-is-ignored",
    "sequences-page",
    "sequences-past-the-end",
)


@pytest.mark.parametrize("name", SAME_SHAPE)
def test_an_answer_has_the_recorded_shape_with_keys_in_the_recorded_order(server: AnnotatorServer, name: str) -> None:
    answer, recorded = ask(server, name)
    assert (answer.status_code, answer.headers["content-type"]) == (recorded["status"], recorded["content_type"])
    assert json.dumps(shape(answer.json())) == json.dumps(shape(recorded["body"]))


@pytest.mark.parametrize("name", ["sequences-misspelt-stage-is-ignored", "sequences-page", "sequences-past-the-end"])
def test_totals_and_pages_are_the_recorded_ones(server: AnnotatorServer, name: str) -> None:
    answer, recorded = ask(server, name)
    for key in ("total", "page", "size", "pages"):
        assert answer.json()[key] == recorded["body"][key]


@pytest.mark.parametrize("name", ["sequences-size-over-100", "detection-url-unknown"])
def test_a_refusal_is_the_recorded_one_to_the_letter(server: AnnotatorServer, name: str) -> None:
    answer, recorded = ask(server, name)
    assert (answer.status_code, answer.json()) == (recorded["status"], recorded["body"])


def test_no_token_and_a_bad_token_are_refused_with_the_recorded_words(server: AnnotatorServer) -> None:
    for name, headers in (("no-token", {"Authorization": ""}), ("bad-token", {"Authorization": "Bearer nonsense"})):
        answer, recorded = ask(server, name, headers=headers)
        assert (answer.status_code, answer.json()) == (recorded["status"], recorded["body"])


def test_a_wrong_password_is_refused_with_the_recorded_words(server: AnnotatorServer) -> None:
    recorded = example("login-wrong-password")
    answer = requests.post(f"{server.url}/api/v1/auth/login", json={"username": server.login, "password": "wrong"})
    assert (answer.status_code, answer.json()) == (recorded["status"], recorded["body"])


def test_a_link_has_the_recorded_parts(server: AnnotatorServer) -> None:
    answer, recorded = ask(server, "detection-url")
    assert list(answer.json()) == list(recorded["body"])
    names = [part.partition("=")[0] for part in answer.json()["url"].partition("?")[2].split("&")]
    assert names == [part.partition("=")[0] for part in recorded["body"]["url"].partition("?")[2].split("&")]


def test_two_labels_in_one_bulk_call_are_refused_with_the_recorded_words(server: AnnotatorServer) -> None:
    content = {"sequence_ids": [4], "false_positive_type": "unlabeled", "smoke_type": "wildfire"}
    answer, recorded = ask(server, "bulk-two-labels", json=content)
    assert (answer.status_code, answer.json()) == (recorded["status"], recorded["body"])


def test_a_bulk_call_applies_and_skips_with_the_recorded_words() -> None:
    with AnnotatorServer(as_recorded()) as server:
        content = {"sequence_ids": [3, 424242, 1], "false_positive_type": "unlabeled"}
        answer, recorded = ask(server, "bulk-applied", json=content)
        assert answer.status_code == recorded["status"]
        for kind in ("applied", "skipped"):
            ours, theirs = answer.json()[kind], recorded["body"][kind]
            assert [list(item) for item in ours] == [list(item) for item in theirs]
            assert [(item["sequence_id"], item["status"], item["reason"]) for item in ours] == [
                (item["sequence_id"], item["status"], item["reason"]) for item in theirs
            ]
        assert answer.json()["group_label_updated"] is False
