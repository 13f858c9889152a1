from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.report.builders import a_prediction, a_sequence, entries_of_every_kind, scored, snapshot, write
from triage.errors import BadFile, Busy
from triage.files import lock
from triage.report import SCHEMA, Dropped, Failure, ReportReader, Scored, rebucket, rebucket_report, verify_report
from triage.report.rows import row_of, table_of
from triage.report.write import top_files
from triage.sequences import key_of


def read(path: Path):
    return json.loads(path.read_bytes())


def test_every_file_of_the_contract_says_what_it_should(tmp_path: Path) -> None:
    summary = write(tmp_path)
    root = tmp_path / "tiny-0-1-0"
    rows = read(root / "results.json")
    assert [list(row) for row in rows] == [SCHEMA.names] * 7
    assert pq.read_table(root / "results.parquet").to_pylist() == rows
    assert [row["triage_bucket"] for row in rows] == ["review", "review", "unlabeled", "unlabeled", "hold", "hold", "hold"]
    assert read(root / "unlabeled.json") == {
        "format": 1,
        "threshold": 0.35,
        "count": 2,
        "sequence_ids": [13, 12],
        "items": [{"sequence_id": 13, "key": key_of(13), "score": 0.05}, {"sequence_id": 12, "key": key_of(12), "score": 0.1}],
        "bulk_payload": {"sequence_ids": [13, 12], "false_positive_type": "unlabeled", "is_unsure": False, "force": False},
    }
    assert read(root / "review.json")["sequence_ids"] == [10, 11]
    assert [(item["key"], item["reason"]) for item in read(root / "hold.json")["items"]] == [
        (key_of(14), "no_tube"),
        (key_of(15), "frame_unreadable"),
        (key_of(16), "score_not_finite"),
    ]
    assert read(root / "hold.json")["items"][1]["detail"].startswith("images/detection_1501.jpg: expected a JPEG")
    assert [entry["reason"] for entry in read(root / "dropped.json")] == ["no_images", "not_scored"]
    config = read(root / "model_config.json")
    assert (config["threshold"], config["model_version"], config["manifest"]) == (0.35, "0.1.0", {"variant": "tiny"})
    assert read(tmp_path / "latest.json") == {"format": 1, "variant": "tiny-0-1-0"}
    assert summary.total == 9
    assert summary.dropped == (("no_images", 1), ("not_scored", 1))


def test_details_and_sequences_say_how_and_where(tmp_path: Path) -> None:
    write(tmp_path)
    reader = ReportReader(tmp_path / "tiny-0-1-0")
    details = reader.details(key_of(10))
    assert details is not None
    assert details["preprocessing"] == {"num_frames_input": 3, "num_truncated": 0, "padded_frame_indices": [], "slots": [0, 1, 2]}
    assert [tube["probability"] for tube in details["tubes"]["kept"]] == [0.9, 0.2]
    assert details["tubes"]["kept"][0]["entries"][1] == {"frame_idx": 1, "bbox": [0.2, 0.3, 0.2, 0.2], "is_gap": True, "confidence": 0.0}
    assert details["decision"] == {"aggregation": "logistic", "threshold": 0.5, "trigger_tube_id": 0}
    assert reader.details(key_of(15)) is None
    assert reader.sequence(key_of(15))["frames"][0] == "data/01_raw/sequences/foret-d-ardeche/cam-1/seq_15/images/detection_1500.jpg"
    with pytest.raises(BadFile, match="no sequence pyro-annotator_17"):
        reader.sequence(key_of(17))


def test_a_number_that_is_not_finite_is_null_on_disk(tmp_path: Path) -> None:
    write(tmp_path, [scored(16, a_prediction(0.2, float("nan"), logit=float("inf")))])
    details = ReportReader(tmp_path / "tiny-0-1-0").details(key_of(16))
    assert details is not None
    assert [(tube["logit"], tube["probability"]) for tube in details["tubes"]["kept"]] == [(None, 0.2), (None, None)]


