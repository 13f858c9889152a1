"""Sequence, Frame and Box: what every other room speaks of. No I/O here.

A *sequence* is one object seen over time by one camera; the sequences that share (`source_api`, `platform_alert_id`) form one
*alert*. Records are immutable and map one to one to `meta.json` of the store (see docs/data-contract.md).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from collections.abc import Sequence as Seq
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, cast

from triage.errors import BadFile

__all__ = [
    "FALSE_POSITIVE_TYPES",
    "META_FORMAT",
    "SMOKE_TYPES",
    "SOURCE",
    "STAGES",
    "Box",
    "Frame",
    "Label",
    "Sequence",
    "SequenceSource",
    "key_of",
    "sequence_id_of",
    "slug",
]

SOURCE = "pyro-annotator"
META_FORMAT = 1

#: The annotator's own words, in its own order (the keyboard digits 1, 2, 3 follow the order of SMOKE_TYPES).
SMOKE_TYPES: tuple[str, ...] = ("wildfire", "industrial", "other")
FALSE_POSITIVE_TYPES: tuple[str, ...] = (
    "antenna", "building", "cliff", "combine_harvester", "dark", "dust", "high_cloud", "low_cloud", "lens_flare",
    "lens_droplet", "light", "rain", "trail", "road", "sky", "tree", "water_body", "other", "unlabeled",
)  # fmt: skip

#: Where a sequence stands. The annotator IGNORES any other word and answers with its whole table: check before sending.
STAGES: tuple[str, ...] = ("imported", "ready_to_annotate", "seq_annotation_done", "annotated", "no_annotation")

Label = Literal["unknown", "smoke", "fp"]


def key_of(sequence_id: int) -> str:
    """The join key of every file: `pyro-annotator_<sequence_id>`."""
    return f"{SOURCE}_{sequence_id}"


def sequence_id_of(key: str) -> int:
    """The inverse of `key_of`. Raises BadFile when `key` is not one of ours."""
    prefix, _, digits = key.rpartition("_")
    if prefix != SOURCE or not digits.isascii() or not digits.isdigit():
        raise BadFile(f"sequence key {key!r}: expected '{SOURCE}_<number>'")
    return int(digits)


_LONGEST_SLUG = 100


def slug(name: str | None) -> str:
    """A directory name: lower-case ASCII letters, digits and single hyphens ("Forêt d'Ardèche" -> "foret-d-ardeche").

    Nothing left gives "unknown". At most 100 characters, as file systems allow 255 for a name and tars less for a path.
    """
    ascii_name = unicodedata.normalize("NFKD", name or "").encode("ascii", "ignore").decode("ascii").lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_name).strip("-")[:_LONGEST_SLUG].rstrip("-") or "unknown"


@dataclass(frozen=True, slots=True)
class Box:
    """A detector's rectangle in one frame.

    xyxyn: (x1, y1, x2, y2), normalised to the image, nominally in [0, 1], as the annotator sent them (not clipped, not checked).
    confidence: the detector's, in [0, 1]; not a score of the sequence.
    """

    xyxyn: tuple[float, float, float, float]
    confidence: float
    class_name: str

    @property
    def cxcywh(self) -> tuple[float, float, float, float]:
        """(cx, cy, w, h), normalised: centre and size, the form the model's rules use."""
        x1, y1, x2, y2 = self.xyxyn
        return (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1


@dataclass(frozen=True, slots=True)
class Frame:
    """One image in time.

    file: path relative to the sequence's directory, `images/detection_<detection_id>.jpg`.
    sha256, size: of the file's bytes; None = not known (stores of the earlier tool).
    boxes: empty = the detector looked and found nothing; None = not known (stores of the earlier tool).
    """

    file: str
    detection_id: int | None
    recorded_at: str | None
    bucket_key: str | None
    sha256: str | None = None
    size: int | None = None
    boxes: tuple[Box, ...] | None = None


@dataclass(frozen=True, slots=True)
class Sequence:
    """One annotator sequence. Fields as in `meta.json`; None = the annotator did not say.

    temporal_model_score: the platform's own verdict; None = never scored, which is not 0.
    frames: in time order, earliest first.
    extra: unknown keys of meta.json, kept so that older and newer files mix.
    """

    key: str
    sequence_id: int
    frames: tuple[Frame, ...]
    source: str = SOURCE
    source_api: str | None = None
    label: Label = "unknown"
    smoke_types: tuple[str, ...] = ()
    false_positive_types: tuple[str, ...] = ()
    camera_id: int | None = None
    camera_name: str | None = None
    organization_id: int | None = None
    organization_name: str | None = None
    azimuth: float | None = None
    lat: float | None = None
    lon: float | None = None
    started_at: str | None = None
    last_seen_at: str | None = None
    platform_alert_id: int | None = None
    sequence_group_id: int | None = None
    temporal_model_score: float | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def directory(self) -> str:
        """`<org>/<camera>/seq_<id>`, relative to the store's `sequences` directory (and the member prefix in shards)."""
        return f"{slug(self.organization_name)}/{slug(self.camera_name)}/seq_{self.sequence_id}"

    @property
    def alert(self) -> tuple[str | None, int] | None:
        """What the sequences of one alert share; None when the alert is not known."""
        return None if self.platform_alert_id is None else (self.source_api, self.platform_alert_id)

    def to_meta(self) -> dict[str, Any]:
        """The content of `meta.json`."""
        meta: dict[str, Any] = dict(self.extra)
        for name in _PLAIN_FIELDS:
            meta[name] = getattr(self, name)
        meta["format"] = META_FORMAT
        meta["smoke_types"] = list(self.smoke_types)
        meta["false_positive_types"] = list(self.false_positive_types)
        meta["frames"] = [_frame_to_meta(frame) for frame in self.frames]
        return meta

    @classmethod
    def from_meta(cls, meta: Mapping[str, Any], where: str = "meta.json") -> Sequence:
        """Read `meta.json`, ours or the earlier tool's (no format, no boxes, no hashes).

        `where` names the file in errors. Raises BadFile when a field that identifies the sequence is missing or wrong.
        """
        found = meta.get("format", META_FORMAT)
        if found != META_FORMAT:
            raise BadFile(f"{where}: expected format {META_FORMAT}, found {found!r}; upgrade triage to read it")
        try:
            key, sequence_id, frames = str(meta["key"]), int(meta["sequence_id"]), meta["frames"]
            if sequence_id_of(key) != sequence_id:
                raise BadFile(f"{where}: key {key!r} does not belong to sequence_id {sequence_id}")
            label = meta.get("label") or "unknown"
            if label not in ("unknown", "smoke", "fp"):
                raise BadFile(f"{where}: label must be unknown, smoke or fp, found {label!r}")
            known = {name: meta.get(name) for name in _PLAIN_FIELDS if name not in ("key", "sequence_id", "source", "label")}
            for name, value in known.items():
                _check_kind(name, value, where)
            return cls(
                key=key,
                sequence_id=sequence_id,
                frames=tuple(_frame_from_meta(frame, where) for frame in frames),
                source=str(meta.get("source") or SOURCE),
                label=cast(Label, label),
                smoke_types=tuple(meta.get("smoke_types") or ()),
                false_positive_types=tuple(meta.get("false_positive_types") or ()),
                extra={name: value for name, value in meta.items() if name not in _KNOWN_KEYS},
                **known,
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadFile(f"{where}: not a sequence's meta.json ({type(error).__name__}: {error}); pull it again") from error


_PLAIN_FIELDS = (
    "key", "sequence_id", "source", "source_api", "label", "camera_id", "camera_name", "organization_id",
    "organization_name", "azimuth", "lat", "lon", "started_at", "last_seen_at", "platform_alert_id", "sequence_group_id",
    "temporal_model_score",
)  # fmt: skip
_NUMBERS = frozenset({"azimuth", "lat", "lon", "temporal_model_score"})
_WHOLE_NUMBERS = frozenset({"camera_id", "organization_id", "platform_alert_id", "sequence_group_id"})
_KNOWN_KEYS = frozenset({*_PLAIN_FIELDS, "format", "smoke_types", "false_positive_types", "frames"})


def _check_kind(name: str, value: object, where: str) -> None:
    """Refuse a value that no column could hold: every later room relies on the declared types."""
    if value is None:
        return
    if name in _NUMBERS:
        good, expected = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300, "a finite number"
    elif name in _WHOLE_NUMBERS:
        good, expected = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63, "a whole number"
    else:
        good, expected = isinstance(value, str), "text"
    if not good:
        raise BadFile(f"{where}: {name} must be {expected} or null, found {value!r}; pull it again")


def _frame_to_meta(frame: Frame) -> dict[str, Any]:
    meta: dict[str, Any] = {
        "file": frame.file,
        "detection_id": frame.detection_id,
        "recorded_at": frame.recorded_at,
        "bucket_key": frame.bucket_key,
    }
    if frame.sha256 is not None:
        meta["sha256"] = frame.sha256
    if frame.size is not None:
        meta["size"] = frame.size
    if frame.boxes is not None:
        meta["boxes"] = [{"xyxyn": list(box.xyxyn), "confidence": box.confidence, "class_name": box.class_name} for box in frame.boxes]
    return meta


def _frame_from_meta(meta: Mapping[str, Any], where: str) -> Frame:
    file = str(meta["file"])
    if file.startswith("/") or (".." in file and ".." in file.split("/")) or "\\" in file or "\0" in file:
        raise BadFile(f"{where}: frame file {file!r} must be a path inside the sequence's directory")
    get, boxes = meta.get, meta.get("boxes")
    return Frame(
        file,
        get("detection_id"),
        get("recorded_at"),
        get("bucket_key"),
        get("sha256"),
        get("size"),
        None if boxes is None else tuple([_box_from_meta(box) for box in boxes]),
    )


def _box_from_meta(meta: Mapping[str, Any]) -> Box:
    x1, y1, x2, y2 = meta["xyxyn"]
    return Box((float(x1), float(y1), float(x2), float(y2)), float(meta["confidence"]), str(meta.get("class_name") or "smoke"))


class SequenceSource(Protocol):
    """Where sequences are read from: the loose store or a set of shards. Scoring, packing and the server take either."""

    def keys(self) -> Seq[str]:
        """Every key there is, ascending by sequence id. Cheap: no meta.json is opened."""
        ...

    def sequence(self, key: str) -> Sequence:
        """One sequence. Raises BadFile when it is damaged or not there."""
        ...

    def record(self, key: str) -> Sequence:
        """What `sequence` gives, for those who will not ask for its frames: they may lie far away, and are left there."""
        ...

    def frames(self, key: str) -> list[bytes | BadFile]:
        """The JPEG bytes of all its frames, aligned with `sequence(key).frames`; a missing one is its error, not a gap."""
        ...

    def frame(self, key: str, index: int) -> bytes:
        """The JPEG bytes of one frame (0-based index). Raises BadFrame when it is missing."""
        ...
