from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.report.builders import snapshot
from tests.score.builders import CALIBRATOR, a_jpeg, a_package, a_store, add
from triage.config import Layout
from triage.errors import BadInput, BadSetting
from triage.report import ReportReader
from triage.score import ScoreSummary

Run = Callable[..., ScoreSummary]


@pytest.fixture
def new_head(tmp_path: Path) -> Path:
    return a_package(tmp_path / "new.zip", head_seed=7, version="2.0.0", calibrator={**CALIBRATOR, "intercept": 0.5})


def scores(summary: ScoreSummary) -> list[float]:
    return ReportReader(summary.report.path).table()["triage_score"].to_pylist()


def test_a_new_head_scores_without_an_image_what_it_would_score_with_them(layout: Layout, run: Run, new_head: Path) -> None:
    store = a_store(layout.sequences, 6)
    old = scores(run())
    from_images = scores(run(models=(new_head,)))
    shutil.rmtree(layout.predictions / next(path.name for path in layout.predictions.iterdir() if "2-0-0" in path.name))
    for key in store.keys():  # noqa: SIM118  # a Store is no mapping
        shutil.rmtree(store.directory(key) / "images")
    summary = run(models=(), head=new_head)
    assert summary.computed == 6
    assert scores(summary) == pytest.approx(from_images, abs=2e-3)
    assert scores(summary) != pytest.approx(old, abs=2e-2)


def test_a_second_run_with_the_head_computes_nothing(layout: Layout, run: Run, new_head: Path) -> None:
    a_store(layout.sequences, 3)
    run()
    run(models=(), head=new_head)
    before = snapshot(layout.root)
    assert run(models=(), head=new_head).computed == 0
    assert snapshot(layout.root) == before


def test_what_has_no_features_yet_is_computed_from_its_images_with_the_same_result(layout: Layout, run: Run, new_head: Path) -> None:
    store = a_store(layout.sequences, 3)
    run()
    add(store, 9, [a_jpeg(1), a_jpeg(2)])
    mixed = run(models=(), head=new_head)
    assert mixed.computed == 4
    before = snapshot(mixed.report.path)
    run()
    assert run(models=(), head=new_head, rescore=True).computed == 4
    assert snapshot(mixed.report.path) == before


def test_limit_holds_for_kept_features_too(layout: Layout, run: Run, new_head: Path) -> None:
    a_store(layout.sequences, 5)
    run()
    some = run(models=(), head=new_head, limit=2)
    assert some.computed == 2
    assert dict(some.report.dropped) == {"not_scored": 3}
    rest = run(models=(), head=new_head)
    assert (rest.computed, rest.cached) == (3, 2)


def test_another_backbone_is_refused_with_what_to_do(layout: Layout, run: Run, tmp_path: Path) -> None:
    a_store(layout.sequences, 1)
    run()
    other = a_package(tmp_path / "other.zip", backbone_seed=5)
    with pytest.raises(BadInput, match=r"expected features of its backbone .* found only grain-1-0-0-.*; score once with"):
        run(models=(), head=other)


def test_before_anything_was_scored_there_are_no_features(layout: Layout, run: Run, new_head: Path) -> None:
    a_store(layout.sequences, 1)
    with pytest.raises(BadInput, match=r"expected features of its backbone .* found none; score once"):
        run(models=(), head=new_head)


def test_a_head_and_models_do_not_go_together(layout: Layout, run: Run, new_head: Path) -> None:
    a_store(layout.sequences, 1)
    with pytest.raises(BadSetting, match="leave out --model"):
        run(head=new_head)
