"""From what the annotator sent to what the store keeps. Pure: rows in, records out."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from triage.annotator import AnnotationRow, DetectionRow, SequenceRow
from triage.sequences import Box, Frame, Label, Sequence, key_of

__all__ = ["frame_of", "label_of", "sequence_of", "timestamp"]


def timestamp(when: datetime | None) -> str | None:
    """ISO 8601 in UTC, as in every meta.json: `2026-05-01T11:05:00+00:00`."""
    return None if when is None else when.isoformat()


def label_of(annotation: AnnotationRow | None) -> Label:
    """smoke when any object is smoke, fp when all are something else, unknown when nobody said or the annotators were unsure."""
    if annotation is None or annotation.is_unsure:
        return "unknown"
    if annotation.has_smoke or annotation.smoke_types:
        return "smoke"
    return "fp" if annotation.has_false_positives or annotation.false_positive_types else "unknown"


def frame_of(row: DetectionRow) -> Frame:
    """One frame, before its image is there: no hash, no size."""
    boxes = row.algo_predictions
    return Frame(
        file=f"images/detection_{row.id}.jpg",
        detection_id=row.id,
        recorded_at=timestamp(row.recorded_at),
        bucket_key=row.bucket_key,
        boxes=None if boxes is None else tuple(Box(_xyxyn(box.xyxyn), float(box.confidence), box.class_name) for box in boxes.predictions),
    )


def sequence_of(row: SequenceRow, frames: tuple[Frame, ...], stored: Sequence | None) -> Sequence:
    """The record of a row. Of a `stored` one its unknown keys are kept, and its label where the row brings none."""
    said = row.annotation
    base = stored if stored is not None else Sequence(key=key_of(row.id), sequence_id=row.id, frames=())
    labelled = base
    if said is not None:
        labelled = replace(
            base,
            label=label_of(said),
            smoke_types=tuple(said.smoke_types or ()),
            false_positive_types=tuple(said.false_positive_types or ()),
        )
    return replace(
        labelled,
        frames=frames,
        source_api=row.source_api,
        camera_id=row.camera_id,
        camera_name=row.camera_name,
        organization_id=row.organisation_id,
        organization_name=row.organisation_name,
        azimuth=row.azimuth,
        lat=row.lat,
        lon=row.lon,
        started_at=timestamp(row.recorded_at),
        last_seen_at=timestamp(row.last_seen_at),
        platform_alert_id=row.platform_alert_id,
        sequence_group_id=row.sequence_group_id,
        temporal_model_score=row.temporal_model_score,
    )


def _xyxyn(values: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = (float(value) for value in values)
    return x1, y1, x2, y2
