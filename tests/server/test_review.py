"""Decisions over the API: what a page sends, what it gets back, and what it must not be able to do."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator

import httpx
import pyarrow as pa
import pytest
from click.testing import CliRunner

from tests.server.conftest import VARIANT, running
from triage.cli import cli
from triage.config import Layout
from triage.review.decisions import parse_decision
from triage.review.desk import Desk
from triage.review.rows import open_rows

REPORT = f"/api/reports/{VARIANT}"


@pytest.fixture
def api(own_world: Layout) -> Iterator[httpx.Client]:
    with running(own_world, reviewer="ana") as client:
        yield client


def decisions(api: httpx.Client, **query: str) -> list[tuple[int, str, bool]]:
    answer = api.get(f"{REPORT}/decisions.arrow", params=query)
    assert answer.status_code == 200
    table = pa.ipc.open_stream(answer.content).read_all()
    return list(zip(table["row"].to_pylist(), table["words"].to_pylist(), table["decided"].to_pylist(), strict=True))


def decide(api: httpx.Client, where: str, words: str, **more: object) -> httpx.Response:
    return api.post(f"{REPORT}/decide", json={"where": where, "words": words, **more})


def test_count_decide_undo_redo(api: httpx.Client) -> None:
    counted = api.post(f"{REPORT}/select", json={"where": "bucket = review", "exclusions": [1]}).json()
    receipt = decide(api, "bucket = review", "antenna", exclusions=[1], expect=counted["count"], seconds=2.5).json()
    assert receipt["count"] == counted["count"] > 0
    assert {words for _, words, _ in decisions(api)} == {"antenna"}
    assert api.post("/api/undo", json={}).json()["text"].startswith("undone")
    assert decisions(api) == []
    assert api.post("/api/redo", json={}).json()["text"].startswith("redone")
    assert len(decisions(api)) == receipt["count"]
    assert [one["kind"] for one in api.get("/api/history").json()] == ["undo", "undo", "decide"]


def test_a_stale_count_is_refused_with_what_to_do(api: httpx.Client) -> None:
    answer = decide(api, "all", "tree", expect=99)
    assert answer.status_code == 422
    assert "99 sequences were shown" in answer.json()["error"]
    assert decisions(api) == []


@pytest.mark.parametrize(
    ("where", "words", "text"),
    [
        ("scor < 1", "tree", "did you mean 'score'"),
        ("all", "antena", "did you mean 'antenna'"),
        ("score > 2", "tree", "no sequence matches"),
    ],
)
def test_what_cannot_be_read_is_a_422_that_says_so(api: httpx.Client, where: str, words: str, text: str) -> None:
    answer = decide(api, where, words)
    assert answer.status_code == 422
    assert text in answer.json()["error"]


def test_the_command_that_is_shown_does_what_the_page_would_do(api: httpx.Client, own_world: Layout) -> None:
    asked = {"where": 'camera ~ "Mont V"', "exclusions": [1], "words": "antenna+tree", "note": "it's a mast", "tags": ["a b"]}
    command = api.post(f"{REPORT}/select", json={**asked, "threshold": 0.2, "settle": True}).json()["command"]
    words = shlex.split(command)
    assert words[:2] == ["triage", "decide"]
    done = CliRunner().invoke(cli, words[1:])
    assert (done.exit_code, done.exception) == (0, None)
    (line,) = (own_world.decisions / "ana.jsonl").read_bytes().splitlines()
    event = json.loads(line)
    assert (event["reviewer"], event["decision"]) == (
        "ana",
        {"verdict": "false_positive", "types": ["antenna", "tree"], "note": "it's a mast", "tags": ["a b"]},
    )
    chosen = event["selection"]
    assert [chosen[name] for name in ("variant", "threshold", "where", "except")] == [VARIANT, 0.2, 'camera ~ "Mont V"', [1]]


def test_a_second_look_is_blind_and_counted(api: httpx.Client) -> None:
    decide(api, "sequence_id = 1", "tree", reviewer="bob")
    assert api.post(f"{REPORT}/select", json={"where": "second_look"}).json()["count"] == 1
    receipt = decide(api, "sequence_id = 1", "tree", blind=True).json()
    assert receipt["text"].endswith("; bob said the same")
    pace = api.get(f"{REPORT}/pace").json()
    assert (pace["second_looks"], pace["agreed"]) == (1, 1)


def test_another_process_is_seen_at_once(api: httpx.Client, own_world: Layout) -> None:
    assert decisions(api) == []
    Desk(own_world, "bob").snapshot("before")
    rows = open_rows(own_world)
    bob = Desk(own_world, "bob")
    bob.decide(rows, bob.select(rows, "sequence_id = 1"), parse_decision("tree"))
    assert len(decisions(api)) == 1
    assert decisions(api, snapshot="before") == []
    assert [one["name"] for one in api.get("/api/review").json()["snapshots"]] == ["before"]


def test_reviewers_who_disagree_are_shown(api: httpx.Client) -> None:
    decide(api, "sequence_id = 1", "tree")
    decide(api, "sequence_id = 1", "smoke", reviewer="bob")
    assert decisions(api) == [(0, "smoke:wildfire / tree", False)]
    assert api.get(f"{REPORT}/pace").json()["disagreements"] == 1


def test_views_and_assignments(api: httpx.Client) -> None:
    api.post("/api/views", json={"name": "masts", "view": {"where": "camera ~ mast"}})
    api.post("/api/assignments", json={"view": "masts", "to": "bob", "part": "1/2"})
    api.post("/api/snapshots", json={"name": "monday"})
    desk = api.get("/api/review").json()
    assert desk["reviewer"] == "ana"
    assert desk["views"] == [{"name": "masts", "view": {"where": "camera ~ mast"}}]
    assert desk["assignments"] == [{"view": "masts", "to": "bob", "part": "1/2", "by": "sequence"}]
    by_camera = {"view": "masts", "to": "eve", "part": "2/2", "by": "camera"}
    assert api.post("/api/assignments", json=by_camera).status_code == 200
    assert by_camera in api.get("/api/review").json()["assignments"]


def test_unchanged_decisions_are_not_sent_twice(api: httpx.Client) -> None:
    decide(api, "all", "tree")
    tag = api.get(f"{REPORT}/decisions.arrow").headers["etag"]
    assert api.get(f"{REPORT}/decisions.arrow", headers={"If-None-Match": tag}).status_code == 304
    decide(api, "all", "dust")
    assert api.get(f"{REPORT}/decisions.arrow", headers={"If-None-Match": tag}).status_code == 200


def test_another_site_cannot_decide(api: httpx.Client) -> None:
    answer = api.post(f"{REPORT}/decide", json={"where": "all", "words": "tree"}, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert decisions(api) == []
