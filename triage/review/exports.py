"""Decided sequences for other tools: corrections as CSV, labels as CSV and Parquet, boxes as COCO and YOLO, a FiftyOne dataset directory.

Everything is made from the state and a `SequenceSource`; frames are copied only where the format holds images.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from triage.errors import BadFile, BadSetting
from triage.files import open_atomic, write_bytes, write_json
from triage.jpeg import check_frame
from triage.review.fold import Standing, State
from triage.review.selection import Rows
from triage.sequences import Sequence, SequenceSource, key_of

__all__ = ["FORMATS", "Exported", "Format", "export"]

Format = Literal["csv", "labels", "parquet", "coco", "yolo", "fiftyone"]
FORMATS: tuple[Format, ...] = ("csv", "labels", "parquet", "coco", "yolo", "fiftyone")
#: One class per verdict: what a detector is trained to tell apart.
_CLASSES = ("smoke", "false_positive")


@dataclass(frozen=True, slots=True)
class Exported:
    """path: the file or directory. sequences: how many are in it; skipped: key -> why one is not."""

    path: Path
    sequences: int
    skipped: Mapping[str, str]


def export(
    kind: Format, rows: Rows, state: State, source: SequenceSource | None, out: Path, where_ids: frozenset[int] | None = None
) -> Exported:
    """Write one export to `out`. where_ids: only these sequences; None = all. source: needed by coco, yolo and fiftyone.

    Sequences that reviewers disagree about, or keep for later, are in none of them. Raises BadSetting when nothing is decided.
    """
    chosen = [
        (number, standing)
        for number, standing in state.all_standing()
        if rows.row_of(number) is not None and (where_ids is None or number in where_ids)
    ]
    if not any(standing.decision is not None for _, standing in chosen):
        raise BadSetting("nothing to export: no sequence of this report is decided; decide in `triage view` or with `triage decide`")
    if kind == "csv":
        return _corrections(rows, chosen, out)
    if kind == "labels":
        return _labels(chosen, out)
    if kind == "parquet":
        return _parquet(rows, chosen, out)
    if source is None:
        raise BadSetting(f"--format {kind} needs the frames: pull or unpack them first")
    if kind == "coco":
        return _coco(chosen, source, out)
    if kind == "yolo":
        return _yolo(chosen, source, out)
    return _fiftyone(chosen, source, out)


def _csv(out: Path, header: list[str], records: list[list[Any]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(records)
    write_bytes(out, text.getvalue().encode())


def _corrections(rows: Rows, chosen: list[tuple[int, Standing]], out: Path) -> Exported:
    records = []
    for number, standing in chosen:
        row = rows.row_of(number)
        if standing.decision is None or row is None:
            continue
        opinion = standing.opinions[-1]
        old = rows.value(row, "bucket")
        records.append([number, old, standing.decision.words, standing.decision.note, opinion.reviewer, opinion.at])
    _csv(out, ["sequence_id", "old", "new", "reason", "reviewer", "at"], records)
    return Exported(out, len(records), {})


def _labels(chosen: list[tuple[int, Standing]], out: Path) -> Exported:
    """The CSV that `triage evaluate --labels` and `triage audit report --labels` read."""
    words = {"smoke": "smoke", "false_positive": "fp", "unsure": "unsure"}
    records: list[list[Any]] = []
    skipped: dict[str, str] = {}
    for number, standing in chosen:
        label = words.get(standing.decision.verdict) if standing.decision else None
        if label is None:
            skipped[key_of(number)] = "no label: reviewers disagree, or it is kept for later"
        else:
            records.append([key_of(number), label])
    _csv(out, ["key", "label"], records)
    return Exported(out, len(records), skipped)


def _parquet(rows: Rows, chosen: list[tuple[int, Standing]], out: Path) -> Exported:
    records = []
    for number, standing in chosen:
        decision = standing.decision
        row = rows.row_of(number)
        records.append(
            {
                "key": key_of(number),
                "sequence_id": number,
                "verdict": decision.verdict if decision else None,
                "types": list(decision.types) if decision else [],
                "disagreement": decision is None,
                "reviewers": [opinion.reviewer for opinion in standing.opinions],
                "at": max(opinion.at for opinion in standing.opinions),
                "note": decision.note if decision else "",
                "tags": list(decision.tags) if decision else [],
                "triage_score": rows.score(row) if row is not None else None,
                "model_version": rows.model_version,
            }
        )
    schema = pa.schema(
        [
            ("key", pa.string()),
            ("sequence_id", pa.int64()),
            ("verdict", pa.string()),
            ("types", pa.list_(pa.string())),
            ("disagreement", pa.bool_()),
            ("reviewers", pa.list_(pa.string())),
            ("at", pa.string()),
            ("note", pa.string()),
            ("tags", pa.list_(pa.string())),
            ("triage_score", pa.float64()),
            ("model_version", pa.string()),
        ]
    )
    with open_atomic(out) as file:
        pq.write_table(pa.Table.from_pylist(records, schema=schema), file)
    return Exported(out, len(records), {})


@dataclass(frozen=True, slots=True)
class _Shown:
    """One frame of a decided sequence, with its size in pixels."""

    sequence: Sequence
    standing: Standing
    index: int
    data: bytes
    width: int
    height: int

    @property
    def name(self) -> str:
        return f"{self.sequence.key}_{self.index:04d}.jpg"

    @property
    def category(self) -> int:
        decision = self.standing.decision
        return _CLASSES.index(decision.verdict if decision else "")


def _frames(chosen: list[tuple[int, Standing]], source: SequenceSource, skipped: dict[str, str]) -> Iterator[_Shown]:
    for number, standing in chosen:
        key = key_of(number)
        if standing.decision is None or standing.decision.verdict not in _CLASSES:
            skipped[key] = "not decided as smoke or false positive"
            continue
        try:
            sequence, frames = source.sequence(key), source.frames(key)
        except BadFile as error:
            skipped[key] = str(error)
            continue
        for index, data in enumerate(frames):
            if isinstance(data, BadFile):
                skipped[f"{key} frame {index}"] = str(data)
                continue
            try:
                width, height = check_frame(data, f"{key} frame {index}")
            except BadFile as error:
                skipped[f"{key} frame {index}"] = str(error)
                continue
            yield _Shown(sequence, standing, index, data, width, height)


def _coco(chosen: list[tuple[int, Standing]], source: SequenceSource, out: Path) -> Exported:
    skipped: dict[str, str] = {}
    images: list[dict[str, Any]] = []
    boxes: list[dict[str, Any]] = []
    keys = set()
    for frame in _frames(chosen, source, skipped):
        keys.add(frame.sequence.key)
        described = frame.sequence.frames[frame.index]
        images.append(
            {
                "id": len(images) + 1,
                "file_name": f"{frame.sequence.directory}/{described.file}",
                "width": frame.width,
                "height": frame.height,
                "sequence_id": frame.sequence.sequence_id,
                "date_captured": described.recorded_at,
            }
        )
        for box in described.boxes or ():
            x1, y1, x2, y2 = box.xyxyn
            left, top, w, h = x1 * frame.width, y1 * frame.height, (x2 - x1) * frame.width, (y2 - y1) * frame.height
            boxes.append(
                {
                    "id": len(boxes) + 1,
                    "image_id": len(images),
                    "category_id": frame.category + 1,
                    "bbox": [left, top, w, h],
                    "area": w * h,
                    "iscrowd": 0,
                    "score": box.confidence,
                }
            )
    categories = [{"id": number, "name": name} for number, name in enumerate(_CLASSES, start=1)]
    write_json(out, {"images": images, "annotations": boxes, "categories": categories})
    return Exported(out, len(keys), skipped)


def _yolo(chosen: list[tuple[int, Standing]], source: SequenceSource, out: Path) -> Exported:
    """`images/`, `labels/` and `data.yaml`; a false positive is a background image, so its label file is empty."""
    skipped: dict[str, str] = {}
    keys = set()
    for frame in _frames(chosen, source, skipped):
        keys.add(frame.sequence.key)
        boxes = frame.sequence.frames[frame.index].boxes or () if frame.category == _CLASSES.index("smoke") else ()
        lines = ["0 " + " ".join(f"{value:.6f}" for value in box.cxcywh) for box in boxes]
        write_bytes(out / "images" / frame.name, frame.data)
        write_bytes(out / "labels" / f"{Path(frame.name).stem}.txt", "".join(f"{line}\n" for line in lines).encode())
    write_bytes(out / "data.yaml", b"path: .\ntrain: images\nval: images\nnames:\n  0: smoke\n")
    return Exported(out, len(keys), skipped)


def _fiftyone(chosen: list[tuple[int, Standing]], source: SequenceSource, out: Path) -> Exported:
    """A dataset directory of type FiftyOneImageDetectionDataset: `data/`, `labels.json`."""
    skipped: dict[str, str] = {}
    labels: dict[str, list[dict[str, Any]]] = {}
    keys = set()
    for frame in _frames(chosen, source, skipped):
        keys.add(frame.sequence.key)
        write_bytes(out / "data" / frame.name, frame.data)
        labels[Path(frame.name).stem] = [
            {
                "label": frame.category,
                "bounding_box": [box.xyxyn[0], box.xyxyn[1], box.xyxyn[2] - box.xyxyn[0], box.xyxyn[3] - box.xyxyn[1]],
                "confidence": box.confidence,
                "attributes": {"decision": frame.standing.decision.words if frame.standing.decision else ""},
            }
            for box in frame.sequence.frames[frame.index].boxes or ()
        ]
    write_json(out / "labels.json", {"classes": list(_CLASSES), "labels": labels})
    return Exported(out, len(keys), skipped)
