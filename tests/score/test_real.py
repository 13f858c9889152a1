"""Real camera frames through a package in the real layout; needs TRIAGE_FIXTURES (the directory with `real` and `model`)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from triage.config import Layout
from triage.report import ReportReader, verify_report
from triage.score import ScoreSummary
from triage.store import Store

FIXTURES = os.environ.get("TRIAGE_FIXTURES")


@pytest.mark.slow
@pytest.mark.skipif(FIXTURES is None, reason="TRIAGE_FIXTURES is not set: the real frames are not in the repository")
def test_every_real_sequence_is_judged_and_the_report_keeps_the_contract(layout: Layout, run: Callable[..., ScoreSummary]) -> None:
    sequences = Path(str(FIXTURES)) / "real" / "sequences"
    summary = run(models=(Path(str(FIXTURES)) / "model" / "tiny" / "tiny.zip",), source=str(sequences), trigger=False)
    keys = Store(sequences).keys()
    assert summary.report.total == len(keys)
    assert summary.failures == 0
    assert verify_report(summary.report.path, keys) == []
    labels = set(ReportReader(summary.report.path).table()["label"].to_pylist())
    assert labels == {"smoke", "fp"}
    assert run(models=(Path(str(FIXTURES)) / "model" / "tiny" / "tiny.zip",), source=str(sequences), trigger=False).computed == 0
