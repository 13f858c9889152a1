"""Saved views on the command line: saved, given away in parts, decided in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.benchmarks.synthetic_report import write_synthetic
from triage.cli import cli
from triage.errors import BadSetting


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_synthetic(tmp_path / "data", 200, with_frames=0).root


def run(data: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, [*words, "--data", str(data), "--reviewer", "ana"])


def summary(data: Path, *words: str) -> Any:
    done = run(data, *words, "--json")
    assert done.exception is None, done.exception
    return json.loads(done.output)


def test_a_view_is_saved_given_away_by_camera_and_decided_part_by_part(data: Path) -> None:
    low = summary(data, "views", "save", "low", "--where", "bucket = unlabeled and score < 0.2")["count"]
    for part, who in (("1/2", "bob"), ("2/2", "eve")):
        summary(data, "views", "assign", "low", "--to", who, "--part", part, "--by", "camera")
    listed = summary(data, "views", "list")["views"]
    assert [(one["to"], one["part"], one["by"]) for one in listed] == [("bob", "1/2", "camera"), ("eve", "2/2", "camera")]
    assert sum(one["count"] for one in listed) == low
    assert all(one["count"] == one["undecided"] > 0 for one in listed)

    chosen = ("decide", "--view", "low", "--part", "1/2", "--by", "camera")
    assert summary(data, *chosen, "--dry-run")["count"] == listed[0]["count"]
    assert summary(data, *chosen, "--as", "antenna", "--expect", str(listed[0]["count"]))["count"] == listed[0]["count"]
    after = {one["to"]: one["undecided"] for one in summary(data, "views", "list")["views"]}
    assert after == {"bob": 0, "eve": listed[1]["count"]}
    assert summary(data, "decide", "--progress")["decided"] == listed[0]["count"]
    # --where narrows a view.
    assert summary(data, "decide", "--view", "low", "--where", "decided", "--dry-run")["count"] == listed[0]["count"]


def test_a_view_keeps_its_threshold(data: Path) -> None:
    wide = summary(data, "views", "save", "wide", "--where", "bucket = unlabeled", "--threshold", "0.9")["count"]
    assert wide > summary(data, "decide", "--where", "bucket = unlabeled", "--dry-run")["count"]
    assert summary(data, "decide", "--view", "wide", "--dry-run")["count"] == wide


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("decide", "--view", "lo", "--as", "tree"), "view 'lo': expected one of low"),
        (("decide", "--where", "all", "--part", "3/2", "--as", "tree"), "part is written 'part = 2/5'"),
        (("views", "assign", "low", "--to", " "), "a name is needed"),
        (("views", "save", "bad", "--where", "scor < 1"), "did you mean 'score'"),
        (("decide", "--as", "tree"), "expected --where or --view"),
    ],
)
def test_what_is_wrong_is_named(data: Path, words: tuple[str, ...], message: str) -> None:
    summary(data, "views", "save", "low", "--where", "score < 0.2")
    failed = run(data, *words).exception
    assert isinstance(failed, BadSetting)
    assert message in str(failed)


def test_damaged_logs_are_said_before_anything_is_done(data: Path) -> None:
    summary(data, "decide", "--where", "score < 0.2", "--as", "tree")
    log = data / "03_decisions" / "ana.jsonl"
    log.write_bytes(b"{broken}\n" + log.read_bytes())
    done = run(data, "decide", "--progress")
    assert done.exit_code == 0
    assert "warning: ana.jsonl: line 1: not a decision event" in done.stderr
