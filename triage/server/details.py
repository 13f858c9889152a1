"""The file `details/<key>.json`, checked, and what follows from it: slots, crops, the decisive tube. Pure.

Any report of the contract must read, the earlier tool's too, which has no `slots` and no `empty_crops`.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as Seq
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from triage.errors import BadFile
from triage.server.schemas import CropOut, TubeEntryOut, TubeOut

__all__ = ["Details", "Tube", "decisive_tube", "parse_details", "slots_of", "tube_out", "window_of"]

XYWH = tuple[float, float, float, float]
XYXY = tuple[float, float, float, float]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Entry(_Part):
    """One slot of a tube, see `triage.predictions.TubeEntry`."""

    frame_idx: int
    bbox: XYWH | None
    is_gap: bool
    confidence: float | None = None


class Tube(_Part):
    """A kept tube, see `triage.predictions.KeptTube`; logit None = not a finite number."""

    tube_id: int
    start_frame: int
    end_frame: int
    logit: float | None
    probability: float | None
    first_crossing_frame: int | None = None
    stabilized_window: XYWH | None = None
    entries: tuple[Entry, ...]


class _Preprocessing(_Part):
    num_frames_input: int
    num_truncated: int = 0
    padded_frame_indices: tuple[int, ...] = ()
    slots: tuple[int, ...] | None = None


class _Tubes(_Part):
    num_candidates: int | None = None
    num_outside_roi: int | None = None
    kept: tuple[Tube, ...] = ()


class _Decision(_Part):
    aggregation: Literal["logistic", "max_logit"] | None = None
    threshold: float | None = None
    trigger_tube_id: int | None = None


class Details(_Part):
    """How the score came about. Frame indices are 0-based slots."""

    preprocessing: _Preprocessing
    tubes: _Tubes
    decision: _Decision


def parse_details(content: Mapping[str, Any], where: str) -> Details:
    """Check `content`; `where` names the file in errors. Raises BadFile when it is not a details file."""
    try:
        return Details.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BadFile(f"{where}: {place}: {first['msg']}, found {first.get('input')!r:.80}; run `triage report` again") from error


def slots_of(details: Details) -> list[int]:
    """For every slot the 0-based input frame it shows.

    Where the file does not say: frames that are not padding count up, padding shows the frame before it, or the first one. Both ways of
    padding come out right so (docs/model.md).
    """
    before = details.preprocessing
    if before.slots is not None:
        return list(before.slots)
    real = max(before.num_frames_input - before.num_truncated, 0)
    padded = set(before.padded_frame_indices)
    slots, following = [], 0
    for slot in range(real + len(padded)):
        if slot in padded:
            slots.append(max(following - 1, 0))
        else:
            slots.append(following)
            following += 1
    return slots


def decisive_tube(tubes: Seq[Tube]) -> Tube | None:
    """The tube whose probability is the sequence's (without a calibrator: the largest logit); the first one on ties."""

    def rank(tube: Tube) -> tuple[float, float]:
        return (-1.0 if tube.probability is None else tube.probability, float("-inf") if tube.logit is None else tube.logit)

    return max(tubes, key=rank, default=None)


def window_of(tube: Tube, entry: Entry) -> XYWH | None:
    """What the crop of this slot shows before the context factor; None = the model saw nothing here (a gap without a box)."""
    if entry.bbox is None:
        return None
    return tube.stabilized_window or entry.bbox


def tube_out(
    tube: Tube, *, slots: Seq[int], padded: Seq[int], sizes: Seq[tuple[int, int] | None], context_factor: float, decisive: bool
) -> TubeOut:
    """The tube as the page sees it. sizes: (width, height) of every input frame in pixels, None = it cannot be shown and has no crop."""
    repeats = set(padded)
    crops = []
    for entry in tube.entries:
        window = window_of(tube, entry)
        index = slots[entry.frame_idx] if 0 <= entry.frame_idx < len(slots) else None
        size = sizes[index] if index is not None and 0 <= index < len(sizes) else None
        if window is None or index is None or size is None:
            continue
        corners = _square(window, size, context_factor)
        empty = corners[0] >= 1 or corners[1] >= 1 or corners[2] <= 0 or corners[3] <= 0
        crops.append(
            CropOut(frame_idx=entry.frame_idx, frame_index=index, xyxyn=corners, is_empty=empty, padded=entry.frame_idx in repeats)
        )
    return TubeOut(
        **tube.model_dump(exclude={"entries"}),
        entries=[TubeEntryOut(**entry.model_dump()) for entry in tube.entries],
        crops=crops,
        is_decisive=decisive,
    )


def _square(window: XYWH, size: tuple[int, int], context_factor: float) -> XYXY:
    """Corners, normalised, of the square that `triage.crops` cuts, before rounding and before the image's border."""
    cx, cy, w, h = window
    width, height = size
    half = max(w * context_factor * width, h * context_factor * height) / 2
    return cx - half / width, cy - half / height, cx + half / width, cy + half / height
