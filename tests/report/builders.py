"""Sequences, predictions and reports by hand, for the tests of the report and what reads it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from triage.predictions import KeptTube, Prediction, TubeEntry
from triage.report import Dropped, Failure, Heading, NoTube, Scored, Summary, build_report
from triage.sequences import Box, Frame, Label, Sequence, key_of

CONFIG = {"manifest": {"variant": "tiny"}, "config": {"tubes": {"min_length": 2}}}


def a_sequence(number: int, *, label: Label = "unknown", frames: int = 3, **more: object) -> Sequence:
    return Sequence(
        key=key_of(number),
        sequence_id=number,
        label=label,
        organization_name="Forêt d'Ardèche",
        camera_name="Cam 1",
        azimuth=45,
        started_at="2026-06-02T00:19:00+00:00",
        frames=tuple(
            Frame(
                file=f"images/detection_{number * 100 + index}.jpg",
                detection_id=number * 100 + index,
                recorded_at=f"2026-06-02T00:19:{index:02d}+00:00",
                bucket_key=f"k/{number}/{index}",
                boxes=(Box((0.1, 0.2, 0.3, 0.4), 0.5, "smoke"),),
            )
            for index in range(frames)
        ),
        **more,  # type: ignore[arg-type]
    )


def a_tube(probability: float | None, *, tube_id: int = 0, logit: float = 1.5) -> KeptTube:
    entries = tuple(TubeEntry(index, (0.2, 0.3, 0.2, 0.2), index == 1, 0.0 if index == 1 else 0.5) for index in range(3))
    return KeptTube(
        tube_id=tube_id,
        start_frame=0,
        end_frame=2,
        logit=logit,
        probability=probability,
        first_crossing_frame=1,
        stabilized_window=(0.2, 0.3, 0.2, 0.2),
        entries=entries,
    )


def a_prediction(*probabilities: float | None, logit: float = 1.5) -> Prediction:
    """One kept tube per probability; none = no kept tube."""
    return Prediction(
        num_frames_input=3,
        num_truncated=0,
        padded_frame_indices=(),
        slots=(0, 1, 2),
        num_candidates=2,
        kept=tuple(a_tube(value, tube_id=index, logit=logit) for index, value in enumerate(probabilities)),
        aggregation="logistic",
        threshold=0.5,
        is_positive=any((value or 0) >= 0.5 for value in probabilities),
        trigger_frame_index=1 if probabilities else None,
        trigger_tube_id=0 if probabilities else None,
    )


def scored(number: int, result: Prediction | Failure, *, label: Label = "unknown", **scores: float | None) -> Scored:
    sequence = a_sequence(number, label=label)
    return Scored(sequence, result, sequence.directory, scores)


def heading(
    threshold: float = 0.35, *, no_tube: NoTube = "hold", calibrated: bool = True, models: tuple[str, ...] = (), variant: str = "tiny-0-1-0"
) -> Heading:
    return Heading(variant, "0.1.0", CONFIG, calibrated, threshold, no_tube, models)


def entries_of_every_kind() -> list[Scored | Dropped]:
    """Two for review, two unlabeled, three held, two dropped; in key order."""
    return [
        scored(10, a_prediction(0.9, 0.2), label="smoke"),
        scored(11, a_prediction(0.35), label="fp"),
        scored(12, a_prediction(0.1), label="fp"),
        scored(13, a_prediction(0.05), label="smoke"),
        scored(14, a_prediction()),
        scored(15, Failure("frame_unreadable", "images/detection_1501.jpg: expected a JPEG, found b'<html>'")),
        scored(16, a_prediction(0.2, float("nan"))),
        Dropped(key_of(17), "no_images", "its meta.json lists no frame"),
        Dropped(key_of(18), "not_scored", "left out by --limit"),
    ]


def write(reports: Path, entries: Iterable[Scored | Dropped] | None = None, **options: object) -> Summary:
    return build_report(reports, "data", heading(**options), entries_of_every_kind() if entries is None else entries)  # type: ignore[arg-type]


def snapshot(root: Path) -> dict[str, bytes]:
    """Every file under `root` by its relative path; lock files are no content."""
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file() and path.suffix != ".lock"}
