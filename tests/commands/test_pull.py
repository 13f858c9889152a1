"""`triage pull` from the outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from triage.cli import cli
from triage.demo.faults import Faults
from triage.demo.server import AnnotatorServer
from triage.demo.world import plain_world
from triage.errors import BadSetting
from triage.store import Store


def access(server: AnnotatorServer) -> dict[str, str]:
    return {"ANNOTATOR_API_URL": server.url, "ANNOTATOR_API_LOGIN": server.login, "ANNOTATOR_API_PASSWORD": server.password}


def pull(data: Path, environment: dict[str, str], *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["pull", "--data", str(data), *arguments], env=environment)


def as_typed(data: Path, environment: dict[str, str], *arguments: str) -> tuple[int, str]:
    """Exit code and standard error of the real program."""
    command = [sys.executable, "-m", "triage", "pull", "--data", str(data), *arguments]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def test_it_says_what_was_listed_and_what_comes_next(tmp_path: Path) -> None:
    with AnnotatorServer(plain_world(7, frames=2)) as server:
        result = pull(tmp_path, access(server))
    assert result.exit_code == 0
    first, *_, last = result.stdout.splitlines()
    assert first == "listed 7 in ready_to_annotate = stored 7 + already there 0 + failed 0 + left the queue 0"
    assert "the listing is complete (the annotator counted 7 at first, 7 at last; 0 repeats dropped)" in result.stdout
    assert last == "next: triage score"
    assert len(Store(tmp_path / "01_raw" / "sequences")) == 7


def test_json_adds_up(tmp_path: Path) -> None:
    with AnnotatorServer(plain_world(7, frames=2), faults=Faults(vanished=frozenset({3}))) as server:
        result = pull(tmp_path, access(server), "--json")
    assert result.exit_code == 3
    summary = json.loads(result.stdout)
    parts = ("stored", "already_there", "failed", "left", "not_tried")
    assert summary["listed"] == 7 == sum(summary[part] for part in parts)
    assert summary["failures"] == [{"sequence_id": 2, "reason": "frame 3: the annotator has no such file any more (404)"}]
    assert summary["listing"]["complete"] is True
    assert summary["format"] == 1


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    with AnnotatorServer(plain_world(7, frames=2)) as server:
        result = pull(tmp_path / "data", access(server), "--dry-run", "--json")
    assert json.loads(result.stdout)["estimate"]["frames"] == 14
    assert not (tmp_path / "data").exists()


def test_dates_and_names_narrow_the_queue(tmp_path: Path) -> None:
    # Seven minutes apart from 2026-05-01T08:00:00Z: 138 on the first day, 205 on the second.
    with AnnotatorServer(plain_world(400, frames=1)) as server:
        listed = {
            arguments: json.loads(pull(tmp_path, access(server), "--dry-run", "--json", *arguments).stdout)["listed"]
            for arguments in (
                ("--until", "2026-05-01"),
                ("--since", "2026-05-02", "--until", "2026-05-02"),
                ("--since", "2026-05-01T08:07:00Z", "--until", "2026-05-01 08:14:00+00:00"),
                ("--organization", "CENIA", "--until", "2026-05-01"),
                ("--camera", "cam-01", "--until", "2026-05-01"),
            )
        }
    assert list(listed.values()) == [138, 205, 2, 46, 23]


def test_a_date_that_is_none_is_refused(tmp_path: Path) -> None:
    result = pull(tmp_path, {}, "--since", "last week")
    assert isinstance(result.exception, BadSetting)
    assert str(result.exception) == "--since 'last week': expected a date such as 2026-05-01 or a time such as 2026-05-01T11:05:00Z"


@pytest.mark.parametrize("arguments", [("--stage", "ready"), ("--workers", "0"), ("--page-size", "101"), ("--limit", "0")])
def test_options_out_of_range_are_usage_errors(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert pull(tmp_path, {}, *arguments).exit_code == 2


def test_missing_settings_a_wrong_password_and_a_wrong_host_are_one_line_each(tmp_path: Path) -> None:
    nothing = dict.fromkeys(("ANNOTATOR_API_URL", "ANNOTATOR_API_LOGIN", "ANNOTATOR_API_PASSWORD"), "")
    with AnnotatorServer(plain_world(1, frames=1)) as server, AnnotatorServer(plain_world(1), faults=Faults(html=True)) as page:
        wrong_host = {**access(server), "ANNOTATOR_API_URL": page.url}
        answers = [
            as_typed(tmp_path, nothing),
            as_typed(tmp_path, {**access(server), "ANNOTATOR_API_PASSWORD": "wrong-word"}),
            as_typed(tmp_path, wrong_host),
        ]
    expected = [
        "error: ANNOTATOR_API_URL is not set; ",
        f"error: {server.url}: the annotator refused the login 'triage' (401); check ANNOTATOR_API_LOGIN and ANNOTATOR_API_PASSWORD",
        f"error: {page.url}/api/v1/auth/login: expected the annotator's API, found a web page; ",
    ]
    for (code, text), start in zip(answers, expected, strict=True):
        assert code == 1
        assert len(text.splitlines()) == 1
        assert text.startswith(start)
        assert "wrong-word" not in text
    assert not (tmp_path / "01_raw" / "sequences").exists()
