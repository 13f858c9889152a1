"""The JSON shapes of the annotator's answers, key by key as recorded from the running server (shared examples; compared in a test)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from triage.demo.table import Row, Verdict, created_at, parse_time
from triage.sequences import Box, Frame

__all__ = [
    "Json",
    "alert_json",
    "detection_json",
    "group_json",
    "page_json",
    "range_error",
    "sequence_json",
    "sql_time",
    "verdict_json",
    "zulu",
]

#: One JSON object of the wire.
Json = dict[str, Any]

CONTRIBUTOR: Json = {"id": 1, "username": "admin"}


def zulu(when: datetime | None) -> str | None:
    """`2026-05-01T11:05:00Z`, with microseconds when there are any."""
    return None if when is None else when.isoformat().replace("+00:00", "Z")


def sql_time(when: datetime | None) -> str | None:
    """`2026-05-01 11:05:00+00:00`: what the server sends when annotations are included."""
    return None if when is None else when.isoformat(sep=" ")


def page_json(items: list[Json], total: int, page: int, size: int, *, with_annotation: bool = False) -> Json:
    """One page. The order of the keys differs, as it does there, when annotations are included."""
    pages = -(-total // size)
    if with_annotation:
        return {"items": items, "page": page, "pages": pages, "size": size, "total": total}
    return {"items": items, "total": total, "page": page, "size": size, "pages": pages}


def sequence_json(row: Row, *, with_annotation: bool) -> Json:
    """One row of a listing. Times are written in the other format when annotations are included."""
    sequence = row.sequence
    write = sql_time if with_annotation else zulu
    scored = sequence.temporal_model_score is not None
    answer: Json = {
        "azimuth": None if sequence.azimuth is None else round(sequence.azimuth),
        "id": sequence.sequence_id,
        "source_api": sequence.source_api or "pyronear_french",
        "alert_api_id": 1000 + sequence.sequence_id,
        "created_at": write(row.created_at),
        "recorded_at": write(row.recorded_at),
        "last_seen_at": write(row.last_seen_at),
        "camera_name": sequence.camera_name,
        "camera_id": sequence.camera_id,
        "lat": sequence.lat,
        "lon": sequence.lon,
        "is_wildfire_alertapi": None,
        "organisation_name": sequence.organization_name,
        "organisation_id": sequence.organization_id,
        "platform_alert_id": sequence.platform_alert_id,
        "sequence_group_id": sequence.sequence_group_id,
        "temporal_model_score": sequence.temporal_model_score,
        "temporal_model_version": "0.2.0" if scored else None,
        "temporal_api_version": "1.0.0" if scored else None,
        "is_manual": False,
    }
    if with_annotation:
        answer["annotation"] = None if row.stage == "no_annotation" else _annotation_json(row)
    return answer


def _annotation_json(row: Row) -> Json:
    boxes = [
        {"detection_id": frame.detection_id, "xyxyn": list(frame.boxes[0].xyxyn)}
        for frame in row.frames
        if frame.boxes and frame.detection_id
    ]
    lane = {
        "is_smoke": bool(row.smoke_types),
        "smoke_type": row.smoke_types[0] if row.smoke_types else None,
        "false_positive_types": list(row.false_positive_types),
        "bboxes": boxes,
    }
    return {
        "id": row.annotation_id,
        "sequence_id": row.sequence.sequence_id,
        "has_smoke": bool(row.smoke_types),
        "has_false_positives": bool(row.false_positive_types),
        "false_positive_types": list(row.false_positive_types),
        "smoke_types": list(row.smoke_types),
        "has_missed_smoke": False,
        "is_unsure": row.is_unsure,
        "annotation": {"sequences_bbox": [lane] if boxes else []},
        "processing_stage": row.stage,
        "created_at": sql_time(row.created_at),
        "updated_at": sql_time(row.updated_at),
        "contributors": [CONTRIBUTOR] if row.updated_at else [],
        "group_propagation_warning": None,
    }


def detection_json(row: Row, frame: Frame) -> Json:
    """One frame of a sequence with the boxes that the camera's detector drew."""
    identity = frame.detection_id or 0
    return {
        "id": identity,
        "sequence_id": row.sequence.sequence_id,
        "recorded_at": zulu(parse_time(frame.recorded_at)),
        "alert_api_id": 1_000_000 + identity,
        "bucket_key": frame.bucket_key,
        "algo_predictions": {"predictions": [_box_json(box) for box in frame.boxes or ()]},
        "others_bboxes": None,
        "auto_predictions": None,
        "created_at": zulu(created_at(identity)),
    }


