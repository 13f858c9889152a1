"""`triage doctor` from the outside: one line for each thing that a long job needs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.annotator.loopback import Loopback, Reply, Seen
from triage.cli import cli
from triage.demo.faults import Faults
from triage.demo.server import AnnotatorServer
from triage.demo.world import plain_world

NOWHERE = dict.fromkeys(("ANNOTATOR_API_URL", "ANNOTATOR_API_LOGIN", "ANNOTATOR_API_PASSWORD"), "")


def doctor(data: Path, environment: dict[str, str], *arguments: str) -> tuple[int, dict[str, tuple[str, str]]]:
    """Exit code, and (grade, text) by the name of the line."""
    result = CliRunner().invoke(cli, ["doctor", "--data", str(data), "--json", *arguments], env={**NOWHERE, **environment})
    assert result.exception is None or isinstance(result.exception, SystemExit)
    found = json.loads(result.stdout)
    assert found["healthy"] == (result.exit_code == 0)
    return result.exit_code, {line["name"]: (line["grade"], line["text"]) for line in found["checks"]}


def access(url: str, password: str = "at-home") -> dict[str, str]:
    return {"ANNOTATOR_API_URL": url, "ANNOTATOR_API_LOGIN": "triage", "ANNOTATOR_API_PASSWORD": password}


def test_an_annotator_that_lets_us_in_is_ok(tmp_path: Path) -> None:
    with AnnotatorServer(plain_world(5)) as server:
        _, lines = doctor(tmp_path, access(server.url))
        assert server.writes == []
    assert lines["annotator"] == ("ok", f"{server.url} answers")
    assert lines["credentials"] == ("ok", "logged in as triage")
    assert lines["queue"] == ("ok", "5 sequences are ready to annotate")
    assert lines["disk"][0] in ("ok", "warn")


def test_without_an_annotator_it_only_warns(tmp_path: Path) -> None:
    _, lines = doctor(tmp_path, {})
    assert lines["annotator"][0] == "warn"
    assert "ANNOTATOR_API_URL, ANNOTATOR_API_LOGIN, ANNOTATOR_API_PASSWORD are not set" in lines["annotator"][1]
    assert "credentials" not in lines


def test_half_of_the_settings_is_a_failure(tmp_path: Path) -> None:
    code, lines = doctor(tmp_path, {"ANNOTATOR_API_URL": "http://127.0.0.1:9"})
    assert code == 1
    assert lines["annotator"] == (
        "fail",
        "not set: ANNOTATOR_API_LOGIN, ANNOTATOR_API_PASSWORD; export them, or `triage pull` cannot log in",
    )


def test_the_web_pages_host_is_recognised(tmp_path: Path) -> None:
    with AnnotatorServer(plain_world(1), faults=Faults(html=True)) as server:
        code, lines = doctor(tmp_path, access(server.url))
    assert code == 1
    assert lines["annotator"][0] == "fail"
    assert "set ANNOTATOR_API_URL to the API's (annotationapi.pyronear.org)" in lines["annotator"][1]


def test_a_wrong_password_is_told_from_a_wrong_host(tmp_path: Path) -> None:
    with AnnotatorServer(plain_world(1)) as server:
        code, lines = doctor(tmp_path, access(server.url, password="wrong-word"))
    assert code == 1
    assert lines["annotator"][0] == "ok"
    assert lines["credentials"][0] == "fail"
    assert "wrong-word" not in str(lines)


def test_nobody_listening_is_a_failure(tmp_path: Path) -> None:
    with AnnotatorServer(plain_world(1)) as server:
        url = server.url
    code, lines = doctor(tmp_path, access(url))
    assert code == 1
    assert "connection refused" in lines["annotator"][1]


@pytest.mark.parametrize(
    ("ahead", "grade", "text"), [(0, "ok", "s"), (600, "warn", "behind the annotator's"), (-7200, "fail", "ahead of the annotator's")]
)
def test_the_clocks_are_compared(tmp_path: Path, ahead: int, grade: str, text: str) -> None:
    now = format_datetime(datetime.now(UTC) + timedelta(seconds=ahead), usegmt=True)

    def answer(seen: Seen) -> Reply:
        body = b'{"access_token": "t", "id": 1, "username": "triage", "items": [], "total": 0}'
        return Reply(body=body, date=now)

    with Loopback(answer) as server:
        _, lines = doctor(tmp_path, access(server.url))
    assert lines["clock"][0] == grade
    assert text in lines["clock"][1]


def test_a_model_that_is_none_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "model.zip").write_bytes(b"no zip")
    code, lines = doctor(tmp_path, {}, "--model", str(tmp_path / "model.zip"))
    assert code == 1
    assert lines["model"][0] == "fail"
    assert "device" not in lines


def test_a_place_that_cannot_be_written_is_a_failure() -> None:
    code, lines = doctor(Path("/proc/1/nowhere"), {})
    assert code == 1
    assert lines["disk"][0] == "fail"
    assert "choose another place with --data" in lines["disk"][1]


def test_every_line_is_shown_as_text(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["doctor", "--data", str(tmp_path)], env=NOWHERE)
    *lines, last = result.stdout.splitlines()
    assert [line.split()[0] in ("ok", "warn", "fail") for line in lines] == [True] * len(lines)
    assert last in ("ready", "not ready: see the lines that say fail")
