"""The answers that both bucket rules must give, ours and the viewer's: `python -m tests.report.make_vectors` writes them.

`tests/report/test_vectors.py` holds the Python rule to the file, the viewer's unit tests hold the TypeScript rule to it.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from triage.files import dump_json
from triage.report import SCHEMA, count, rebucket
from triage.sequences import key_of

VECTORS = Path(__file__).parents[2] / "viewer" / "test-vectors" / "rebucket.json"

#: (score, hold reason, label)
ROWS: tuple[tuple[float | None, str | None, str], ...] = (
    (0.0, None, "unknown"),
    (5e-324, None, "fp"),
    (0.1, None, "smoke"),
    (0.1 + 0.2, None, "fp"),  # 0.30000000000000004
    (0.3, None, "fp"),
    (math.nextafter(0.35, 0), None, "smoke"),
    (0.35, None, "smoke"),
    (0.35, None, "fp"),
    (0.35, None, "unknown"),
    (math.nextafter(0.35, 1), None, "fp"),
    (float(np.float32(0.35)), None, "smoke"),  # what 0.35 becomes in 32 bits: below it
    (float(np.float32(0.6)), None, "fp"),  # and one that becomes larger
    (0.5, None, "unknown"),
    (0.6, None, "smoke"),
    (math.nextafter(1, 0), None, "fp"),
    (1.0, None, "smoke"),
    (None, "no_tube", "unknown"),
    (None, "no_tube", "smoke"),
    (None, "frame_missing", "fp"),
    (None, "frame_unreadable", "smoke"),
    (None, "bad_boxes", "unknown"),
    (None, "uncalibrated", "fp"),
    (None, "score_not_finite", "smoke"),
)
THRESHOLDS = (0.0, 5e-324, 0.1, 0.3, math.nextafter(0.35, 0), 0.35, math.nextafter(0.35, 1), 0.5, 0.6, math.nextafter(1, 0), 1.0)


def table() -> pa.Table:
    """The rows as a report has them before any threshold."""
    filler: dict[str, Any] = {"source": "pyro-annotator", "decision": "keep", "outcome": "n/a", "triage_bucket": "hold"}
    filler |= {"model_version": "1", "num_frames": 3}
    rows = [
        {
            **filler,
            "key": key_of(index + 1),
            "sequence_id": index + 1,
            "label": label,
            "triage_score": score,
            "hold_reason": reason,
            "num_tubes_kept": 0 if reason == "no_tube" else 1,
        }
        for index, (score, reason, label) in enumerate(ROWS)
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def vectors() -> bytes:
    """The file's content."""
    cases = []
    for threshold in THRESHOLDS:
        result = rebucket(table(), threshold)
        counts = count(result)
        outcomes = result["outcome"].to_pylist()
        cases.append(
            {
                "threshold": threshold,
                "triage_bucket": result["triage_bucket"].to_pylist(),
                "decision": result["decision"].to_pylist(),
                "outcome": outcomes,
                "counts": {"review": counts.review, "unlabeled": counts.unlabeled, "hold": counts.hold},
                "outcomes": {name: outcomes.count(name) for name in sorted(set(outcomes))},
            }
        )
    rows = [
        {"key": key_of(index + 1), "triage_score": score, "hold_reason": reason, "label": label}
        for index, (score, reason, label) in enumerate(ROWS)
    ]
    return dump_json({"format": 1, "made_by": "python -m tests.report.make_vectors", "rows": rows, "cases": cases})


if __name__ == "__main__":
    VECTORS.parent.mkdir(parents=True, exist_ok=True)
    VECTORS.write_bytes(vectors())
