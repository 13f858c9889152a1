"""Each promise of a report, broken by hand, is found and named."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.report.builders import write
from triage.files import write_json
from triage.report import verify_report
from triage.sequences import key_of

STORE = [key_of(number) for number in range(10, 19)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write(tmp_path).path


def edit(root: Path, name: str, change: Callable) -> None:
    content = json.loads((root / name).read_bytes())
    change(content)
    write_json(root / name, content)
    rehash(root)


def rehash(root: Path) -> None:
    """Write the marker anew, so that the check must look deeper than hashes."""
    config = json.loads((root / "model_config.json").read_bytes())
    config["files"] = {name: hashlib.sha256((root / name).read_bytes()).hexdigest() for name in config["files"]}
    write_json(root / "model_config.json", config)


def edit_column(root: Path, name: str, values: list) -> None:
    table = pq.read_table(root / "results.parquet")
    at = table.schema.get_field_index(name)
    table = table.set_column(at, table.schema.field(at), pa.array(values, table.schema.field(at).type))
    pq.write_table(table, root / "results.parquet")
    (root / "results.json").write_text(json.dumps(table.to_pylist()))
    rehash(root)


def found(root: Path, keys: list[str] | None = None) -> str:
    return "\n".join(str(problem) for problem in verify_report(root, keys))


def test_a_report_as_written_has_no_problem(root: Path) -> None:
    assert verify_report(root, STORE) == []


def test_a_sequence_of_the_store_that_is_nowhere_is_named(root: Path) -> None:
    assert f"1 sequences of the store are in none of review, unlabeled, hold, dropped; run `triage score` ({key_of(99)})" in found(
        root, [*STORE, key_of(99)]
    )


def test_a_sequence_that_left_the_store_is_named(root: Path) -> None:
    assert f"1 sequences are no longer in the store; run `triage score` ({key_of(18)})" in found(root, STORE[:-1])


def test_a_sequence_in_two_places_is_named(root: Path) -> None:
    edit(root, "dropped.json", lambda dropped: dropped.append({"sequence_id": key_of(10), "reason": "no_images", "detail": ""}))
    assert f"dropped.json: sequences that have a row, or are listed twice ({key_of(10)})" in found(root)


def test_a_held_sequence_smuggled_into_the_unlabel_payload_is_found(root: Path) -> None:
    edit(root, "unlabeled.json", lambda content: content["bulk_payload"]["sequence_ids"].append(14))
    assert "unlabeled.json: bulk_payload: expected" in found(root)


@pytest.mark.parametrize("name", ["review", "unlabeled", "hold"])
def test_a_worklist_that_lacks_an_item_is_found(root: Path, name: str) -> None:
    edit(root, f"{name}.json", lambda content: content["items"].pop())
    assert f"{name}.json: items: expected" in found(root)


def test_a_row_in_the_wrong_bucket_is_found(root: Path) -> None:
    edit_column(root, "triage_bucket", ["review", "unlabeled", "unlabeled", "unlabeled", "hold", "hold", "hold"])
    assert f"triage_bucket: expected 'review' by the rule for buckets, found 'unlabeled' ({key_of(11)})" in found(root)


def test_a_score_that_is_not_the_largest_of_its_tubes_is_found(root: Path) -> None:
    edit_column(root, "triage_score", [0.8, 0.35, 0.1, 0.05, None, None, None])
    assert f"details/{key_of(10)}.json: expected the row's score 0.8 as largest probability, found 0.9" in found(root)


def test_an_outcome_that_is_not_a_word_of_ours_is_found(root: Path) -> None:
    edit_column(root, "outcome", ["kept"] * 7)
    assert "outcome: expected one of n/a, kept-smoke, discarded-fp, kept-fp, discarded-smoke, found ['kept']" in found(root)


def test_a_key_that_is_not_of_its_id_is_found(root: Path) -> None:
    edit_column(root, "sequence_id", [10, 11, 12, 13, 14, 15, 61])
    assert f"sequence_id does not belong to the key ({key_of(16)})" in found(root)


def test_json_and_parquet_that_differ_are_found(root: Path) -> None:
    edit(root, "results.json", lambda rows: rows[2].update(camera_name="another"))
    assert f"results.json: expected the 7 rows of results.parquet, found 7 with differences ({key_of(12)})" in found(root)


def test_a_column_of_another_type_is_found(root: Path) -> None:
    table = pq.read_table(root / "results.parquet")
    at = table.schema.get_field_index("sequence_id")
    pq.write_table(table.set_column(at, "sequence_id", table["sequence_id"].cast(pa.string())), root / "results.parquet")
    rehash(root)
    assert "results.parquet: column sequence_id: expected int64, found string" in found(root)


def test_files_that_are_missing_or_belong_to_no_row_are_named(root: Path) -> None:
    (root / "details" / f"{key_of(10)}.json").rename(root / "details" / f"{key_of(77)}.json")
    (root / "sequences" / f"{key_of(11)}.json").unlink()
    text = found(root)
    assert f"details: expected a file for each of 6 rows, 1 are missing ({key_of(10)})" in text
    assert f"details: 1 files belong to no row ({key_of(77)})" in text
    assert f"sequences: expected a file for each of 7 rows, 1 are missing ({key_of(11)})" in text


@pytest.mark.parametrize("name", ["results.json", "results.parquet", "review.json", "unlabeled.json", "hold.json", "dropped.json"])
def test_a_changed_byte_in_any_file_about_all_rows_is_found(root: Path, name: str) -> None:
    data = bytearray((root / name).read_bytes())
    data[len(data) // 2] ^= 1
    (root / name).write_bytes(bytes(data))
    assert name in found(root)


def test_a_report_without_its_marker_is_unfinished(root: Path) -> None:
    (root / "model_config.json").unlink()
    assert "no finished report (model_config.json is missing); run `triage score` again" in found(root)


def test_a_report_of_an_unknown_format_is_not_guessed_at(root: Path) -> None:
    write_json(root / "model_config.json", {"format": 2})
    assert "expected format 1, found 2; upgrade triage to read it" in found(root)
