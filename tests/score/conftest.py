from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.score.builders import a_package
from triage.config import Layout
from triage.progress import quiet
from triage.score import ScoreRequest, ScoreSummary, score


@pytest.fixture(autouse=True)
def _silence():
    quiet()
    yield
    quiet(False)


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_package(tmp_path_factory.mktemp("package") / "model.zip")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "data")


@pytest.fixture
def run(layout: Layout, package: Path) -> Callable[..., ScoreSummary]:
    """Score the layout's store with the small package; options are those of ScoreRequest."""
    request = ScoreRequest(layout=layout, threshold=0.35, models=(package,), device="cpu", workers=1)

    def run(**options: object) -> ScoreSummary:
        return score(replace(request, **options))

    return run
