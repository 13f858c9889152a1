"""Which labelled sequences training takes, leaves out, and refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.train.builders import write_sequence
from triage.errors import BadFile, BadInput
from triage.train import gather


def test_labelled_sequences_are_taken_and_the_others_are_counted(make_store: Callable[..., Path]) -> None:
    root = make_store(36)
    write_sequence(root, 90, "unknown", "cam-0")
    write_sequence(root, 91, "fp", "cam-0", boxes=False)
    (root / "sdis" / "cam-0" / "seq_92").mkdir()
    (root / "sdis" / "cam-0" / "seq_92" / "meta.json").write_text("{")
    found = gather([root])
    assert (len(found.items), found.smokes, found.unlabelled, found.without_boxes) == (36, 12, 1, 1)
    assert len(found.damaged) == 1
    assert found.items[0].camera == "sdis/cam-0"


def test_decisions_override_the_labels_of_the_store(make_store: Callable[..., Path]) -> None:
    found = gather([make_store(36)], labels={"pyro-annotator_1": "fp", "pyro-annotator_2": "unknown"})
    assert [one.smoke for one in found.items][:2] == [False, False]
    assert found.unlabelled == 1


def test_excluded_sequences_are_left_out_by_store_and_by_file_of_keys(make_store: Callable[..., Path], tmp_path: Path) -> None:
    root = make_store(42)
    other = make_store(3, name="other")  # the same sequences 1 to 3
    (tmp_path / "keys.csv").write_text("key,label\n4,fp\npyro-annotator_5,fp\n# 6\n")
    assert gather([root], exclude=[other, tmp_path / "keys.csv"]).excluded == 5


def test_training_on_what_will_be_evaluated_is_refused(make_store: Callable[..., Path]) -> None:
    root, later = make_store(36), make_store(2, name="later")
    with pytest.raises(
        BadInput, match=r"2 of the labelled sequences are among those of the evaluation \(first: pyro-annotator_1\).*--exclude"
    ):
        gather([root], evaluation=[later])
    assert len(gather([root], evaluation=[later], exclude=[later], minimum=5).items) == 34


def test_a_sequence_with_the_same_number_from_elsewhere_is_another_one(make_store: Callable[..., Path]) -> None:
    root = make_store(36)
    elsewhere = root.parent / "elsewhere"
    sequence = write_sequence(elsewhere, 1, "fp", "cam-9")
    meta = elsewhere / sequence.directory / "meta.json"
    meta.write_text(meta.read_text().replace("seq_1/0.jpg", "detections/other.jpg"))
    assert len(gather([root], evaluation=[elsewhere]).items) == 36


def test_a_single_class_is_refused(make_store: Callable[..., Path]) -> None:
    labels = {f"pyro-annotator_{number}": "fp" for number in range(1, 37)}
    with pytest.raises(BadInput, match=r"expected sequences labelled smoke and fp, found 0 smoke and 36 fp.*--stage annotated"):
        gather([make_store(36)], labels=labels)


def test_too_few_of_a_class_are_refused_with_the_number_that_is_enough(make_store: Callable[..., Path]) -> None:
    with pytest.raises(BadInput, match="expected at least 10 sequences of each class, found 9 smoke and 18 fp"):
        gather([make_store(27)])


def test_a_store_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="nowhere: expected a store of sequences, found nothing"):
        gather([tmp_path / "nowhere"])
