"""Reading a report and its labels: every label is used or counted."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from triage.errors import BadFile
from triage.evaluation import fingerprint, pack_fingerprints, read_labels, read_report, unpack_fingerprints
from triage.sequences import Frame, Sequence


def test_a_null_score_is_held_not_zero(write_report: Callable[..., Path]) -> None:
    labelled = read_report(write_report([(2, "fp", None, "sdis", "a"), (1, "smoke", 0.8, "sdis", "b")]))
    assert labelled.sample.keys == ("pyro-annotator_1", "pyro-annotator_2")
    assert labelled.sample.score[0] == 0.8
    assert math.isnan(labelled.sample.score[1])
    assert labelled.sample.cameras == ("sdis/b", "sdis/a")


def test_rows_without_a_label_are_counted_and_not_measured(write_report: Callable[..., Path]) -> None:
    labelled = read_report(write_report([(1, "smoke", 0.8, "sdis", "a"), (2, "unknown", 0.1, "sdis", "a")]))
    assert labelled.sample.keys == ("pyro-annotator_1",)
    assert (labelled.coverage.rows, labelled.coverage.labelled, labelled.coverage.unlabelled) == (2, 1, 1)


def test_labels_of_a_csv_add_override_and_are_counted_when_unmatched(write_report: Callable[..., Path], tmp_path: Path) -> None:
    report = write_report([(1, "smoke", 0.8, "sdis", "a"), (2, "unknown", 0.1, "sdis", "a"), (3, "fp", 0.2, "sdis", "a")])
    (tmp_path / "labels.csv").write_text("key,label,note\npyro-annotator_1,fp,\n2,smoke,\n99,fp,\n3,fp,\n")
    labelled = read_report(report, labels=tmp_path / "labels.csv")
    assert dict(zip(labelled.sample.keys, labelled.sample.smoke.tolist(), strict=True)) == {
        "pyro-annotator_1": False,
        "pyro-annotator_2": True,
        "pyro-annotator_3": False,
    }
    assert labelled.coverage.labels_overriding == ("pyro-annotator_1",)
    assert labelled.coverage.labels_unmatched == ("pyro-annotator_99",)


def test_a_label_unknown_in_the_csv_takes_a_sequence_out_of_the_measure(write_report: Callable[..., Path], tmp_path: Path) -> None:
    report = write_report([(1, "smoke", 0.8, "sdis", "a"), (2, "fp", 0.1, "sdis", "a")])
    (tmp_path / "labels.csv").write_text("key,label\n1,unknown\n")
    labelled = read_report(report, labels=tmp_path / "labels.csv")
    assert labelled.sample.keys == ("pyro-annotator_2",)
    assert labelled.coverage.labels_overriding == ("pyro-annotator_1",)


def test_types_come_from_the_store(write_report: Callable[..., Path], write_meta: Callable[..., Path]) -> None:
    report = write_report([(1, "fp", 0.2, "sdis", "a"), (2, "smoke", 0.9, "sdis", "a")])
    write_meta(1, "sdis", "a", label="fp", false_positive_types=["antenna", "rain"])
    store = write_meta(2, "sdis", "a", label="smoke", smoke_types=["wildfire"])
    assert read_report(report, store=store).sample.types == (("antenna", "rain"), ("wildfire",))
    assert read_report(report).sample.types == ((), ())


def test_a_camera_that_was_renamed_is_still_checked_against_the_training(
    write_report: Callable[..., Path], write_meta: Callable[..., Path]
) -> None:
    seen = fingerprint(Sequence("pyro-annotator_1", 1, (Frame("images/detection_1.jpg", 1, None, None, sha256=f"{1:064x}"),)))
    config = {"threshold": 0.35, "manifest": {"provenance": {"training": {"fingerprints": pack_fingerprints([seen])}}}}
    report = write_report([(1, "fp", 0.2, "sdis", "its new name")], config)
    labelled = read_report(report, store=write_meta(1, "sdis", "its old name", label="fp", false_positive_types=["rain"]))
    assert labelled.trained_on == ("pyro-annotator_1",)
    assert labelled.unchecked == 0
    assert labelled.sample.types == (("rain",),)


def test_a_dropped_sequence_with_a_label_is_counted_as_dropped(write_report: Callable[..., Path], write_meta: Callable[..., Path]) -> None:
    dropped = [{"sequence_id": "pyro-annotator_7", "reason": "no_images", "detail": ""}]
    report = write_report([(1, "fp", 0.2, "sdis", "a")], dropped=dropped)
    store = write_meta(7, "sdis", "b", label="smoke")
    labelled = read_report(report, store=store)
    assert labelled.sample.dropped.tolist() == [False, True]
    assert (labelled.coverage.rows, labelled.coverage.labelled, labelled.coverage.unlabelled, labelled.coverage.dropped) == (1, 1, 0, 1)


def test_sequences_that_the_model_was_trained_on_are_recognised(write_report: Callable[..., Path], write_meta: Callable[..., Path]) -> None:
    seen = fingerprint(Sequence("pyro-annotator_1", 1, (Frame("images/detection_1.jpg", 1, None, None, sha256=f"{1:064x}"),)))
    config = {"threshold": 0.35, "manifest": {"provenance": {"training": {"fingerprints": pack_fingerprints([seen])}}}}
    report = write_report([(1, "fp", 0.2, "sdis", "a"), (2, "smoke", 0.9, "sdis", "a"), (3, "fp", 0.1, "sdis", "a")], config)
    write_meta(1, "sdis", "a")
    store = write_meta(2, "sdis", "a")
    labelled = read_report(report, store=store)
    assert labelled.trained_on == ("pyro-annotator_1",)
    assert labelled.unchecked == 1


def test_fingerprints_survive_packing_and_a_sequence_that_grew_keeps_its_own() -> None:
    first, second = Frame("images/detection_1.jpg", 1, "t1", "k1"), Frame("images/detection_2.jpg", 2, "t2", "k2")
    short, grown = Sequence("pyro-annotator_5", 5, (first,)), Sequence("pyro-annotator_5", 5, (first, second))
    other = Sequence("pyro-annotator_5", 5, (second,))
    assert fingerprint(short) == fingerprint(grown) != fingerprint(other)
    packed = {"provenance": {"training": {"fingerprints": pack_fingerprints([fingerprint(short), fingerprint(other)])}}}
    assert unpack_fingerprints(packed) == {fingerprint(short), fingerprint(other)}
    assert unpack_fingerprints({"provenance": None}) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sequence,label\n1,smoke\n", "expected a header with the columns key,label, found sequence,label"),
        ("key,label\n1,fire\n", "line 2: label must be smoke, fp or unknown, found 'fire'"),
        ("key,label\nseq_1,smoke\n", "line 2: sequence key 'seq_1'"),
        ("key,label\n1,smoke\n1,fp\n", "line 3: pyro-annotator_1 is labelled smoke above and fp here"),
    ],
)
def test_a_wrong_csv_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(BadFile, match=message):
        read_labels(tmp_path / "labels.csv")


def test_a_missing_or_damaged_report_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="there is no report here; run 'triage score' first"):
        read_report(tmp_path)
    (tmp_path / "results.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(BadFile, match="expected a Parquet file, found damage"):
        read_report(tmp_path)
