"""Small reports by hand: the contract's columns, nothing else of the tool."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest


@pytest.fixture
def write_report(tmp_path: Path) -> Callable[..., Path]:
    """write_report(rows, config=..., dropped=...) -> the report directory; a row is (id, label, score, organization, camera)."""

    def write(
        rows: list[tuple[int, str, float | None, str, str]],
        config: dict[str, Any] | None = None,
        dropped: list[dict[str, str]] | None = None,
    ) -> Path:
        directory = tmp_path / "data" / "08_reporting" / "pyro-annotator" / "demo-1-0"
        directory.mkdir(parents=True, exist_ok=True)
        columns = {
            "key": [f"pyro-annotator_{row[0]}" for row in rows],
            "label": [row[1] for row in rows],
            "triage_score": pa.array([row[2] for row in rows], pa.float64()),
            "organization_name": [row[3] for row in rows],
            "camera_name": [row[4] for row in rows],
        }
        pq.write_table(pa.table(columns), directory / "results.parquet")
        (directory / "model_config.json").write_text(json.dumps(config or {"threshold": 0.35, "model_version": "1.0"}))
        (directory / "dropped.json").write_text(json.dumps(dropped or []))
        (directory.parent / "latest.json").write_text(json.dumps({"format": 1, "variant": "demo-1-0"}))
        return directory

    return write


@pytest.fixture
def write_meta(tmp_path: Path) -> Callable[..., Path]:
    """write_meta(id, organization, camera, **fields) -> the store's `sequences` directory."""

    def write(number: int, organization: str, camera: str, **fields: Any) -> Path:
        store = tmp_path / "data" / "01_raw" / "sequences"
        meta = {
            "key": f"pyro-annotator_{number}",
            "sequence_id": number,
            "organization_name": organization,
            "camera_name": camera,
            "frames": [{"file": "images/detection_1.jpg", "sha256": f"{number:064x}"}],
            **fields,
        }
        path = store / organization / camera / f"seq_{number}" / "meta.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(meta))
        return store

    return write
