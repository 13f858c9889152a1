"""`triage train` from the outside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.train.builders import write_sequence
from triage.cli import cli
from triage.errors import BadInput


def write_labels(root: Path) -> None:
    for at in range(30):
        write_sequence(root, 1 + at, "smoke" if at % 3 == 0 else "fp", f"cam-{(at // 3) % 6}")


def test_the_labels_of_the_data_directory_become_a_package(tmp_path: Path) -> None:
    write_labels(tmp_path / "01_raw" / "sequences")
    command = ["train", "--data", str(tmp_path), "--output", str(tmp_path / "model.zip"), "--epochs", "1", "--threads", "1", "--json"]
    result = CliRunner().invoke(cli, command, catch_exceptions=False)
    assert result.exit_code == 0
    summary = json.loads(result.stdout)
    assert summary["package"] == str(tmp_path / "model.zip")
    assert summary["evaluation"]["format"] == 1
    assert (tmp_path / "model-card.md").exists()
    assert (tmp_path / "model-evaluation" / "evaluation.html").exists()


def test_sequences_that_cannot_be_read_give_exit_code_3_and_their_reasons(tmp_path: Path) -> None:
    write_labels(tmp_path / "labels")
    next((tmp_path / "labels").glob("*/*/seq_5/images/*.jpg")).write_bytes(b"broken")
    command = ["train", "--labels", str(tmp_path / "labels"), "--output", str(tmp_path / "model.zip"), "--epochs", "1", "--threads", "1"]
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == 3
    assert "pyro-annotator_5: left out, " in result.stdout


def test_decisions_of_a_file_take_part(tmp_path: Path) -> None:
    write_labels(tmp_path / "labels")
    (tmp_path / "decided.csv").write_text("key,label\n" + "".join(f"{number},fp\n" for number in range(1, 31)))
    command = ["train", "--labels", str(tmp_path / "labels"), "--decided", str(tmp_path / "decided.csv")]
    with pytest.raises(BadInput, match="found 0 smoke and 30 fp"):
        CliRunner().invoke(cli, command, catch_exceptions=False)
