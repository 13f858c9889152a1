"""The detail answer, put together from what could be read. Pure: what could not be read becomes a line of `partial`, never a blank."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from triage.errors import BadFile
from triage.server.details import Details, decisive_tube, slots_of, tube_out
from triage.server.frames import FrameSet
from triage.server.schemas import BoxOut, FrameOut, Neighbour, Row, SequenceDetail

__all__ = ["sequence_detail"]


def sequence_detail(
    row: Row,
    found: FrameSet | BadFile,
    listed: dict[str, Any] | None,
    details: Details | BadFile | None,
    *,
    context_factor: float | None,
    same_camera: list[Neighbour],
    same_alert: list[Neighbour],
    annotator_url: str | None,
    version: str,
    shown: Callable[[str], str],
) -> SequenceDetail:
    """found: the sequence with its frames, or why there is none. listed: the report's own `sequences/<key>.json`, for when there is none.

    details: None = the model could not judge the sequence. context_factor: None = not known, and no crop can be cut.
    shown: makes an error's text fit for the page.
    """
    partial = [shown(str(part)) for part in (found, details) if isinstance(part, BadFile)]
    if context_factor is None and isinstance(details, Details):
        partial.append("model_config.json gives no model_input.context_factor: no crop can be cut")
    sequence = found.sequence if isinstance(found, FrameSet) else None
    frames = _frames(found, shown) if isinstance(found, FrameSet) else _frames_by_name(listed, shown(str(found)))
    sizes = found.sizes if isinstance(found, FrameSet) else (None,) * len(frames)
    judged = details if isinstance(details, Details) else None
    slots = slots_of(judged) if judged else []
    if any(slot >= len(frames) or slot < 0 for slot in slots):
        partial.append(f"the details speak of {max(slots) + 1} frames, the sequence has {len(frames)}: it changed after it was scored")
    padded = list(judged.preprocessing.padded_frame_indices) if judged else []
    decisive = decisive_tube(judged.tubes.kept) if judged else None
    return SequenceDetail(
        row=row,
        version=version,
        frames=frames,
        slots=slots,
        padded_slots=padded,
        num_truncated=judged.preprocessing.num_truncated if judged else None,
        tubes=[
            tube_out(
                tube,
                slots=slots,
                padded=padded,
                sizes=sizes if context_factor is not None else (None,) * len(sizes),
                context_factor=context_factor or 1.0,
                decisive=decisive is not None and tube.tube_id == decisive.tube_id,
            )
            for tube in (judged.tubes.kept if judged else ())
        ],
        num_candidates=judged.tubes.num_candidates if judged else None,
        num_outside_roi=judged.tubes.num_outside_roi if judged else None,
        decisive_tube_id=decisive.tube_id if decisive else None,
        trigger_tube_id=judged.decision.trigger_tube_id if judged else None,
        aggregation=judged.decision.aggregation if judged else None,
        model_threshold=judged.decision.threshold if judged else None,
        same_camera=same_camera,
        same_alert=same_alert,
        source_api=sequence.source_api if sequence else None,
        smoke_types=list(sequence.smoke_types) if sequence else [],
        false_positive_types=list(sequence.false_positive_types) if sequence else [],
        camera_id=sequence.camera_id if sequence else None,
        lat=sequence.lat if sequence else None,
        lon=sequence.lon if sequence else None,
        sequence_group_id=sequence.sequence_group_id if sequence else None,
        temporal_model_score=sequence.temporal_model_score if sequence else None,
        annotator_url=annotator_url,
        partial=partial,
    )


def _frames(found: FrameSet, shown: Callable[[str], str]) -> list[FrameOut]:
    frames = []
    for index, (frame, image, size) in enumerate(zip(found.sequence.frames, found.images, found.sizes, strict=True)):
        boxes = None
        if frame.boxes is not None:
            boxes = [BoxOut(xyxyn=box.xyxyn, confidence=box.confidence, class_name=box.class_name) for box in frame.boxes]
        frames.append(
            FrameOut(
                index=index,
                file=PurePosixPath(frame.file).name,
                detection_id=frame.detection_id,
                recorded_at=frame.recorded_at,
                boxes=boxes,
                available=size is not None,
                reason=shown(str(image)) if isinstance(image, BadFile) else None,
                width=size[0] if size else None,
                height=size[1] if size else None,
            )
        )
    return frames


def _frames_by_name(listed: dict[str, Any] | None, reason: str) -> list[FrameOut]:
    """The frames that the report names, none of which can be shown."""
    names = listed.get("frames") if listed else None
    return [
        FrameOut(
            index=index,
            file=PurePosixPath(str(name)).name,
            detection_id=None,
            recorded_at=None,
            boxes=None,
            available=False,
            reason=reason,
            width=None,
            height=None,
        )
        for index, name in enumerate(names if isinstance(names, list) else [])
    ]