def test_the_same_input_gives_the_same_bytes_and_writes_nothing(tmp_path: Path) -> None:
    write(tmp_path / "a")
    write(tmp_path / "b")
    assert snapshot(tmp_path / "a") == snapshot(tmp_path / "b")
    assert write(tmp_path / "a").files_written == 0


def test_a_new_threshold_rewrites_only_the_files_about_all_rows_and_comes_back_to_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path)
    before = snapshot(tmp_path)
    summary = rebucket_report(tmp_path, "tiny-0-1-0", 0.08)
    assert (summary.counts.review, summary.counts.unlabeled, summary.counts.hold) == (3, 1, 3)
    changed = {name for name, data in snapshot(tmp_path).items() if before.get(name) != data}
    top = ("model_config.json", "results.json", "results.parquet", "review.json", "unlabeled.json", "hold.json")
    assert changed == {f"tiny-0-1-0/{name}" for name in top}
    rebucket_report(tmp_path, "tiny-0-1-0", 0.35)
    assert snapshot(tmp_path) == before


def test_rebucketing_gives_the_bytes_that_scoring_at_that_threshold_gives(tmp_path: Path) -> None:
    write(tmp_path / "a", threshold=0.08, no_tube="unlabel")
    write(tmp_path / "b")
    rebucket_report(tmp_path / "b", "tiny-0-1-0", 0.08, "unlabel")
    assert snapshot(tmp_path / "a") == snapshot(tmp_path / "b")


def test_the_no_tube_rule_of_a_report_is_kept_when_only_the_threshold_changes(tmp_path: Path) -> None:
    write(tmp_path, no_tube="unlabel")
    rebucket_report(tmp_path, "tiny-0-1-0", 0.5)
    reader = ReportReader(tmp_path / "tiny-0-1-0")
    assert reader.model_config()["no_tube"] == "unlabel"
    assert key_of(14) in [item["key"] for item in reader.worklist("unlabeled")["items"]]


def test_what_an_earlier_run_left_is_removed(tmp_path: Path) -> None:
    write(tmp_path)
    write(tmp_path, entries_of_every_kind()[:2])
    root = tmp_path / "tiny-0-1-0"
    assert sorted(path.name for path in (root / "details").iterdir()) == [f"{key_of(10)}.json", f"{key_of(11)}.json"]
    assert verify_report(root, [key_of(10), key_of(11)]) == []


class Killed(BaseException):
    """Stands for a kill: no handler of ours catches it."""


@pytest.mark.parametrize("after", range(9))
def test_a_run_that_ends_between_two_rows_leaves_the_old_report_or_none_that_lies(tmp_path: Path, after: int) -> None:
    write(tmp_path / "r")
    changed = [scored(10, a_prediction(0.01), label="smoke"), *entries_of_every_kind()[1:]]

    def interrupted():
        for number, entry in enumerate(changed):
            if number == after:
                raise Killed
            yield entry

    with pytest.raises(Killed):
        write(tmp_path / "r", interrupted())
    root = tmp_path / "r" / "tiny-0-1-0"
    if after == 0:
        assert verify_report(root) == []
    else:
        assert "no finished report" in str(verify_report(root)[0])
    write(tmp_path / "r", changed)
    write(tmp_path / "fresh", changed)
    assert snapshot(tmp_path / "r") == snapshot(tmp_path / "fresh")


def test_rows_that_are_only_added_leave_the_old_report_readable_meanwhile(tmp_path: Path) -> None:
    entries = entries_of_every_kind()
    write(tmp_path, entries[:2])

    def interrupted():
        yield from entries[:4]
        raise Killed

    with pytest.raises(Killed):
        write(tmp_path, interrupted())
    assert ReportReader(tmp_path / "tiny-0-1-0").table().num_rows == 2


