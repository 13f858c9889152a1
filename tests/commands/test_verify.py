"""`triage verify` from the outside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.report.builders import write
from tests.score.builders import a_store
from triage.cli import cli
from triage.errors import BadSetting
from triage.report import Dropped
from triage.sequences import key_of


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A store of two sequences and a report that accounts for them."""
    a_store(tmp_path / "01_raw" / "sequences", 2)
    write(tmp_path / "08_reporting" / "pyro-annotator", [Dropped(key_of(number), "not_scored", "") for number in (1, 2)])
    return tmp_path


def verify(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["verify", "--data", str(data), *arguments])


def sequence_directory(data: Path, number: int) -> Path:
    return next(data.glob(f"01_raw/sequences/*/*/seq_{number}"))


def test_a_data_directory_that_keeps_the_contract_is_good(data: Path) -> None:
    result = verify(data)
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["store", "report"]
    assert all(line.endswith(": good") for line in result.stdout.splitlines())


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-1] + b"\0"), "its sha256 is not the one in meta.json"),
        (lambda path: path.write_bytes(path.read_bytes() + b"\0"), "bytes, found"),
        (lambda path: path.unlink(), "cannot be read (No such file or directory)"),
    ],
    ids=["changed", "longer", "gone"],
)
def test_a_frame_that_is_not_what_meta_says_is_listed_with_exit_code_3(data: Path, damage, expected: str) -> None:
    damage(next(sequence_directory(data, 2).glob("images/*_2001.jpg")))
    result = verify(data, "--json")
    assert result.exit_code == 3
    problem = json.loads(result.stdout)["checked"][0]["problems"][0]
    assert problem["path"] == "org/cam-2/seq_2/images/detection_2001.jpg"
    assert expected in problem["what"]
    assert problem["keys"] == [key_of(2)]


def test_a_damaged_meta_is_listed_once(data: Path) -> None:
    (sequence_directory(data, 1) / "meta.json").write_text("{")
    result = verify(data, str(data / "01_raw" / "sequences"), "--json")
    assert result.exit_code == 3
    assert [problem["path"] for problem in json.loads(result.stdout)["checked"][0]["problems"]] == ["org/cam-1/seq_1/meta.json"]


def test_an_id_that_is_there_twice_is_listed(data: Path) -> None:
    original = sequence_directory(data, 1)
    copy = original.parent.parent / "other" / "seq_1"
    (copy / "images").mkdir(parents=True)
    for path in original.rglob("*"):
        if path.is_file():
            (copy / path.relative_to(original)).write_bytes(path.read_bytes())
    assert "is there twice" in verify(data).stdout


def test_a_sequence_that_the_report_does_not_know_is_listed(data: Path) -> None:
    a_store(data / "01_raw" / "sequences", 1, first=3)
    result = verify(data)
    assert result.exit_code == 3
    assert f"1 sequences of the store are in none of review, unlabeled, hold, dropped; run `triage score` ({key_of(3)})" in result.stdout


def test_a_report_alone_can_be_checked(data: Path) -> None:
    report = next(data.glob("08_reporting/*/*/"))
    (report / "unlabeled.json").write_text('{"format": 1}')
    result = verify(data, str(report))
    assert result.exit_code == 3
    assert "unlabeled.json: its sha256 is not the one in model_config.json" in result.stdout


def test_nothing_to_check_is_an_error_and_not_good(tmp_path: Path) -> None:
    assert isinstance(verify(tmp_path).exception, BadSetting)
    assert isinstance(verify(tmp_path, str(tmp_path / "gone")).exception, BadSetting)
    (tmp_path / "empty").mkdir()
    assert "found none; run `triage pull`" in verify(tmp_path, str(tmp_path / "empty")).stdout