def _box_json(box: Box) -> Json:
    return {"xyxyn": list(box.xyxyn), "confidence": box.confidence, "class_name": box.class_name}


def alert_json(rows: list[Row], link: Callable[[Frame], str]) -> Json:
    """One finished alert: its rows as objects, their frames with links. `link` gives a frame's image link."""
    first = rows[0].sequence
    scored = first.temporal_model_score is not None
    return {
        "source_api": first.source_api or "pyronear_french",
        "platform_alert_id": first.platform_alert_id,
        "camera_id": first.camera_id,
        "camera_name": first.camera_name,
        "organisation_id": first.organization_id,
        "organisation_name": first.organization_name,
        "lat": first.lat,
        "lon": first.lon,
        "azimuth": None if first.azimuth is None else round(first.azimuth),
        "recorded_at": zulu(min((row.recorded_at for row in rows if row.recorded_at), default=None)),
        "last_annotated_at": zulu(max((row.updated_at for row in rows if row.updated_at), default=None)),
        "temporal_model_score": first.temporal_model_score,
        "temporal_model_version": "0.2.0" if scored else None,
        "temporal_api_version": "1.0.0" if scored else None,
        "objects": [_object_json(row, link) for row in rows],
    }


def _object_json(row: Row, link: Callable[[Frame], str]) -> Json:
    smoke = row.smoke_types[0] if row.smoke_types else None
    types = None if smoke else list(row.false_positive_types)
    return {
        "sequence_id": row.sequence.sequence_id,
        "record_kind": "smoke" if smoke else "false_positive",
        "smoke_types": list(row.smoke_types),
        "false_positive_types": list(row.false_positive_types),
        "frames": [
            {
                "detection_id": frame.detection_id,
                "recorded_at": zulu(parse_time(frame.recorded_at)),
                "bucket_key": frame.bucket_key,
                "image_url": link(frame),
                "boxes": [
                    {"xyxyn": list(box.xyxyn), "smoke_type": smoke, "false_positive_types": types, "origin": "engine"}
                    for box in frame.boxes or ()
                ],
            }
            for frame in row.frames
        ],
    }


def group_json(group_id: int, rows: list[Row]) -> Json:
    """One group of sequences that show the same spot of a camera."""
    first = rows[0].sequence
    box = next((box for frame in first.frames for box in frame.boxes or ()), None)
    return {
        "id": group_id,
        "camera_id": first.camera_id,
        "camera_name": first.camera_name,
        "organisation_name": first.organization_name,
        "azimuth": round(first.azimuth or 0),
        "representative_bbox": {"xyxyn": list(box.xyxyn) if box else [0, 0, 1, 1], "confidence": box.confidence if box else 0.0},
        "smoke_type": None,
        "false_positive_type": None,
        "is_unsure": False,
        "is_validated": False,
        "validated_at": None,
        "validated_by_username": None,
        "labeled_at": None,
        "created_at": zulu(rows[0].created_at),
        "member_count": len(rows),
        "temporal_model_score": None,
        "annotators": [],
        "thumbnails": [],
    }


def verdict_json(verdict: Verdict) -> Json:
    """What became of one id of a bulk call."""
    return {
        "sequence_id": verdict.sequence_id,
        "status": "applied" if verdict.reason is None else "skipped",
        "reason": verdict.reason,
        "annotation_id": verdict.annotation_id,
    }


def range_error(name: str, text: str, *, le: int | None = None, ge: int | None = None) -> Json:
    """One entry of a 422: a number of the query that is out of its range, or not a number."""
    where = {"loc": ["query", name]}
    if le is not None:
        return {"type": "less_than_equal", **where, "msg": f"Input should be less than or equal to {le}", "input": text, "ctx": {"le": le}}
    if ge is not None:
        more = f"Input should be greater than or equal to {ge}"
        return {"type": "greater_than_equal", **where, "msg": more, "input": text, "ctx": {"ge": ge}}
    return {
        "type": "int_parsing",
        **where,
        "msg": "Input should be a valid integer, unable to parse string as an integer",
        "input": text,
    }
