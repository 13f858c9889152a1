"""`triage report` from the outside."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from tests.report.builders import snapshot, write
from triage.cli import cli
from triage.errors import BadFile


def report(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["report", "--data", str(data), *arguments])


def test_a_threshold_moves_sequences_between_buckets(tmp_path: Path) -> None:
    write(tmp_path / "08_reporting" / "pyro-annotator")
    result = report(tmp_path, "--threshold", "0.08", "--json")
    summary = json.loads(result.stdout)
    assert (summary["review"], summary["unlabeled"], summary["hold"], summary["dropped"]) == (3, 1, 3, 2)
    assert (result.exit_code, summary["sequences"]) == (0, 9)


def test_without_a_threshold_nothing_changes(tmp_path: Path) -> None:
    write(tmp_path / "08_reporting" / "pyro-annotator", threshold=0.5)
    before = snapshot(tmp_path)
    assert "(score >= 0.5)" in report(tmp_path).stdout
    assert snapshot(tmp_path) == before


def test_no_tube_can_be_chosen_and_chosen_back(tmp_path: Path) -> None:
    write(tmp_path / "08_reporting" / "pyro-annotator")
    before = snapshot(tmp_path)
    assert "2 Hold" in report(tmp_path, "--no-tube", "unlabel").stdout
    assert "3 Hold" in report(tmp_path, "--no-tube", "hold").stdout
    assert snapshot(tmp_path) == before


def test_a_report_other_than_the_last_can_be_named(tmp_path: Path) -> None:
    for variant in ("one", "two"):
        write(tmp_path / "08_reporting" / "pyro-annotator", variant=variant)
    assert json.loads(report(tmp_path, "--variant", "one", "--json").stdout)["variant"] == "one"


def test_without_a_report_it_says_what_to_type(tmp_path: Path) -> None:
    result = report(tmp_path, "--threshold", "0.4")
    assert isinstance(result.exception, BadFile)
    assert "run `triage score` first" in str(result.exception)
