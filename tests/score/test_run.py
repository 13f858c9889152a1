from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.report.builders import snapshot
from tests.score.builders import CALIBRATOR, a_jpeg, a_package, a_store, add, box
from triage.config import Layout
from triage.errors import BadFile, BadInput, BadModel, BadSetting, Busy
from triage.files import lock
from triage.report import ReportReader, find_report, verify_report
from triage.score import ScoreSummary
from triage.sequences import key_of

Run = Callable[..., ScoreSummary]


def reader(layout: Layout) -> ReportReader:
    return ReportReader(find_report(layout.reports))


def rows(layout: Layout) -> dict[str, dict]:
    return {row["key"]: row for row in reader(layout).table().to_pylist()}


def parts(layout: Layout, kind: str = "part") -> list[Path]:
    return sorted(layout.predictions.glob(f"*/{kind}-*.arrow"))


def test_every_sequence_of_the_store_gets_one_outcome(layout: Layout, run: Run) -> None:
    store = a_store(layout.sequences, 5)
    summary = run()
    assert (summary.report.total, summary.computed, summary.cached, summary.failures) == (5, 5, 0, 0)
    assert verify_report(summary.report.path, store.keys()) == []
    assert all(0 <= row["triage_score"] <= 1 for row in rows(layout).values())


def test_a_second_run_computes_nothing_and_writes_nothing(layout: Layout, run: Run) -> None:
    a_store(layout.sequences, 5)
    run()
    before = snapshot(layout.root)
    summary = run()
    assert (summary.computed, summary.cached, summary.report.files_written) == (0, 5, 0)
    assert snapshot(layout.root) == before


def test_only_what_is_new_or_changed_is_computed(layout: Layout, run: Run) -> None:
    store = a_store(layout.sequences, 4)
    run()
    a_store(layout.sequences, 1, first=9)
    add(store, 2, [a_jpeg(7), a_jpeg(8), a_jpeg(9), a_jpeg(10)])  # it grew
    summary = run()
    assert (summary.computed, summary.cached) == (2, 3)
    assert rows(layout)[key_of(2)]["num_frames"] == 4


def test_a_box_that_moved_is_a_change_and_a_camera_that_was_renamed_is_none(layout: Layout, run: Run) -> None:
    store = a_store(layout.sequences, 2)
    images = [a_jpeg(1), a_jpeg(2)]
    add(store, 7, images)
    run()
    add(store, 7, images, label="smoke")
    assert run().computed == 0
    assert rows(layout)[key_of(7)]["label"] == "smoke"
    add(store, 7, images, [(box(0.31),), (box(),)])
    assert run().computed == 1


def test_an_interrupted_run_goes_on_where_it_stopped_and_ends_with_the_same_bytes(tmp_path: Path, package: Path, run: Run) -> None:
    whole, stopped = Layout(tmp_path / "whole" / "data"), Layout(tmp_path / "stopped" / "data")
    a_store(whole.sequences, 6)
    a_store(stopped.sequences, 6)
    run(layout=whole)
    run(layout=stopped, limit=2)
    assert [entry["reason"] for entry in reader(stopped).dropped()] == ["not_scored"] * 4
    assert run(layout=stopped).computed == 4
    assert snapshot(whole.reports) == snapshot(stopped.reports)


def test_limit_counts_what_is_computed_and_every_sequence_stays_accounted_for(layout: Layout, run: Run) -> None:
    store = a_store(layout.sequences, 5)
    summary = run(limit=2)
    assert (summary.computed, summary.report.total, summary.report.counts.total) == (2, 5, 2)
    assert verify_report(summary.report.path, store.keys()) == []
    again = run(limit=2)
    assert (again.computed, again.cached, again.report.counts.total) == (2, 2, 4)


def test_what_left_the_store_leaves_the_report_but_not_the_predictions(layout: Layout, run: Run) -> None:
    store = a_store(layout.sequences, 3)
    run()
    directory = store.directory(key_of(2))
    directory.rename(layout.root / "aside")
    assert set(rows(layout)) == {key_of(1), key_of(2), key_of(3)}
    assert run().report.total == 2
    assert set(rows(layout)) == {key_of(1), key_of(3)}
    (layout.root / "aside").rename(directory)
    assert run().computed == 0


