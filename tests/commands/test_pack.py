"""`triage pack` from the outside."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from tests.shards.worlds import VARIANT, world
from triage.cli import cli


def test_it_counts_every_sequence_once_and_prints_json_for_machines(tmp_path: Path) -> None:
    world(tmp_path)
    result = CliRunner().invoke(cli, ["pack", "--data", str(tmp_path), "--json", "--quiet"])
    assert result.exit_code == 0
    summary = json.loads(result.stdout)
    frames = summary["frames"]
    assert (frames["new"], frames["changed"], frames["unchanged"], frames["older"], frames["failed"]) == (6, 0, 0, 0, [])
    assert (summary["variant"], summary["report"]["sequences"], summary["previews"]["made"]) == (VARIANT, 6, 6)
    again = CliRunner().invoke(cli, ["pack", "--data", str(tmp_path)])
    assert "frames: 6 sequences = 0 new + 0 changed + 6 unchanged + 0 older here + 0 failed; 0 shards written" in again.stdout


def test_without_a_report_it_says_what_to_do(tmp_path: Path) -> None:
    world(tmp_path, report=False)
    result = CliRunner().invoke(cli, ["pack", "--data", str(tmp_path)])
    assert (result.exit_code, "report: none yet; run `triage score`, then pack again" in result.stdout) == (0, True)


def test_a_damaged_sequence_is_listed_and_the_exit_code_is_3(tmp_path: Path) -> None:
    layout = world(tmp_path)
    next(layout.sequences.glob("*/*/seq_2/images/*")).unlink()
    result = CliRunner().invoke(cli, ["pack", "--data", str(tmp_path), "--no-previews"])
    assert result.exit_code == 3
    assert "1 failed" in result.stdout
    assert "cannot be read (No such file or directory); remove its sequence and pull it again (pyro-annotator_2)" in result.stdout


def test_an_error_is_one_line(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "triage", "pack", "--data", str(tmp_path)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: {tmp_path}/01_raw/sequences: expected a store, found none; run `triage pull` first\n"
