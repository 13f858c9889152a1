"""What cameras, disks and detectors can do to a sequence, each with its stated outcome, and never a wrong bucket."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.score.builders import a_jpeg, a_store, add, box
from triage.config import Layout
from triage.errors import BadFrame, BadModel
from triage.report import Failure, ReportReader, verify_report
from triage.score import ScoreSummary
from triage.score.inputs import inputs_for, survey
from triage.sequences import Box, key_of
from triage.store import Store

Run = Callable[..., ScoreSummary]
NAN = float("nan")
GOOD = [a_jpeg(1), a_jpeg(2), a_jpeg(3)]


@pytest.fixture
def store(layout: Layout) -> Store:
    """Two good sequences, so that a bad third never is all there is."""
    return a_store(layout.sequences, 2)


def outcome(run: Run, store: Store, number: int = 9) -> tuple[str, str | None, str | None]:
    """(bucket, reason, detail) of sequence `number`; ("dropped", reason, detail) when it has no row."""
    summary = run()
    reader = ReportReader(summary.report.path)
    assert verify_report(reader.root, store.keys()) == []
    for entry in reader.dropped():
        if entry["sequence_id"] == key_of(number):
            return "dropped", entry["reason"], entry["detail"]
    row = next(row for row in reader.table().to_pylist() if row["key"] == key_of(number))
    return row["triage_bucket"], row["hold_reason"], reader.hold_details().get(key_of(number))


def judged(run: Run, store: Store) -> bool:
    bucket, reason, _ = outcome(run, store)
    return bucket in ("review", "unlabeled") and reason is None


def test_a_frame_that_is_gone_holds_the_sequence_and_is_named(run: Run, store: Store) -> None:
    add(store, 9, GOOD)
    (store.directory(key_of(9)) / "images/detection_9001.jpg").unlink()
    bucket, reason, detail = outcome(run, store)
    assert (bucket, reason) == ("hold", "frame_missing")
    assert detail is not None
    assert detail.startswith("images/detection_9001.jpg: ")


def test_a_frame_that_does_not_decode_holds_the_sequence_and_is_named(run: Run, store: Store) -> None:
    scan = GOOD[1].index(b"\xff\xda")
    undecodable = GOOD[1][: scan - 40] + b"\xff\xda" + bytes(30) + b"\xff\xd9"
    add(store, 9, [GOOD[0], undecodable, GOOD[2]])
    bucket, reason, detail = outcome(run, store)
    assert (bucket, reason) == ("hold", "frame_unreadable")
    assert detail is not None
    assert "images/detection_9001.jpg" in detail


def test_a_frame_that_came_damaged_is_not_judged_as_if_its_rest_were_grey(run: Run, store: Store) -> None:
    half = GOOD[1][: len(GOOD[1]) // 2] + b"\xff\xd9"  # its hash is right and it starts and ends as a JPEG
    add(store, 9, [GOOD[0], half, GOOD[2]])
    assert outcome(run, store) == (
        "hold",
        "frame_unreadable",
        "frame images/detection_9001.jpg: does not decode (Corrupt JPEG data: premature end of data segment); pull the frame again",
    )


@pytest.mark.parametrize("data", [b"", b"<html>not found</html>", GOOD[1][:-200], bytes(500)], ids=["empty", "html", "cut", "zeros"])
def test_a_file_that_is_no_whole_jpeg_holds_the_sequence(run: Run, store: Store, data: bytes) -> None:
    add(store, 9, [GOOD[0], data, GOOD[2]])
    bucket, reason, detail = outcome(run, store)
    assert (bucket, reason) == ("hold", "frame_unreadable")
    assert detail is not None
    assert detail.startswith("images/detection_9001.jpg: ")


def test_a_frame_that_changed_since_it_was_pulled_holds_the_sequence(run: Run, store: Store) -> None:
    add(store, 9, GOOD)
    (store.directory(key_of(9)) / "images/detection_9002.jpg").write_bytes(a_jpeg(99))
    assert outcome(run, store) == (
        "hold",
        "frame_unreadable",
        "images/detection_9002.jpg: its sha256 is not the one in meta.json; remove it and pull again",
    )


def test_a_held_sequence_is_scored_once_its_frame_is_back(run: Run, store: Store) -> None:
    add(store, 9, GOOD)
    path = store.directory(key_of(9)) / "images/detection_9001.jpg"
    path.unlink()
    assert outcome(run, store)[0] == "hold"
    path.write_bytes(GOOD[1])
    assert judged(run, store)


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (Box((NAN, 0.1, 0.3, 0.3), 0.5, "smoke"), "not finite"),
        (Box((0.1, 0.1, float("inf"), 0.3), 0.5, "smoke"), "not finite"),
        (Box((0.1, 0.1, 0.3, 0.3), NAN, "smoke"), "not finite"),
        (Box((0.1, 0.1, 0.3, 0.3), 5.0, "smoke"), "a confidence of 5, expected 0 to 1"),
        (Box((0.1, 0.1, 0.3, 0.3), -0.1, "smoke"), "a confidence of -0.1, expected 0 to 1"),
        (Box((0.5, 0.1, 0.3, 0.3), 0.5, "smoke"), "negative size"),
        (Box((100.0, 100.0, 300.0, 300.0), 0.5, "smoke"), "not normalised"),
    ],
)
def test_a_box_without_sense_holds_the_sequence_and_its_frame_is_named(run: Run, store: Store, bad: Box, problem: str) -> None:
    add(store, 9, GOOD, [(box(),), (box(),), (box(),)])
    path = store.directory(key_of(9)) / "meta.json"
    meta = json.loads(path.read_text())
    meta["frames"][1]["boxes"][0] = {"xyxyn": list(bad.xyxyn), "confidence": bad.confidence, "class_name": "smoke"}
    path.write_text(json.dumps(meta))
    bucket, reason, detail = outcome(run, store)
    assert (bucket, reason) == ("hold", "bad_boxes")
    assert detail is not None
    assert "detection_9001" in detail
    assert problem in detail


@pytest.mark.parametrize(
    "odd",
    [box(0.9, 0.9, 0.3, 0.3), box(-0.2, -0.2, 0.3, 0.3), box(1.5, 1.5, 0.2, 0.2)],
    ids=["over the edge", "over the corner", "outside"],
)
def test_boxes_that_leave_the_image_are_judged_as_the_rules_say(run: Run, store: Store, odd: Box) -> None:
    add(store, 9, GOOD, [(odd,)] * 3)
    assert judged(run, store)


def test_boxes_without_area_link_to_no_tube(run: Run, store: Store) -> None:
    add(store, 9, GOOD, [(box(w=0.0, h=0.0),)] * 3)
    assert outcome(run, store)[:2] == ("hold", "no_tube")


def test_no_box_in_any_frame_is_held_and_never_unlabeled(run: Run, store: Store) -> None:
    add(store, 9, GOOD, [(), (), ()])
    assert outcome(run, store)[:2] == ("hold", "no_tube")


def test_boxes_that_nobody_knows_are_not_taken_for_none(run: Run, store: Store) -> None:
    add(store, 9, GOOD, [(box(),), None, (box(),)])
    assert outcome(run, store)[:2] == ("hold", "boxes_unknown")


def test_a_sequence_without_frames_is_dropped(run: Run, store: Store) -> None:
    add(store, 9, [])
    assert outcome(run, store) == ("dropped", "no_images", "its meta.json lists no frame")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"key": "pyro-annotator_9"}', '{"format": 9}', "\0" * 100])
def test_a_damaged_meta_is_dropped_with_what_is_wrong(run: Run, store: Store, text: str) -> None:
    add(store, 9, GOOD)
    (store.directory(key_of(9)) / "meta.json").write_text(text)
    bucket, reason, detail = outcome(run, store)
    assert (bucket, reason) == ("dropped", "bad_meta")
    assert detail is not None
    assert "seq_9/meta.json" in detail
    assert not detail.startswith("/")


def test_one_frame_is_padded_and_judged(run: Run, store: Store) -> None:
    add(store, 9, GOOD[:1])
    assert judged(run, store)


def test_five_hundred_frames_are_cut_to_what_the_model_takes(run: Run, store: Store) -> None:
    add(store, 9, [GOOD[index % 3] for index in range(500)])
    assert judged(run, store)
    details = ReportReader(run().report.path).details(key_of(9))
    assert details is not None
    assert details["preprocessing"]["num_frames_input"] == 500
    assert details["preprocessing"]["num_truncated"] == 494


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_cmyk_frames_are_judged(run: Run, store: Store, mode: str) -> None:
    add(store, 9, [a_jpeg(index, mode=mode) for index in range(3)])
    assert judged(run, store)


def test_a_frame_with_an_orientation_tag_is_judged(run: Run, store: Store) -> None:
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"  # orientation 6: turned by 90 degrees
    add(store, 8, [a_jpeg(index) for index in range(3)])
    add(store, 9, [a_jpeg(index, exif=exif) for index in range(3)])
    assert judged(run, store)
    rows = {row["key"]: row for row in ReportReader(run().report.path).table().to_pylist()}
    # The tag is for viewers: boxes are drawn on the pixels as they are stored.
    assert rows[key_of(9)]["triage_score"] == rows[key_of(8)]["triage_score"]


def test_a_frame_of_sixteen_megapixels_is_judged(run: Run, store: Store) -> None:
    large = a_jpeg(1, size=(4900, 3300))
    add(store, 9, [large, large])
    assert judged(run, store)


def test_a_store_of_the_earlier_tool_without_hashes_is_scored_and_cached(run: Run, store: Store) -> None:
    add(store, 9, GOOD, hashed=False)
    assert judged(run, store)
    assert run().computed == 0


def test_some_failures_are_counted_by_reason(run: Run, store: Store, tmp_path: Path) -> None:
    add(store, 8, [])
    add(store, 9, [GOOD[0], b"", GOOD[2]])
    assert run().failed == (("frame_unreadable", 1), ("no_images", 1))


def test_a_detector_replaces_boxes_that_nobody_knows(layout: Layout, store: Store) -> None:
    add(store, 9, GOOD, [None] * 3)
    found = survey(store, boxes_needed=False)
    assert set(found.digests) == {key_of(1), key_of(2), key_of(9)}
    failures: dict[str, Failure] = {}
    (item,) = inputs_for(store, [key_of(9)], failures, lambda image: (box(confidence=len(image) / 1e6),))
    assert [frame.boxes[0].confidence for frame in item.frames] == [len(image) / 1e6 for image in GOOD]
    assert failures == {}


def test_an_image_that_the_detector_cannot_read_holds_the_sequence(store: Store) -> None:
    def detect(image: bytes) -> tuple[Box, ...]:
        raise BadFrame("it does not decode")

    failures: dict[str, Failure] = {}
    assert list(inputs_for(store, [key_of(1)], failures, detect)) == []
    assert failures == {key_of(1): Failure("frame_unreadable", "images/detection_1000.jpg: it does not decode")}


def test_asking_for_a_detector_that_the_package_lacks_is_refused(run: Run, store: Store) -> None:
    with pytest.raises(BadModel, match="it has no detector; score with the annotator's boxes instead"):
        run(detector=True)