@pytest.mark.parametrize("position", [0, 100, -1])
def test_a_damaged_part_is_found_and_computed_again(layout: Layout, run: Run, position: int, caplog: pytest.LogCaptureFixture) -> None:
    a_store(layout.sequences, 4)
    run(limit=2)
    run()
    before = snapshot(layout.reports)
    data = bytearray(parts(layout)[0].read_bytes())
    data[position] ^= 0xFF
    parts(layout)[0].write_bytes(data)
    with caplog.at_level(logging.WARNING):
        summary = run()
    assert "damaged, set aside; its sequences are computed again" in caplog.text
    assert (summary.computed, summary.cached) == (2, 2)
    assert snapshot(layout.reports) == before


def test_a_part_that_was_cut_is_computed_again(layout: Layout, run: Run) -> None:
    a_store(layout.sequences, 3)
    run()
    path = parts(layout)[0]
    path.write_bytes(path.read_bytes()[:50])
    assert run().computed == 3


def test_rescore_starts_over_with_the_same_result(layout: Layout, run: Run) -> None:
    a_store(layout.sequences, 3)
    run()
    before = snapshot(layout.root)
    assert run(rescore=True).computed == 3
    assert snapshot(layout.root) == before


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has one")
def test_a_device_that_is_not_there_is_refused_also_when_nothing_is_left_to_compute(layout: Layout, run: Run) -> None:
    a_store(layout.sequences, 1)
    run()
    with pytest.raises(BadSetting, match="device 'cuda': torch does not find one on this machine; use --device auto"):
        run(device="cuda")


def test_two_models_lie_side_by_side(layout: Layout, run: Run, tmp_path: Path) -> None:
    a_store(layout.sequences, 3)
    run()
    other = a_package(tmp_path / "other.zip", backbone_seed=5, version="2.0.0")
    assert run(models=(other,)).computed == 3
    assert run().computed == 0
    assert sorted(path.name for path in layout.reports.iterdir() if path.is_dir()) == ["grain-1-0-0", "grain-2-0-0"]


def test_several_models_at_once_put_their_scores_in_the_rows(layout: Layout, run: Run, package: Path, tmp_path: Path) -> None:
    store = a_store(layout.sequences, 4)
    other = a_package(tmp_path / "other.zip", backbone_seed=5, head_seed=5, version="2.0.0")
    alone, both = run(models=(other,)), run(models=(package, other))
    scores = {row["key"]: row["triage_score"] for row in ReportReader(alone.report.path).table().to_pylist()}
    for row in ReportReader(both.report.path).table().to_pylist():
        assert row["model_scores"] == {"grain-1-0-0": row["triage_score"], "grain-2-0-0": scores[row["key"]]}
    assert both.report.variant == "grain-1-0-0-with-grain-2-0-0"
    assert verify_report(both.report.path, store.keys()) == []


def test_what_bf16_changed_can_be_compared(layout: Layout, run: Run) -> None:
    a_store(layout.sequences, 2)
    exact, rounded = run(), run(precision="bf16")
    assert (exact.report.variant, rounded.report.variant) == ("grain-1-0-0", "grain-1-0-0-bf16")
    scores = [ReportReader(one.report.path).table()["triage_score"].to_pylist() for one in (exact, rounded)]
    assert scores[0] != scores[1]
    assert scores[0] == pytest.approx(scores[1], abs=0.05)


def test_a_decoder_of_the_same_pixels_shares_the_predictions(layout: Layout, run: Run) -> None:
    a_store(layout.sequences, 2)
    run(decode="auto")
    assert run(decode="pillow").computed == 0


def test_the_same_package_twice_is_refused(layout: Layout, run: Run, package: Path) -> None:
    a_store(layout.sequences, 1)
    with pytest.raises(BadSetting, match="the same package is given twice"):
        run(models=(package, package))