def test_a_kill_between_the_renames_is_noticed_by_readers_and_finished_by_the_next_writer(tmp_path: Path) -> None:
    write(tmp_path / "old")
    write(tmp_path / "new", threshold=0.08)
    old, new = tmp_path / "old" / "tiny-0-1-0", tmp_path / "new" / "tiny-0-1-0"
    staging = old / ".part-staging"
    staging.mkdir()
    for name in ("dropped.json", "hold.json", "review.json", "unlabeled.json", "results.json", "model_config.json"):
        (staging / name).write_bytes((new / name).read_bytes())
    (old / "results.parquet").write_bytes((new / "results.parquet").read_bytes())  # the one rename that took place
    with pytest.raises(BadFile, match=r"not the one that model_config\.json belongs to"):
        ReportReader(old).table()
    rebucket_report(tmp_path / "old", "tiny-0-1-0", 0.08)
    assert snapshot(tmp_path / "old") == snapshot(tmp_path / "new")


def test_two_writers_do_not_mix(tmp_path: Path) -> None:
    with lock(tmp_path / ".tiny-0-1-0.lock"), pytest.raises(Busy, match="another triage process"):
        write(tmp_path)


def test_entries_out_of_order_are_our_bug(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="out of order: pyro-annotator_10 after pyro-annotator_11"):
        write(tmp_path, [scored(11, a_prediction(0.1)), scored(10, a_prediction(0.1))])


def test_several_models_put_disagreements_first_in_review(tmp_path: Path) -> None:
    entries = [
        scored(1, a_prediction(0.99), a=0.99, b=0.98),
        scored(2, a_prediction(0.40), a=0.40, b=0.30),
        scored(3, a_prediction(0.90), a=0.90, b=0.01),
        scored(4, a_prediction(0.50), a=0.50, b=None),
        scored(5, a_prediction(0.10), a=0.10, b=0.90),
    ]
    write(tmp_path, entries, models=("a", "b"))
    reader = ReportReader(tmp_path / "tiny-0-1-0")
    review = reader.worklist("review")
    assert review["sequence_ids"] == [3, 2, 1, 4]
    assert [item["disagree"] for item in review["items"]] == [True, True, False, False]
    assert reader.table()["model_scores"].to_pylist()[3] == {"a": 0.5, "b": None}
    assert verify_report(reader.root) == []
    rebucket_report(tmp_path, "tiny-0-1-0", 0.2)
    assert ReportReader(tmp_path / "tiny-0-1-0").worklist("review")["sequence_ids"] == [3, 1, 4, 2]


def test_names_from_the_annotator_are_text_and_stay_as_they_are(tmp_path: Path) -> None:
    sequence = a_sequence(1, platform_alert_id=7, last_seen_at="x")
    write(tmp_path, [Scored(sequence, Failure("predict_failed", "été <b>\n"), sequence.directory, {})])
    row = ReportReader(tmp_path / "tiny-0-1-0").table().to_pylist()[0]
    assert (row["organization_name"], row["azimuth"], row["platform_alert_id"]) == ("Forêt d'Ardèche", 45.0, 7)


def test_an_empty_report_is_a_report(tmp_path: Path) -> None:
    assert write(tmp_path, [Dropped(key_of(1), "no_images", "")]).total == 1
    assert verify_report(tmp_path / "tiny-0-1-0", [key_of(1)]) == []


def test_how_the_rows_came_together_does_not_show_in_the_bytes(tmp_path: Path) -> None:
    """More keys than one dictionary of Parquet holds (a megabyte), in one piece and in many: where it gives up depends on the pieces."""
    row = rebucket(table_of([row_of(scored(1, a_prediction(0.5)), model_version="1", calibrated=True)]), 0.35)
    keys = pa.array([key_of(1_000_000 + number) for number in range(50_000)])
    whole = row.take(pa.array([0] * len(keys))).set_column(0, row.schema.field("key"), keys)
    pieces = pa.concat_tables([whole.slice(start, 4096) for start in range(0, whole.num_rows, 4096)])
    (tmp_path / "whole").mkdir()
    (tmp_path / "pieces").mkdir()
    for name, table in (("whole", whole), ("pieces", pieces)):
        top_files(tmp_path / name, table, 0.35, [], {})
    assert snapshot(tmp_path / "whole") == snapshot(tmp_path / "pieces")
