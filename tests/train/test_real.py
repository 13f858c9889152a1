"""Real frames, end to end: train on one half of the cameras, score and evaluate the other half. Needs TRIAGE_FIXTURES."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from triage.cli import cli
from triage.errors import BadInput
from triage.store import Store

FIXTURES = os.environ.get("TRIAGE_FIXTURES")


def halves(root: Path) -> tuple[Path, Path]:
    """Two stores, every second camera in each."""
    source = Store(Path(str(FIXTURES)) / "real" / "sequences")
    names = sorted({source.sequence(key).camera_name or "" for key in source.keys()})  # noqa: SIM118  a store is no mapping
    for key in source.keys():  # noqa: SIM118
        sequence = source.sequence(key)
        half = root / ("learn" if names.index(sequence.camera_name or "") % 2 else "judge") / "01_raw" / "sequences"
        target = half / sequence.directory
        (target / "images").mkdir(parents=True)
        (target / "meta.json").write_bytes((source.directory(key) / "meta.json").read_bytes())
        for frame in sequence.frames:
            (target / frame.file).write_bytes((source.directory(key) / frame.file).read_bytes())
    return root / "learn", root / "judge"


@pytest.mark.slow
@pytest.mark.skipif(FIXTURES is None, reason="TRIAGE_FIXTURES is not set: it names the folder with the real frames")
def test_one_half_of_the_cameras_trains_and_the_other_half_is_evaluated_honestly(tmp_path: Path) -> None:
    from triage.model import bundled_package

    learn, judge = halves(tmp_path)
    package = tmp_path / "refit.zip"

    def run(*words: str) -> str:
        result = CliRunner().invoke(cli, list(words), catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    store, other = str(learn / "01_raw" / "sequences"), str(judge / "01_raw" / "sequences")
    run(
        "train",
        "--labels",
        store,
        "--evaluation",
        other,
        "--from",
        str(bundled_package()),
        "--output",
        str(package),
        "--data",
        str(tmp_path),
    )
    run("score", "--data", str(judge), "--model", str(package))
    content = json.loads(run("evaluate", "--data", str(judge), "--resamples", "200", "--json"))
    auc = content["metrics"]["roc_auc"]
    assert content["trained_on"] == []
    assert content["unchecked"] == 0
    assert auc["low"] < auc["value"] < auc["high"] or auc["value"] == 1.0
    assert auc["value"] > 0.7
    # The half that was learnt from is refused.
    run("score", "--data", str(learn), "--model", str(package))
    with pytest.raises(BadInput, match="the model was trained on"):
        run("evaluate", "--data", str(learn))