def test_without_a_calibrator_everything_is_held(layout: Layout, run: Run, tmp_path: Path) -> None:
    a_store(layout.sequences, 3)
    bare = a_package(tmp_path / "bare.zip", calibrator=None)
    with pytest.raises(BadModel, match="uncalibrated"):
        run(models=(bare,))
    summary = run(models=(bare,), allow_uncalibrated=True, no_tube="unlabel")
    assert summary.report.counts.hold_reasons == (("uncalibrated", 3),)
    assert summary.failures == 0
    assert {row["triage_score"] for row in rows(layout).values()} == {None}
    assert all(row["score"] is not None for row in rows(layout).values())


def test_a_calibrator_that_yields_nan_holds_what_it_touches(layout: Layout, run: Run, tmp_path: Path) -> None:
    store = a_store(layout.sequences, 2)
    two_tubes: list = [(box(0.1, 0.1), box(0.7, 0.7))] * 2
    add(store, 9, [a_jpeg(1), a_jpeg(2)], two_tubes)
    # ln(1 + length) overflows to infinity; with two tubes the last term does too, and their difference is NaN
    broken = {**CALIBRATOR, "coefficients": [0.0, 1.7e308, 0.0, -1.7e308]}
    summary = run(models=(a_package(tmp_path / "nan.zip", calibrator=broken),))
    assert [(row["triage_bucket"], row["hold_reason"], row["triage_score"]) for row in rows(layout).values()] == [
        ("review", None, 1.0),
        ("review", None, 1.0),
        ("hold", "not_finite", None),
    ]
    assert summary.failed == (("not_finite", 1),)


def test_all_failed_is_an_error_that_says_where_to_look(layout: Layout, run: Run) -> None:
    store = a_store(layout.sequences, 2)
    for key in [key_of(1), key_of(2)]:
        (store.directory(key) / store.sequence(key).frames[0].file).unlink()
    with pytest.raises(BadInput, match=r"all 2 sequences failed \(frame_missing 2\); .*hold\.json says why"):
        run()
    assert {row["triage_bucket"] for row in rows(layout).values()} == {"hold"}


def test_an_empty_store_says_what_to_type(layout: Layout, run: Run) -> None:
    with pytest.raises(BadSetting, match="expected a store or a shard directory, found nothing; run `triage pull`"):
        run()
    layout.sequences.mkdir(parents=True)
    with pytest.raises(BadInput, match="no sequence to score; run `triage pull` first"):
        run()


def test_two_runs_with_one_model_do_not_mix(layout: Layout, run: Run) -> None:
    a_store(layout.sequences, 1)
    run()
    directory = next(path for path in layout.predictions.iterdir())
    with lock(directory / ".lock"), pytest.raises(Busy, match="another triage process is writing here"):
        run()


def test_predictions_of_another_model_are_not_taken_for_ours(layout: Layout, run: Run) -> None:
    a_store(layout.sequences, 1)
    run()
    path = next(layout.predictions.glob("*/model.json"))
    path.write_text(json.dumps({**json.loads(path.read_text()), "digest": "0" * 64}))
    with pytest.raises(BadFile, match=r"made by another model, other settings or another version of triage; add --rescore to start over"):
        run()
    assert run(rescore=True).computed == 1
    assert run().computed == 0


def test_the_data_directory_may_lie_anywhere_and_the_report_is_the_same(tmp_path: Path, run: Run) -> None:
    one, two = Layout(tmp_path / "a" / "data"), Layout(tmp_path / "b" / "c" / "data")
    for layout in (one, two):
        store = a_store(layout.sequences, 3)
        (store.directory(key_of(2)) / store.sequence(key_of(2)).frames[1].file).write_bytes(b"<html>")
        run(layout=layout)
    assert snapshot(one.reports) == snapshot(two.reports)
    assert str(tmp_path).encode() not in b"".join(snapshot(one.reports).values())


def test_every_file_of_a_sequence_names_frames_that_are_there(layout: Layout, run: Run) -> None:
    a_store(layout.sequences, 2)
    run()
    frames = reader(layout).sequence(key_of(1))["frames"]
    assert len(frames) == 3
    assert all((layout.root.parent / frame).is_file() for frame in frames)
