"""Labelled stores for training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.train.builders import write_sequence


@pytest.fixture
def make_store(tmp_path: Path) -> Callable[..., Path]:
    """make_store(count, first=1, cameras=6, name="labels") -> a store: every third sequence is smoke, cameras take turns."""

    def make(count: int = 36, *, first: int = 1, cameras: int = 6, name: str = "labels") -> Path:
        root = tmp_path / name
        for at in range(count):
            write_sequence(root, first + at, "smoke" if at % 3 == 0 else "fp", f"cam-{(at // 3) % cameras}")
        return root

    return make
