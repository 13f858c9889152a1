"""What the annotator sends, as typed records: unknown keys ignored, known ones of the wrong type refused.

Facts behind the types: timestamps come as `2026-05-01T11:05:00Z` and, with annotations, as `2026-05-01 11:05:00+00:00`; `recorded_at`,
`azimuth` and every `temporal_model_*` may be null, and null is "never scored", not 0. The annotator writes "organisation".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr, ValidationError
from pydantic_core import from_json

from triage.errors import BadAnswer

__all__ = [
    "AnnotationRow",
    "BoxRow",
    "DetectionRow",
    "Page",
    "SequenceRow",
    "User",
    "format_time",
    "parse",
    "parse_json",
    "parse_time",
]


def parse_time(text: str) -> datetime:
    """A timestamp in either of the annotator's forms, in UTC (one without a zone is UTC). Raises ValueError when it is none."""
    when = datetime.fromisoformat(text)
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)


def format_time(when: datetime) -> str:
    """As sent in queries: `2026-05-01T11:05:00Z`, with microseconds when there are any."""
    return when.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _instant(value: Any) -> Any:
    if isinstance(value, str):
        return parse_time(value)
    if isinstance(value, datetime):
        return value
    raise ValueError("expected a timestamp")


Instant = Annotated[datetime, BeforeValidator(_instant)]
Identity = Annotated[StrictInt, Field(ge=0)]
Number = StrictFloat | StrictInt


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class BoxRow(_Row):
    """A detector's rectangle: xyxyn in [0, 1], confidence in [0, 1]."""

    xyxyn: tuple[Number, Number, Number, Number]
    confidence: Number
    class_name: StrictStr = "smoke"


class _Predictions(_Row):
    predictions: list[BoxRow] = []


class DetectionRow(_Row):
    """One frame. algo_predictions None = the detector's boxes are not known, which is not "none found"."""

    id: Identity
    sequence_id: StrictInt | None = None
    recorded_at: Instant | None = None
    bucket_key: StrictStr | None = None
    algo_predictions: _Predictions | None = None


class ContributorRow(_Row):
    """Somebody who worked on an annotation."""

    username: StrictStr | None = None


class AnnotationRow(_Row):
    """What humans said of a sequence; sent with `include_annotation`. updated_at None = never changed since it was made."""

    has_smoke: StrictBool | None = None
    has_false_positives: StrictBool | None = None
    smoke_types: list[StrictStr] | None = None
    false_positive_types: list[StrictStr] | None = None
    is_unsure: StrictBool | None = None
    updated_at: Instant | None = None
    contributors: list[ContributorRow] | None = None


class SequenceRow(_Row):
    """One sequence of a listing. None = the annotator did not say."""

    id: Identity
    source_api: StrictStr | None = None
    recorded_at: Instant | None = None
    last_seen_at: Instant | None = None
    camera_id: StrictInt | None = None
    camera_name: StrictStr | None = None
    organisation_id: StrictInt | None = None
    organisation_name: StrictStr | None = None
    azimuth: Number | None = None
    lat: Number | None = None
    lon: Number | None = None
    platform_alert_id: StrictInt | None = None
    sequence_group_id: StrictInt | None = None
    temporal_model_score: Number | None = None
    annotation: AnnotationRow | None = None


class User(_Row):
    """Who the credentials belong to."""

    id: StrictInt
    username: StrictStr


class Page(_Row):
    """One page. items are not parsed yet, so that one bad row does not hide its neighbours. total: rows that match, at that moment."""

    items: list[Any]
    total: StrictInt
    page: StrictInt = 1
    pages: StrictInt = 1


_RowType = TypeVar("_RowType", bound=BaseModel)


def parse_json(data: bytes, where: str) -> Any:
    """The JSON of an answer. Raises BadAnswer when it is none."""
    try:
        return from_json(data)
    except ValueError as error:
        raise BadAnswer(f"{where}: expected JSON, found {data[:40]!r} ({error})") from error


def parse(kind: type[_RowType], value: Any, where: str) -> _RowType:
    """`value` as a record of `kind`. Raises BadAnswer naming the first field that is not as expected."""
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or kind.__name__
        found = repr(first["input"])
        raise BadAnswer(
            f"{where}: {field}: {first['msg']}, found {found[:60]}{'...' if len(found) > 60 else ''}; is this host an annotator?"
        ) from error
