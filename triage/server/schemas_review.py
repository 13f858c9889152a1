"""What the API takes and answers about decisions, field by field; the other half of `schemas`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "AnswerIn",
    "Assignment",
    "AuditOut",
    "DecideIn",
    "EventOut",
    "NamedIn",
    "PaceOut",
    "ReceiptOut",
    "ReviewOut",
    "SelectIn",
    "SelectOut",
    "SnapshotOut",
    "TargetIn",
    "VerdictOut",
    "ViewIn",
    "ViewOut",
]

Reviewer = Annotated[str | None, Field(None, max_length=80, description="Who decides; null = whoever started the viewer")]
Words = Annotated[str, Field(max_length=300, description="smoke:<type>, false-positive types joined by +, unsure, later, none")]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_serialization_defaults_required=True, protected_namespaces=())


class _Selected(_Record):
    """An expression, what it leaves out, and where the buckets are cut (null = the report's own threshold)."""

    where: str = Field("", max_length=20_000)
    exclusions: list[int] = Field(default_factory=list, max_length=100_000)
    threshold: float | None = Field(None, ge=0, le=1)
    reviewer: Reviewer = None


class SelectIn(_Selected):
    """A selection to be counted. words, note, tags, settle: what it would be decided as, for the command; words null = not known yet."""

    words: Words | None = None
    note: str = Field("", max_length=2000)
    tags: list[str] = Field(default_factory=list, max_length=20)
    settle: bool = False


class SelectOut(_Record):
    """What it resolves to now. digest: of exactly these ids. command: the command line that does what `decide` would do."""

    count: int
    digest: str
    command: str


class DecideIn(_Selected):
    """A decision about a selection. expect: the count that was shown; another one is refused. seconds: time spent on it. blind: what others
    said of it was hidden, so agreement is counted."""

    words: Words
    note: str = Field("", max_length=2000)
    tags: list[str] = Field(default_factory=list, max_length=20)
    expect: int | None = Field(None, ge=0)
    seconds: float | None = Field(None, ge=0)
    settle: bool = False
    blind: bool = False


class ReceiptOut(_Record):
    """What one action did; it is on disk. event: what undo takes."""

    event: str
    count: int
    changed: int
    text: str


class TargetIn(_Record):
    """Which event; null = this reviewer's last."""

    event: str | None = Field(None, max_length=64)
    reviewer: Reviewer = None


class NamedIn(_Record):
    """A name for this moment."""

    name: str = Field(max_length=200)
    reviewer: Reviewer = None


class ViewIn(NamedIn):
    """A view to be saved: whatever the page needs to show it again."""

    view: dict[str, Any]


class ViewOut(_Record):
    """A saved view."""

    name: str
    view: dict[str, Any]


class Assignment(_Record):
    """A view given to a reviewer; part "2/5" = the second of five by hash of the sequence or of its camera, null = all of it."""

    view: str = Field(max_length=200)
    to: str = Field(max_length=80)
    part: str | None = Field(None, pattern=r"^[1-9]\d{0,3}/[1-9]\d{0,3}$")
    by: Literal["sequence", "camera"] = "sequence"


class SnapshotOut(_Record):
    """A named moment."""

    name: str


class EventOut(_Record):
    """One line of somebody's log, as history shows it."""

    event: str
    at: str
    reviewer: str
    kind: str
    words: str | None
    where: str
    count: int
    undone: bool
    target: str | None


class PaceOut(_Record):
    """Progress over the report. per_hour, seconds_left: null = nothing to go by.

    second_looks: sequences that were decided blind after others had; agreed: those decided alike.
    """

    total: int
    decided: int
    disagreements: int
    later: int
    per_hour: float | None
    seconds_left: float | None
    second_looks: int
    agreed: int


class AnswerIn(_Record):
    """What a reviewer says of one sequence in a blind session."""

    key: str = Field(max_length=100)
    words: Words
    seconds: float | None = Field(None, ge=0)
    reviewer: Reviewer = None


class AuditOut(_Record):
    """The audit's worklist, blind: keys in an order that tells nothing. left: those that still want a label.

    running: the blind session was begun and is not over. version: of the rows that go with it; another one shows what must not be seen.
    neighbours: once every key has its label, what the smokes' cameras saw in that direction on that day and nobody has opened.
    """

    audit_id: str
    look: int
    keys: list[str]
    left: list[str]
    expired: bool
    running: bool
    version: str
    neighbours: list[str]


class VerdictOut(_Record):
    """What `triage audit report` says: one of CERTIFIED, NOT CERTIFIED, EXPIRED, INVALID, UNFINISHED, and all of it in words."""

    verdict: str
    text: str


class ReviewOut(_Record):
    """The desk: who decides by default, what was saved, and what was found damaged."""

    reviewer: str
    version: int
    views: list[ViewOut]
    assignments: list[Assignment]
    snapshots: list[SnapshotOut]
    problems: list[str]
