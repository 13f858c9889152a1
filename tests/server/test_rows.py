"""The page's columns from a report's: types, times as people write them, numbers that do not fit."""

from __future__ import annotations

import pyarrow as pa
import pytest

from triage.report.rows import MODEL_SCORES, SCHEMA
from triage.server.rows import COLUMNS, epoch_ms, ipc_stream, page_table


def table(rows: list[dict[str, object]], extra: pa.Field | None = None) -> pa.Table:
    schema = pa.schema([field.with_nullable(True) for field in SCHEMA])
    return pa.Table.from_pylist(rows, schema=schema if extra is None else schema.append(extra))


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("1970-01-01T00:00:01Z", 1000.0),
        ("1970-01-01T00:00:01+00:00", 1000.0),
        ("1970-01-01 00:00:01+00:00", 1000.0),
        ("1970-01-01T00:00:01.250Z", 1250.0),
        ("1970-01-01T00:00:01", 1000.0),
        ("1970-01-01T02:00:01+02:00", 1000.0),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_times_are_milliseconds_however_they_are_written(text: str | None, milliseconds: float | None) -> None:
    assert epoch_ms(pa.array([text], pa.string())).to_pylist() == [milliseconds]
    assert epoch_ms(pa.array(["1970-01-01T00:00:02Z", text], pa.string())).to_pylist() == [2000.0, milliseconds]


def test_an_empty_report_is_one_empty_batch() -> None:
    reader = pa.ipc.open_stream(ipc_stream(page_table(table([]))))
    (batch,) = list(reader)
    assert (batch.num_rows, tuple(reader.schema.names)) == (0, COLUMNS)


def test_many_chunks_become_one_batch() -> None:
    parts = [table([{"key": f"pyro-annotator_{number}", "sequence_id": number, "camera_name": f"c{number}"}]) for number in range(5)]
    (batch,) = list(pa.ipc.open_stream(ipc_stream(page_table(pa.concat_tables(parts)))))
    assert batch["camera_name"].to_pylist() == ["c0", "c1", "c2", "c3", "c4"]
    assert len(batch["camera_name"].dictionary) == 5


def test_an_id_beyond_32_bits_is_a_float_and_not_wrong() -> None:
    made = page_table(table([{"sequence_id": 2**31}, {"sequence_id": 5}]))
    assert made["sequence_id"].type == pa.float64()
    assert made["sequence_id"].to_pylist() == [float(2**31), 5.0]


def test_scores_of_several_models_become_columns() -> None:
    field = pa.field(MODEL_SCORES, pa.struct([pa.field("a", pa.float64()), pa.field("b", pa.float64())]))
    made = page_table(table([{"key": "k", MODEL_SCORES: {"a": 0.25, "b": None}}], field))
    assert made.column_names[-2:] == [f"{MODEL_SCORES}.a", f"{MODEL_SCORES}.b"]
    assert made[f"{MODEL_SCORES}.a"].to_pylist() == [0.25]
    assert made[f"{MODEL_SCORES}.b"].to_pylist() == [None]
