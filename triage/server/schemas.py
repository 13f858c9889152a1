"""What the API answers, field by field: the only source of the page's types (`viewer/openapi.json` is generated from here).

Records only; nothing here reads or computes. Units, ranges and the meaning of null are said once, in the descriptions.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "BoxOut",
    "BucketCounts",
    "CropOut",
    "FalsePositiveWord",
    "FrameOut",
    "Health",
    "ModelPanel",
    "Neighbour",
    "Problem",
    "ReportSummary",
    "Row",
    "SequenceDetail",
    "SmokeWord",
    "TubeEntryOut",
    "TubeOut",
    "Vocabulary",
]

Bucket = Literal["review", "unlabeled", "hold"]
Label = Literal["unknown", "smoke", "fp"]
Xyxyn = Annotated[tuple[float, float, float, float], Field(description="(x1, y1, x2, y2), normalised to the image")]
Cxcywh = Annotated[tuple[float, float, float, float], Field(description="(cx, cy, w, h), normalised to the image")]


class _Answer(BaseModel):
    """Immutable; every field is always present in an answer (null is said, never left out)."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_serialization_defaults_required=True, protected_namespaces=())


class Problem(_Answer):
    """The body of every answer that is not 2xx."""

    error: str = Field(description="What went wrong, naming the thing; one line, fit to be shown")
    expected: str | None = Field(None, description="What would have been right")
    found: str | None = Field(None, description="What was there instead")
    next: str | None = Field(None, description="What to do or type next")


class Health(_Answer):
    """The server is up, and what it stands on."""

    status: Literal["ok"]
    version: str = Field(description="Version of triage")
    data: str = Field(description="Name of the data directory (not its path)")
    num_reports: int
    problems: list[str] = Field(description="Reports that are there but cannot be opened, one line each")
    num_sequences: int = Field(description="Sequences whose frames can be reached, in shards or the store")


class BucketCounts(_Answer):
    """Rows per bucket at the report's own threshold."""

    review: int
    unlabeled: int
    hold: int


class ReportSummary(_Answer):
    """One report: the rows of one model's verdict over one data set."""

    variant: str = Field(description="Names the report in every URL")
    model_version: str | None
    threshold: float = Field(description="The run's own threshold, in [0, 1]: To Review at or above")
    counts: BucketCounts
    num_rows: int
    num_dropped: int = Field(description="Sequences that have no row, with a reason in dropped.json")
    source: Literal["loose", "shards"] = Field(description="Whether details are read from 08_reporting or straight out of the tars")
    is_latest: bool = Field(description="The one to open first; true for exactly one report when there are any")
    labelled: bool = Field(description="At least one row has the label smoke or fp")
    version: str = Field(description="Changes when the report does; send it as ?v= so that images may be cached for good")


class ModelPanel(_Answer):
    """What scored the report. Every value is null when the report does not say."""

    model_version: str | None
    variant: str | None
    threshold: float = Field(description="The run's own threshold")
    model_threshold: float | None = Field(description="The package's own threshold, on probability (logistic) or logit (max_logit)")
    aggregation: Literal["logistic", "max_logit"] | None
    context_factor: float | None = Field(description="Crops show the tube's window enlarged by this factor")
    manifest: dict[str, Any] = Field(description="manifest.yaml of the package")
    config: dict[str, Any] = Field(description="config.yaml of the package: infer, tubes, model_input, classifier, decision")


class Row(_Answer):
    """One row of the report; the same columns as rows.arrow, with times as text."""

    key: str
    source: str | None
    sequence_id: int
    label: Label | None
    decision: Literal["keep", "discard"] | None
    outcome: str | None = Field(description="n/a, kept-smoke, discarded-fp, kept-fp or discarded-smoke")
    triage_score: float | None = Field(description="0..1, higher = more like smoke; null = could not be judged")
    triage_bucket: Bucket
    hold_reason: str | None
    model_version: str | None
    score: float | None = Field(description="Largest kept-tube logit")
    probability: float | None
    num_tubes_kept: int | None
    trigger_frame_index: int | None = Field(description="0-based slot; null = never")
    num_frames: int | None
    organization_name: str | None
    camera_name: str | None
    azimuth: float | None = Field(description="Degrees")
    started_at: str | None = Field(description="ISO 8601, UTC")
    last_seen_at: str | None = Field(description="ISO 8601, UTC")
    platform_alert_id: int | None


