"""`triage score` from the outside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.score.builders import a_jpeg, a_package, a_store, add
from triage.cli import cli
from triage.errors import BadInput, BadSetting
from triage.store import Store


@pytest.fixture
def data(tmp_path: Path) -> Path:
    a_store(tmp_path / "data" / "01_raw" / "sequences", 3)
    a_package(tmp_path / "model.zip")
    return tmp_path / "data"


def score(data: Path, *arguments: str, model: str = "model.zip") -> Result:
    return CliRunner().invoke(cli, ["score", "--data", str(data), "--model", str(data.parent / model), "--device", "cpu", *arguments])


def test_it_prints_a_table_that_adds_up(data: Path) -> None:
    result = score(data, "--threshold", "0")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[:5] == [
        "computed 3, cached 0",
        "       3 sequences",
        "       3 To Review   (score >= 0)",
        "       0 Unlabel     (score < 0)",
        "       0 Hold",
    ]


def test_json_has_the_same_numbers(data: Path) -> None:
    result = score(data, "--limit", "2", "--json")
    summary = json.loads(result.stdout)
    assert summary["review"] + summary["unlabeled"] + summary["hold"] + summary["dropped"] == summary["sequences"] == 3
    assert (summary["computed"], summary["dropped_reasons"]) == (2, {"not_scored": 1})
    assert result.exit_code == 0


def test_a_sequence_that_failed_gives_exit_code_3_and_its_reason(data: Path) -> None:
    add(Store(data / "01_raw" / "sequences"), 9, [a_jpeg(1), b"not an image"])
    result = score(data)
    assert result.exit_code == 3
    assert "1 failed (frame_unreadable 1)" in result.stdout


def test_every_sequence_failed_is_an_error(tmp_path: Path) -> None:
    add(Store(tmp_path / "data" / "01_raw" / "sequences"), 9, [b"not an image"])
    a_package(tmp_path / "model.zip")
    assert isinstance(score(tmp_path / "data").exception, BadInput)


def test_a_threshold_out_of_range_is_refused_before_anything_is_scored(data: Path) -> None:
    result = score(data, "--threshold", "35")
    assert isinstance(result.exception, BadSetting)
    assert not (data / "07_model_output").exists()


def test_the_threshold_of_the_environment_counts(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIAGE_THRESHOLD", "0.125")
    assert json.loads(score(data, "--json").stdout)["threshold"] == 0.125


def test_a_store_elsewhere_can_be_scored(data: Path, tmp_path: Path) -> None:
    result = score(tmp_path / "other", "--from", str(data / "01_raw" / "sequences"), "--json")
    assert json.loads(result.stdout)["sequences"] == 3
