"""A report's table as the page wants it: one Arrow IPC stream, columns that a browser can use as typed arrays without converting them.

Pure. Why not the parquet types as they are: 64-bit integers and timestamps become BigInt in a browser, which cannot be put into a
Float64Array without a copy, value by value; repeated names would be decoded once per row.
"""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from triage.report.rows import MODEL_SCORES, SCHEMA

__all__ = ["ARROW_MEDIA_TYPE", "COLUMNS", "epoch_ms", "ipc_stream", "page_table"]

ARROW_MEDIA_TYPE = "application/vnd.apache.arrow.stream"

_DICTIONARY = (
    "source", "label", "decision", "outcome", "triage_bucket", "hold_reason", "model_version", "organization_name", "camera_name",
)  # fmt: skip
_FLOATS = ("triage_score", "score", "probability", "azimuth")
_INTEGERS = ("sequence_id", "num_tubes_kept", "trigger_frame_index", "num_frames", "platform_alert_id")
_TIMES = ("started_at", "last_seen_at")

COLUMNS: tuple[str, ...] = tuple(SCHEMA.names)

_INT32 = np.iinfo(np.int32)


def page_table(table: pa.Table) -> pa.Table:
    """`table` (the columns of `triage.report.rows.SCHEMA`) with the page's types; MODEL_SCORES becomes one float64 column per model."""
    columns = {name: _page_column(table, name) for name in COLUMNS}
    if MODEL_SCORES in table.column_names:
        scores = _whole(table.column(MODEL_SCORES))
        for field in scores.type:
            columns[f"{MODEL_SCORES}.{field.name}"] = pc.cast(pc.struct_field(scores, field.name), pa.float64())
    return pa.table(columns)


def ipc_stream(table: pa.Table) -> bytes:
    """`table` as an Arrow IPC stream with exactly one record batch and whole dictionaries."""
    table = table.combine_chunks()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        batches = table.to_batches(max_chunksize=max(len(table), 1))
        writer.write_batch(batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema))
    return bytes(sink.getvalue())


def epoch_ms(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Times as float64 milliseconds since 1970 UTC; null where there is none or it cannot be read. Text may use a space for the T."""
    array = _whole(column)
    if pa.types.is_timestamp(array.type):
        return _milliseconds(array)
    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        return pa.nulls(len(array), pa.float64())
    try:
        times = pc.cast(array, pa.timestamp("us", tz="UTC"))
    except pa.ArrowInvalid:  # one that cannot be read, or one without an offset, makes arrow refuse them all
        times = pa.array([_one_time(text) for text in array.to_pylist()], pa.timestamp("us", tz="UTC"))
    return _milliseconds(times)


def _milliseconds(times: pa.Array) -> pa.Array:
    return pc.divide(pc.cast(pc.cast(times, pa.timestamp("us", tz="UTC"), safe=False), pa.int64()).cast(pa.float64()), 1000.0)


def _one_time(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _page_column(table: pa.Table, name: str) -> pa.Array:
    column = _whole(table.column(name))
    if name in _TIMES:
        return epoch_ms(column)
    if name in _FLOATS:
        return pc.cast(column, pa.float64(), safe=False)
    if name in _INTEGERS:
        return _small_integer(pc.cast(column, pa.int64(), safe=False))
    text = pc.cast(column, pa.string())
    return text.dictionary_encode() if name in _DICTIONARY else text


def _small_integer(column: pa.Array) -> pa.Array:
    """int32, or float64 when a value does not fit (exact up to 2**53)."""
    bounds = pc.min_max(column)
    low, high = bounds["min"].as_py(), bounds["max"].as_py()
    fits = low is None or (low >= _INT32.min and high <= _INT32.max)
    return pc.cast(column, pa.int32() if fits else pa.float64(), safe=False)


def _whole(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
        if isinstance(column, pa.ChunkedArray):  # an empty one stays chunked
            column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    return column
