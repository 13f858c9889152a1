"""Prediction: what the model says of one sequence. Pure records and their JSON form; no I/O, no torch.

Produced by `triage.model`, kept by `triage.score`, read by `triage.report`. Frame indices are 0-based positions in the truncated and
padded list of frames (`slots`), not in the input.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["KeptTube", "Prediction", "TubeEntry"]

XYWH = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class TubeEntry:
    """One slot of a tube.

    bbox: (cx, cy, w, h), normalised; None = a gap that was not interpolated.
    is_gap: True = the box was interpolated. confidence: the detector's, 0.0 for interpolated boxes, None without a box.
    """

    frame_idx: int
    bbox: XYWH | None
    is_gap: bool
    confidence: float | None


@dataclass(frozen=True, slots=True)
class KeptTube:
    """A tube that passed the filters, with its verdict.

    start_frame, end_frame: inclusive. logit: raw output of the head. probability: calibrated, in [0, 1]; None = no calibrator.
    first_crossing_frame: where the trigger search first passed the threshold; None = the full tube does not pass.
    stabilized_window: (cx, cy, w, h), normalised, before the context expansion; None = each entry uses its own box.
    empty_crops: frame indices whose crop was empty (outside the image) and therefore black.
    """

    tube_id: int
    start_frame: int
    end_frame: int
    logit: float
    probability: float | None
    first_crossing_frame: int | None
    stabilized_window: XYWH | None
    entries: tuple[TubeEntry, ...]
    empty_crops: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model says of one sequence.

    slots: for every frame index the 0-based index of the input frame it shows (padding repeats them).
    num_candidates: tubes after linking, before any filter. kept: in order, possibly empty.
    is_positive: the package's own decision at its own threshold (`threshold` on probability or logit, by `aggregation`).
    trigger_frame_index, trigger_tube_id: None = never fired, or not searched.
    """

    num_frames_input: int
    num_truncated: int
    padded_frame_indices: tuple[int, ...]
    slots: tuple[int, ...]
    num_candidates: int
    kept: tuple[KeptTube, ...]
    aggregation: Literal["logistic", "max_logit"]
    threshold: float
    is_positive: bool
    trigger_frame_index: int | None
    trigger_tube_id: int | None
    num_outside_roi: int = 0

    @property
    def probability(self) -> float | None:
        """The largest calibrated probability over kept tubes, in [0, 1]; None = no tube was kept, or no calibrator."""
        known = [tube.probability for tube in self.kept if tube.probability is not None]
        return max(known) if known else None

    @property
    def logit(self) -> float | None:
        """The largest logit over kept tubes; None = no tube was kept."""
        return max((tube.logit for tube in self.kept), default=None)

    @property
    def decisive_tube(self) -> KeptTube | None:
        """The tube whose probability is the sequence's (without a calibrator: the largest logit); the first one on ties."""
        if not self.kept:
            return None
        return max(self.kept, key=lambda tube: (tube.probability if tube.probability is not None else -1.0, tube.logit))

    def to_json(self) -> dict[str, Any]:
        """Plain data; `from_json` is its inverse. Tuples stay tuples, which JSON writes as lists."""
        # Not dataclasses.asdict, which copies every number: this runs for tens of thousands of predictions.
        kept = [{**_values(tube), "entries": [_values(entry) for entry in tube.entries]} for tube in self.kept]
        return {**_values(self), "kept": kept}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Prediction:
        """The inverse of `to_json`."""
        # Plain loops and positions: this runs for tens of thousands of predictions with forty entries each.
        kept = tuple(
            KeptTube(
                **{
                    **tube,
                    "stabilized_window": _xywh(tube["stabilized_window"]),
                    "entries": tuple([_entry(**entry) for entry in tube["entries"]]),
                    "empty_crops": tuple(tube.get("empty_crops", ())),
                }
            )
            for tube in content["kept"]
        )
        tuples = {name: tuple(content[name]) for name in ("padded_frame_indices", "slots")}
        return cls(**{**content, **tuples, "kept": kept})


def _values(record: KeptTube | Prediction | TubeEntry) -> dict[str, Any]:
    """The fields of a record, in their order."""
    return {name: getattr(record, name) for name in record.__slots__}


def _entry(frame_idx: int, bbox: Any, is_gap: bool, confidence: float | None) -> TubeEntry:
    return TubeEntry(frame_idx, _xywh(bbox), is_gap, confidence)


def _xywh(value: Any) -> XYWH | None:
    if value is None:
        return None
    cx, cy, w, h = value
    return float(cx), float(cy), float(w), float(h)
