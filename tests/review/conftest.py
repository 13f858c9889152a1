"""A small report's rows, by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from triage.config import Layout
from triage.report import SCHEMA, rebucket
from triage.review.desk import Desk
from triage.review.selection import Rows

_BLANK: dict[str, Any] = {
    "source": "pyro-annotator", "label": "unknown", "decision": "keep", "outcome": "n/a", "hold_reason": None, "model_version": "0.1.0",
    "score": None, "num_tubes_kept": 1, "trigger_frame_index": None, "num_frames": 8, "organization_name": "sdis-07",
    "camera_name": "cam-1", "azimuth": 90.0, "last_seen_at": None, "platform_alert_id": None, "started_at": "2026-06-01T08:00:00+00:00",
}  # fmt: skip


def table_of(rows: list[dict[str, Any]], threshold: float = 0.35) -> pa.Table:
    """Rows by hand: `sequence_id` and `triage_score` (None = no tube, held) at least."""
    full = []
    for row in rows:
        score = row.get("triage_score")
        full.append(
            _BLANK
            | {"key": f"pyro-annotator_{row['sequence_id']}", "triage_score": score, "probability": score, "triage_bucket": "hold"}
            | ({"num_tubes_kept": 0, "hold_reason": "no_tube"} if score is None else {})
            | row
        )
    return rebucket(pa.Table.from_pylist(full, schema=SCHEMA), threshold)


@pytest.fixture
def rows() -> Rows:
    return Rows(
        table_of(
            [
                {"sequence_id": 1, "triage_score": 0.02, "camera_name": "mast <b>2</b>", "organization_name": "Forêt d'Ardèche"},
                {"sequence_id": 2, "triage_score": 0.34, "platform_alert_id": 7, "started_at": "2026-06-02 08:00:00+00:00"},
                {"sequence_id": 3, "triage_score": 0.35, "platform_alert_id": 7, "started_at": None},
                {"sequence_id": 4, "triage_score": 0.91, "label": "smoke"},
                {"sequence_id": 5, "triage_score": None},
            ]
        ),
        "demo",
        0.35,
    )


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "data")


@pytest.fixture
def desk(layout: Layout) -> Desk:
    return Desk(layout, "ana")
