from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.disks import fill
from tests.report.builders import snapshot
from tests.score.builders import a_store
from triage.config import Layout
from triage.errors import NoSpace
from triage.report import find_report, rebucket_report
from triage.score import ScoreSummary


@pytest.mark.parametrize("leave", [0, 4096, 16384, 65536])
def test_scoring_on_a_full_disk_says_so_and_ends_right_once_there_is_space(
    small_disk: Path, tmp_path: Path, run: Callable[..., ScoreSummary], leave: int
) -> None:
    elsewhere, full = Layout(tmp_path / "data"), Layout(small_disk / "data")
    a_store(elsewhere.sequences, 20)
    run(layout=elsewhere)
    ballast = fill(small_disk, leave)
    with pytest.raises(NoSpace, match="the disk is full; free some space and run the same command again"):
        run(layout=full, source=str(elsewhere.sequences))
    ballast.unlink()
    run(layout=full, source=str(elsewhere.sequences))
    assert snapshot(full.reports) == snapshot(elsewhere.reports)


def test_a_new_threshold_on_a_full_disk_leaves_the_old_report(small_disk: Path, run: Callable[..., ScoreSummary]) -> None:
    layout = Layout(small_disk / "data")
    a_store(layout.sequences, 20)
    run(layout=layout)
    before = snapshot(layout.reports)
    ballast = fill(small_disk, 4096)
    with pytest.raises(NoSpace, match="the disk is full"):
        rebucket_report(layout.reports, find_report(layout.reports).name, 0.9)
    assert snapshot(layout.reports) == before
    ballast.unlink()
    assert rebucket_report(layout.reports, find_report(layout.reports).name, 0.9).threshold == 0.9
