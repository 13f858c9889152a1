from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from tests.report.builders import a_prediction, scored, write
from triage.report import ReportReader, compare, write_moves
from triage.sequences import key_of


def test_what_entered_and_left_each_bucket_is_listed(tmp_path: Path) -> None:
    first = write(tmp_path / "a", [scored(n, a_prediction(p)) for n, p in [(1, 0.9), (2, 0.1), (3, 0.2), (4, 0.5)]])
    second = write(
        tmp_path / "b",
        [scored(1, a_prediction(0.1)), scored(2, a_prediction(0.2)), scored(3, a_prediction()), scored(5, a_prediction(1.0))],
    )
    comparison = compare(ReportReader(first.path).table(), ReportReader(second.path).table())
    moves = [(row["key"], row["bucket_a"], row["bucket_b"]) for row in comparison.moves.to_pylist()]
    assert moves == [
        (key_of(1), "review", "unlabeled"),
        (key_of(3), "unlabeled", "hold"),
        (key_of(4), "review", "absent"),
        (key_of(5), "absent", "review"),
    ]
    assert (comparison.entered("review"), comparison.left("review")) == (1, 2)
    assert (comparison.entered("unlabeled"), comparison.left("unlabeled")) == (1, 1)
    assert (comparison.entered("hold"), comparison.left("hold")) == (1, 0)
    assert sum(number for _, _, number in comparison.flow) == 5
    assert comparison.summary()["moves"][1]["hold_reason_b"] == "no_tube"


def test_the_moves_are_the_same_bytes_each_time(tmp_path: Path) -> None:
    report = ReportReader(write(tmp_path).path).table()
    other = ReportReader(write(tmp_path / "b", threshold=0.08).path).table()
    write_moves(compare(report, other), tmp_path / "one.parquet")
    write_moves(compare(report, other), tmp_path / "two.parquet")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()
    assert pq.read_table(tmp_path / "one.parquet")["key"].to_pylist() == [key_of(12)]


def test_equal_reports_have_no_moves(tmp_path: Path) -> None:
    report = ReportReader(write(tmp_path).path).table()
    assert compare(report, report).moves.num_rows == 0
