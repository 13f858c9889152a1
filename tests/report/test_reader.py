from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.report.builders import write
from triage.errors import BadFile, BadSetting
from triage.files import write_json
from triage.report import SCHEMA, ReportReader, find_report, rebucket, rebucket_report
from triage.sequences import key_of


def test_the_report_written_last_is_the_default(tmp_path: Path) -> None:
    write(tmp_path, variant="one")
    write(tmp_path, variant="two")
    assert find_report(tmp_path).name == "two"
    assert find_report(tmp_path, "one").name == "one"


def test_no_report_yet_says_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="no report here; run `triage score` first"):
        find_report(tmp_path)


def test_a_variant_that_is_not_there_is_set_against_those_that_are(tmp_path: Path) -> None:
    write(tmp_path, variant="one")
    with pytest.raises(BadFile, match="no finished report 'three'; there is one"):
        find_report(tmp_path, "three")


@pytest.mark.parametrize("key", ["../../etc/passwd", "pyro-annotator_1/../../x", "pyro-annotator_", "pyro-annotator_١"])
def test_a_key_can_name_nothing_but_a_row(tmp_path: Path, key: str) -> None:
    reader = ReportReader(write(tmp_path).path)
    with pytest.raises(BadFile, match="expected 'pyro-annotator_<number>'"):
        reader.details(key)


def test_a_report_of_the_earlier_tool_reads_with_what_it_lacks_as_null(tmp_path: Path) -> None:
    root = tmp_path / "old"
    root.mkdir()
    old = {"key": [key_of(1), key_of(2)], "source": ["pyro-annotator"] * 2, "sequence_id": [1, 2], "label": ["unknown"] * 2}
    old |= {"decision": ["keep", "discard"], "outcome": ["n/a"] * 2, "triage_score": [0.8, 0.0], "triage_bucket": ["review", "unlabeled"]}
    old |= {"model_version": ["0.2.0"] * 2, "num_tubes_kept": [1, 0], "num_frames": [3, 3], "something_new": ["a", "b"]}
    pq.write_table(pa.table(old), root / "results.parquet")
    write_json(root / "model_config.json", {"threshold": 0.35, "model_version": "0.2.0"})
    reader = ReportReader(root)
    table = reader.table()
    assert table.schema.names == SCHEMA.names
    assert table["hold_reason"].to_pylist() == [None, None]
    assert reader.threshold == 0.35
    assert rebucket(table, 0.35)["triage_bucket"].to_pylist() == ["review", "hold"]
    assert rebucket(table, 0.35, "unlabel")["triage_bucket"].to_pylist() == ["review", "unlabeled"]


def test_a_damaged_table_is_one_clear_error(tmp_path: Path) -> None:
    root = tmp_path / "old"
    root.mkdir()
    (root / "results.parquet").write_bytes(b"PAR1 not really")
    write_json(root / "model_config.json", {"threshold": 0.35})
    with pytest.raises(BadFile, match=r"results\.parquet: expected a report's columns, found damage"):
        ReportReader(root).table()


def test_a_threshold_out_of_range_touches_nothing(tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(BadSetting, match="expected a number from 0 to 1"):
        rebucket_report(tmp_path, "tiny-0-1-0", 35)
    assert ReportReader(tmp_path / "tiny-0-1-0").threshold == 0.35
