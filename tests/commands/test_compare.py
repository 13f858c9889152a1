"""`triage compare` from the outside."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from tests.report.builders import write
from triage.cli import cli
from triage.sequences import key_of


@pytest.fixture
def data(tmp_path: Path) -> Path:
    reports = tmp_path / "08_reporting" / "pyro-annotator"
    write(reports, variant="one")
    write(reports, variant="two", threshold=0.08)
    return tmp_path


def compare(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["compare", "--data", str(data), *arguments])


def test_it_says_what_entered_and_left(data: Path) -> None:
    result = compare(data, "one", "two")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "from one to two: 1 sequences changed their bucket",
        "",
        "bucket      entered   left",
        "review            1      0",
        "unlabeled         0      1",
        "hold              0      0",
        "",
        "sequence                   from       to         score A   score B",
        "pyro-annotator_12          unlabeled  review     0.1000    0.1000",
    ]


def test_json_and_parquet_list_every_move(data: Path, tmp_path: Path) -> None:
    summary = json.loads(compare(data, "one", "two", "--json", "--parquet", str(tmp_path / "moves.parquet")).stdout)
    assert [move["key"] for move in summary["moves"]] == [key_of(12)]
    assert pq.read_table(tmp_path / "moves.parquet").to_pylist() == summary["moves"]


def test_reports_can_be_given_as_paths(data: Path) -> None:
    root = data / "08_reporting" / "pyro-annotator"
    assert json.loads(compare(data, str(root / "one"), str(root / "one"), "--json").stdout)["moved"] == 0
