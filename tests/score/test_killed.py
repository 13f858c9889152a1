from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.report.builders import snapshot
from tests.score.builders import a_store
from triage.config import Layout
from triage.report import find_report, verify_report

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_run_killed_at_twenty_random_moments_ends_with_the_bytes_of_an_uninterrupted_one(tmp_path: Path, package: Path) -> None:
    whole, killed = Layout(tmp_path / "whole" / "data"), Layout(tmp_path / "killed" / "data")
    store = a_store(whole.sequences, 300, frames=2)
    killed.sequences.parent.mkdir(parents=True)
    killed.sequences.symlink_to(whole.sequences)
    arguments = [sys.executable, "-m", "tests.score.killed_runs", str(whole.root), str(killed.root), str(package), "20", "20261121"]
    result = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert sum(line.startswith("killed") for line in lines) == 20, result.stdout
    assert len({line.split(", ")[1] for line in lines}) >= 3, result.stdout  # they were killed at different depths of the job
    assert verify_report(find_report(whole.reports), store.keys()) == []
    assert snapshot(killed.reports) == snapshot(whole.reports)
    assert [path for place in (find_report(killed.reports), killed.predictions) for path in place.rglob(".part-*")] == []
