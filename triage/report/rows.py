"""The rows of a report: one per sequence that was scored. The schema is stated here and nowhere else; pure, no I/O.

`results.parquet` has these columns in this order, `results.json` the same keys. docs/report.md is compared with SCHEMA by a test.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from triage.predictions import Prediction
from triage.report.buckets import hold_reason
from triage.sequences import Sequence

__all__ = ["DROP_REASONS", "MODEL_SCORES", "SCHEMA", "Dropped", "Failure", "Scored", "conform", "finite", "json_row", "row_of", "table_of"]

SCHEMA: pa.Schema = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("sequence_id", pa.int64(), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        pa.field("decision", pa.string(), nullable=False),
        pa.field("outcome", pa.string(), nullable=False),
        pa.field("triage_score", pa.float64()),
        pa.field("triage_bucket", pa.string(), nullable=False),
        pa.field("hold_reason", pa.string()),
        pa.field("model_version", pa.string(), nullable=False),
        pa.field("score", pa.float64()),
        pa.field("probability", pa.float64()),
        pa.field("num_tubes_kept", pa.int32()),
        pa.field("trigger_frame_index", pa.int32()),
        pa.field("num_frames", pa.int32(), nullable=False),
        pa.field("organization_name", pa.string()),
        pa.field("camera_name", pa.string()),
        pa.field("azimuth", pa.float64()),
        pa.field("started_at", pa.string()),
        pa.field("last_seen_at", pa.string()),
        pa.field("platform_alert_id", pa.int64()),
    ]
)

#: The column that a report of several models has besides: what each model says (a struct with one float64 per model; null = no score).
MODEL_SCORES = "model_scores"


#: Why a sequence of the store has no row, in the words that people read.
DROP_REASONS: dict[str, str] = {
    "no_images": "its meta.json lists no frame",
    "bad_meta": "its meta.json is damaged; pull it again",
    "not_scored": "left out by --limit",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """The model could not judge a sequence: it is held. reason: one of HOLD_REASONS; detail: one line, no absolute path."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Scored:
    """One sequence that was given to the model, and what came of it.

    directory: where its frames lie, relative to the store's `sequences` directory. model_scores: several models' probabilities by the
    model's name, None where it gives none; empty = one model.
    """

    sequence: Sequence
    result: Prediction | Failure
    directory: str
    model_scores: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Dropped:
    """A sequence of the store without a row: it was never given to the model. reason: one of DROP_REASONS."""

    key: str
    reason: str
    detail: str


def row_of(entry: Scored, *, model_version: str, calibrated: bool) -> dict[str, Any]:
    """The columns that do not depend on the threshold; `triage.report.buckets.rebucket` fills in the others.

    score: the largest logit, None when any is not finite. num_tubes_kept: 0 = the model looked and kept none, None = it could not look.
    """
    sequence, result = entry.sequence, entry.result
    row: dict[str, Any] = {
        "key": sequence.key,
        "source": sequence.source,
        "sequence_id": sequence.sequence_id,
        "label": sequence.label,
        "decision": "keep",
        "outcome": "n/a",
        "triage_score": None,
        "triage_bucket": "hold",
        "hold_reason": None,
        "model_version": model_version,
        "score": None,
        "probability": None,
        "num_tubes_kept": None,
        "trigger_frame_index": None,
        "num_frames": len(sequence.frames),
        "organization_name": sequence.organization_name,
        "camera_name": sequence.camera_name,
        "azimuth": None if sequence.azimuth is None else float(sequence.azimuth),
        "started_at": sequence.started_at,
        "last_seen_at": sequence.last_seen_at,
        "platform_alert_id": sequence.platform_alert_id,
    }
    if isinstance(result, Failure):
        row["hold_reason"] = result.reason
    else:
        row["hold_reason"] = hold_reason(result, calibrated=calibrated)
        row["triage_score"] = row["probability"] = result.probability if row["hold_reason"] is None else None
        row["score"] = result.logit if all(math.isfinite(tube.logit) for tube in result.kept) else None
        row["num_tubes_kept"] = len(result.kept)
        row["trigger_frame_index"] = result.trigger_frame_index
    if entry.model_scores:
        row[MODEL_SCORES] = {name: finite(value) for name, value in sorted(entry.model_scores.items())}
    return row


def finite(value: float | None) -> float | None:
    """`value`, or None when it is not a number that JSON could hold."""
    return value if value is not None and math.isfinite(value) else None


def table_of(rows: Seq[Mapping[str, Any]], models: Seq[str] = ()) -> pa.Table:
    """Rows as a table of SCHEMA, with MODEL_SCORES when several models are named."""
    schema = SCHEMA
    if models:
        schema = schema.append(pa.field(MODEL_SCORES, pa.struct([pa.field(name, pa.float64()) for name in sorted(models)])))
    return pa.Table.from_pylist(list(rows), schema=schema)


def conform(table: pa.Table) -> pa.Table:
    """A table that another version or the earlier tool wrote, as SCHEMA says: missing columns are null, unknown ones are dropped.

    Raises ValueError (pa.ArrowInvalid) or KeyError-free ArrowNotImplementedError when a column's values cannot be of its type.
    """
    columns = [
        table[field.name].cast(field.type) if field.name in table.column_names else pa.nulls(table.num_rows, field.type) for field in SCHEMA
    ]
    fields = [field.with_nullable(True) if column.null_count else field for field, column in zip(SCHEMA, columns, strict=True)]
    if MODEL_SCORES in table.column_names:
        fields.append(table.schema.field(MODEL_SCORES))
        columns.append(table[MODEL_SCORES])
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def json_row(row: Mapping[str, Any]) -> str:
    """One row of results.json, on one line."""
    return json.dumps(row, ensure_ascii=False, allow_nan=False)