class BoxOut(_Answer):
    """A detector's rectangle in one frame."""

    xyxyn: Xyxyn
    confidence: float | None = Field(description="The detector's, 0..1; not a score of the sequence; null = hidden by a blind audit")
    class_name: str


class FrameOut(_Answer):
    """One input frame, in time order."""

    index: int = Field(description="0-based; the {index} of the frame's URL")
    file: str = Field(description="File name, for display")
    detection_id: int | None
    recorded_at: str | None
    boxes: list[BoxOut] | None = Field(description="Empty = the detector found nothing; null = not known")
    available: bool
    reason: str | None = Field(description="Why the image cannot be shown; null when available")
    width: int | None = Field(description="Pixels; null when not available")
    height: int | None


class TubeEntryOut(_Answer):
    """One slot of a tube."""

    frame_idx: int = Field(description="0-based slot")
    bbox: Cxcywh | None = Field(description="null = a gap that was not interpolated")
    is_gap: bool = Field(description="The box was interpolated")
    confidence: float | None


class CropOut(_Answer):
    """What the crop of one slot shows: a square cut of an input frame, padded with black where it leaves the image."""

    frame_idx: int = Field(description="0-based slot")
    frame_index: int = Field(description="0-based input frame")
    xyxyn: Xyxyn = Field(description="The square's corners in the frame, may leave 0..1")
    is_empty: bool = Field(description="Nothing of the image is inside: the crop is black")
    padded: bool = Field(description="The slot repeats another one")


class TubeOut(_Answer):
    """A kept tube: boxes linked over slots, with its verdict."""

    tube_id: int
    start_frame: int = Field(description="First slot, inclusive")
    end_frame: int = Field(description="Last slot, inclusive")
    logit: float | None = Field(description="Raw output of the head; null = not a finite number")
    probability: float | None = Field(description="Calibrated, 0..1; null = no calibrator")
    first_crossing_frame: int | None
    stabilized_window: Cxcywh | None = Field(description="Before the context factor; null = every entry has its own window")
    entries: list[TubeEntryOut]
    crops: list[CropOut] = Field(description="The crops that can be asked for, in time order")
    is_decisive: bool = Field(description="Its probability is the sequence's")


class Neighbour(_Answer):
    """Another sequence of the same camera or alert."""

    key: str
    triage_score: float | None
    triage_bucket: Bucket
    camera_name: str | None
    started_at: str | None
    label: Label | None


class SequenceDetail(_Answer):
    """Everything about one sequence. A part that cannot be read is null or empty, and `partial` says why."""

    row: Row
    version: str = Field(description="Changes when the sequence or its verdict does; send it as ?v= with image URLs")
    frames: list[FrameOut]
    slots: list[int] = Field(description="For every 0-based slot (padded frame index) the 0-based input frame it shows; empty = not known")
    padded_slots: list[int] = Field(description="Slots that repeat another one")
    num_truncated: int | None = Field(description="Input frames after the last slot, which the model never saw")
    tubes: list[TubeOut] = Field(description="Kept tubes; empty = none was kept, or the details cannot be read")
    num_candidates: int | None = Field(description="Tubes before the filters")
    num_outside_roi: int | None
    decisive_tube_id: int | None
    trigger_tube_id: int | None
    aggregation: Literal["logistic", "max_logit"] | None
    model_threshold: float | None
    same_camera: list[Neighbour] = Field(description="Nearest in time, in time order")
    same_alert: list[Neighbour] = Field(description="In time order")
    source_api: str | None
    smoke_types: list[str] = Field(description="The annotator's labels, when there are any")
    false_positive_types: list[str]
    camera_id: int | None
    lat: float | None
    lon: float | None
    sequence_group_id: int | None
    temporal_model_score: float | None = Field(description="The platform's own verdict; null = never scored, which is not 0")
    annotator_url: str | None = Field(description="The sequence in the annotator's web page")
    partial: list[str] = Field(description="What could not be read, one line each; empty = everything is here")


class SmokeWord(_Answer):
    """A kind of smoke, with its key."""

    name: str
    key: str


class FalsePositiveWord(_Answer):
    """A kind of false positive, with its key."""

    name: str
    key: str


class Vocabulary(_Answer):
    """The annotator's closed words and the keys the annotators have in their fingers."""

    smoke_types: list[SmokeWord]
    false_positive_types: list[FalsePositiveWord]
    actions: dict[str, str] = Field(description="smoke, false_positive, unsure, submit, help -> key")
