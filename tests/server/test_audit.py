"""The audit behind the API: what a blind session hides, and that everything comes back when it is over."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest

from tests.benchmarks.synthetic_report import VARIANT, synthetic_table, write_synthetic
from tests.server.conftest import running
from triage.audit.plan import Plan
from triage.config import Layout
from triage.report.rows import MODEL_SCORES
from triage.review.auditing import PlanOptions, plan_audit
from triage.review.decisions import parse_decision
from triage.review.desk import Desk
from triage.review.rows import open_rows
from triage.sequences import sequence_id_of
from triage.server.blinding import blind_table

REPORT = f"/api/reports/{VARIANT}"
TELLING = ("triage_score", "score", "probability", "num_tubes_kept", "trigger_frame_index")
ONE_LOOK = PlanOptions(max_miss=Fraction(1, 10), looks=1, hits=2)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return write_synthetic(tmp_path / "data", 300, with_frames=8, labelled=True)


@pytest.fixture
def plan(layout: Layout) -> Plan:
    """To Review is decided as smoke by a rule, so that there are known smokes to plant."""
    rows, desk = open_rows(layout), Desk(layout, "ana")
    desk.decide(rows, desk.select(rows, "bucket = review"), parse_decision("smoke"))
    return plan_audit(layout, rows, desk.state, ONE_LOOK)[0]


@pytest.fixture
def api(layout: Layout, plan: Plan) -> Iterator[httpx.Client]:
    with running(layout, reviewer="ana") as client:
        yield client


def table(api: httpx.Client, query: str = "") -> dict[str, dict[str, Any]]:
    answer = api.get(f"{REPORT}/rows.arrow{query}")
    assert answer.status_code == 200
    return {row["key"]: row for row in pa.ipc.open_stream(answer.content).read_all().to_pylist()}


def version(api: httpx.Client) -> str:
    return str(api.get("/api/reports").json()[0]["version"])


def decisions(api: httpx.Client, layout: Layout, **query: str) -> dict[str, str]:
    answer = pa.ipc.open_stream(api.get(f"{REPORT}/decisions.arrow", params=query).content).read_all()
    keys = open_rows(layout).keys
    return {keys[row]: words for row, words in zip(answer["row"].to_pylist(), answer["words"].to_pylist(), strict=True)}


def answer(api: httpx.Client, key: str, words: str) -> httpx.Response:
    return api.post(f"{REPORT}/audit/answer", json={"key": key, "words": words})


def test_an_audit_that_nobody_began_hides_nothing(api: httpx.Client, plan: Plan) -> None:
    shown = api.get(f"{REPORT}/audit").json()
    assert (shown["audit_id"], shown["running"], shown["version"]) == (plan.audit_id, False, version(api))
    assert shown["left"] == shown["keys"] == list(plan.worklist(plan.looks[0]))
    assert table(api)[plan.planted[0]]["triage_score"] is not None
    refused = answer(api, plan.planted[0], "smoke")
    assert refused.status_code == 422
    assert "its blind session does not run" in refused.json()["error"]


def test_while_a_session_runs_nothing_tells_its_sequences_apart(api: httpx.Client, layout: Layout, plan: Plan) -> None:
    before, plain = table(api), version(api)
    assert api.post(f"{REPORT}/audit/begin", json={}).status_code == 200
    shown = api.get(f"{REPORT}/audit").json()
    assert shown["running"]
    assert shown["version"] == version(api) != plain
    # Whoever still asks for the version of before gets no more than the others, and must not keep it for good.
    for query in ("", f"?v={plain}", f"?v={version(api)}"):
        rows = table(api, query)
        assert "immutable" not in api.get(f"{REPORT}/rows.arrow?v={plain}").headers["cache-control"]
        for key in shown["keys"]:
            hidden = rows[key]
            assert [hidden[name] for name in TELLING] == [None] * len(TELLING)
            said = [hidden[name] for name in ("triage_bucket", "hold_reason", "decision", "outcome", "label")]
            assert said == ["hold", "audit", "keep", "n/a", "unknown"]
            assert (hidden["camera_name"], hidden["num_frames"]) == (before[key]["camera_name"], before[key]["num_frames"])
        others = rows.keys() - set(shown["keys"])
        assert all(rows[key] == before[key] for key in others)
    for key in (plan.planted[0], plan.sample(plan.looks[0])[0], plan.decoys[0]):
        detail = api.get(f"{REPORT}/sequences/{key}").json()
        assert (detail["row"]["triage_score"], detail["row"]["triage_bucket"]) == (None, "hold")
        assert (detail["tubes"], detail["same_camera"], detail["same_alert"], detail["smoke_types"]) == ([], [], [], [])
        best = max((key for key in shown["keys"]), key=lambda key: before[key]["triage_score"])
    frames = api.get(f"{REPORT}/sequences/{best}").json()["frames"]
    assert {box["confidence"] for frame in frames for box in frame["boxes"]} == {None}
    # As somebody's neighbour too.
    neighbours = [one for key in list(others)[:40] for one in api.get(f"{REPORT}/sequences/{key}").json()["same_camera"]]
    seen = [one for one in neighbours if one["key"] in shown["keys"]]
    assert seen
    assert {(one["triage_score"], one["triage_bucket"], one["label"]) for one in seen} == {(None, "hold", "unknown")}
    # Earlier decisions would say which are planted; filters would ask for scores.
    assert not set(decisions(api, layout)) & set(shown["keys"])
    Desk(layout, "ana").snapshot("then")
    assert not set(decisions(api, layout, snapshot="then")) & set(shown["keys"])

    def count(where: str) -> int:
        return int(api.post(f"{REPORT}/select", json={"where": where}).json()["count"])

    number = sequence_id_of(plan.planted[0])
    assert count(f"sequence_id = {number} and score > 0") == 0
    assert count(f"sequence_id = {number} and not decided and hold_reason = audit") == 1
    assert count("hold_reason = audit") == len(shown["keys"])


def test_answers_count_and_the_last_one_ends_the_session(api: httpx.Client, layout: Layout, plan: Plan) -> None:
    before, plain = table(api), version(api)
    api.post(f"{REPORT}/audit/begin", json={})
    keys = api.get(f"{REPORT}/audit").json()["keys"]
    first, last = plan.planted[0], keys[-1]
    assert answer(api, first, "low_cloud").json()["text"] == "1 sequence answered as low_cloud"
    assert decisions(api, layout)[first] == "low_cloud"
    assert first not in api.get(f"{REPORT}/audit").json()["left"]
    assert answer(api, first, "smoke:wildfire").status_code == 200
    for key in keys[:-1]:
        answer(api, key, "smoke" if key in plan.planted else "low_cloud")
    # Kept for later is no label.
    answer(api, last, "later")
    assert api.get(f"{REPORT}/audit").json()["left"] == [last]
    assert api.get(f"{REPORT}/audit").json()["running"]
    answer(api, last, "unsure")
    over = api.get(f"{REPORT}/audit").json()
    assert (over["left"], over["running"], over["version"]) == ([], False, plain)
    assert table(api) == before
    # What was said of a planted smoke is not what it is decided as.
    assert decisions(api, layout)[first] == "smoke:wildfire"
    said = api.post(f"{REPORT}/audit/report", json={}).json()
    assert said["verdict"] == "CERTIFIED"
    assert "Of 60 known smokes hidden among them the reviewer recognised 60" in said["text"]
    assert api.get(f"{REPORT}/audit").json()["neighbours"] == []
    again = api.post(f"{REPORT}/audit/begin", json={})
    assert again.status_code == 422
    assert "nothing of it is left to label" in again.json()["error"]


def test_undoing_the_beginning_ends_the_session(api: httpx.Client, plan: Plan) -> None:
    event = api.post(f"{REPORT}/audit/begin", json={}).json()["event"]
    assert api.get(f"{REPORT}/audit").json()["running"]
    assert api.post("/api/undo", json={"event": event}).status_code == 200
    assert not api.get(f"{REPORT}/audit").json()["running"]
    assert table(api)[plan.planted[0]]["triage_score"] is not None


def test_only_the_worklist_can_be_answered(api: httpx.Client, plan: Plan) -> None:
    api.post(f"{REPORT}/audit/begin", json={})
    other = next(key for key in table(api) if key not in plan.worklist(plan.looks[0]))
    assert "not in the worklist" in answer(api, other, "smoke").json()["error"]
    assert answer(api, plan.planted[0], "smok").status_code == 422


def test_the_scores_of_several_models_are_hidden_too() -> None:
    rows = synthetic_table(5)
    scores = pa.array([{"a": 0.1, "b": 0.9}] * 5, pa.struct([("a", pa.float64()), ("b", pa.float64())]))
    rows = rows.append_column(MODEL_SCORES, scores)
    key = rows["key"][2].as_py()
    blind = blind_table(rows, frozenset((key,))).to_pylist()
    assert [row[MODEL_SCORES] is None for row in blind] == [False, False, True, False, False]
    assert blind[0] == rows.to_pylist()[0]
