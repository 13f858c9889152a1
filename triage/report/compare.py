"""What entered and what left each bucket between two reports. Pure: two tables in, one table out.

Called by `triage compare`. The reports may be of two models, two thresholds, or two days of one queue.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from triage.files import open_atomic
from triage.report.buckets import BUCKETS

__all__ = ["ABSENT", "Comparison", "compare", "write_moves"]

#: The "bucket" of a sequence that one of the reports has no row for.
ABSENT = "absent"

_MOVES: pa.Schema = pa.schema(
    [
        ("key", pa.string()),
        ("sequence_id", pa.int64()),
        ("label", pa.string()),
        ("organization_name", pa.string()),
        ("camera_name", pa.string()),
        ("bucket_a", pa.string()),
        ("bucket_b", pa.string()),
        ("score_a", pa.float64()),
        ("score_b", pa.float64()),
        ("hold_reason_a", pa.string()),
        ("hold_reason_b", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """moves: one row per sequence whose bucket differs, by key. flow: how many went from which bucket to which, those that stayed too."""

    moves: pa.Table
    flow: tuple[tuple[str, str, int], ...]

    def entered(self, bucket: str) -> int:
        """How many are in `bucket` of the second report and were not in the first's."""
        return sum(number for before, after, number in self.flow if after == bucket != before)

    def left(self, bucket: str) -> int:
        """How many were in `bucket` of the first report and are not in the second's."""
        return sum(number for before, after, number in self.flow if before == bucket != after)

    def summary(self) -> dict[str, Any]:
        """Plain data for `--json`."""
        return {
            "moved": self.moves.num_rows,
            "buckets": {bucket: {"entered": self.entered(bucket), "left": self.left(bucket)} for bucket in BUCKETS},
            "flow": [{"from": before, "to": after, "count": number} for before, after, number in self.flow],
            "moves": self.moves.to_pylist(),
        }


def compare(first: pa.Table, second: pa.Table) -> Comparison:
    """Set two reports' rows against each other by key. A row that only one of them has is ABSENT in the other."""
    a = {row["key"]: row for row in _brief(first)}
    b = {row["key"]: row for row in _brief(second)}
    flow: Counter[tuple[str, str]] = Counter()
    moves = []
    for key in sorted(a.keys() | b.keys()):
        before, after = a.get(key), b.get(key)
        named = after or before or {}
        bucket_a = before["triage_bucket"] if before else ABSENT
        bucket_b = after["triage_bucket"] if after else ABSENT
        flow[bucket_a, bucket_b] += 1
        if bucket_a != bucket_b:
            moves.append(
                {
                    **{name: named[name] for name in ("key", "sequence_id", "label", "organization_name", "camera_name")},
                    "bucket_a": bucket_a,
                    "bucket_b": bucket_b,
                    "score_a": before["triage_score"] if before else None,
                    "score_b": after["triage_score"] if after else None,
                    "hold_reason_a": before["hold_reason"] if before else None,
                    "hold_reason_b": after["hold_reason"] if after else None,
                }
            )
    return Comparison(pa.Table.from_pylist(moves, schema=_MOVES), tuple((*pair, number) for pair, number in sorted(flow.items())))


def _brief(table: pa.Table) -> list[dict[str, Any]]:
    names = ("key", "sequence_id", "label", "organization_name", "camera_name", "triage_bucket", "triage_score", "hold_reason")
    rows: list[dict[str, Any]] = table.select(names).to_pylist()
    return rows


def write_moves(comparison: Comparison, path: Path) -> None:
    """The moves as Parquet. Same comparison, same bytes."""
    with open_atomic(path) as file:
        pq.write_table(comparison.moves, file, compression="zstd")
