"""Labelled sequences as aligned arrays, read from a report (by the data contract's columns), its store and, when given, a CSV of labels.

The report's `label` column is used; a CSV `key,label` overrides and adds (that is how decisions come in). Types of false positives
are in the store's meta.json only; without a store they are not known, which is not the same as none.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from triage.errors import BadFile
from triage.evaluation.overlap import fingerprint, unpack_fingerprints
from triage.evaluation.records import Coverage
from triage.files import read_json
from triage.sequences import Sequence, key_of, sequence_id_of

__all__ = ["COLUMNS", "Labelled", "Sample", "read_labels", "read_report"]

#: The columns of results.parquet that are read here.
COLUMNS = ("key", "label", "triage_score", "organization_name", "camera_name")
_LABELS = ("smoke", "fp")
#: What `triage export --format labels` says of what nobody could judge: no truth to measure or learn from.
_UNJUDGED = ("unsure", "unviewable")


@dataclass(frozen=True, slots=True)
class Sample:
    """N labelled sequences, aligned.

    smoke: [N] bool, True = smoke. score: [N] float64 in [0, 1]; NaN = held (null score). dropped: [N] bool, never scored (score NaN).
    organizations: N names. cameras: N names "organization/camera", what intervals resample. types: N tuples of smoke or
    false-positive types; an empty tuple = not known.
    """

    keys: tuple[str, ...]
    smoke: NDArray[np.bool_]
    score: NDArray[np.float64]
    organizations: tuple[str, ...]
    cameras: tuple[str, ...]
    types: tuple[tuple[str, ...], ...] = ()
    dropped: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))

    def __post_init__(self) -> None:
        n = len(self.keys)
        if not self.types:
            object.__setattr__(self, "types", ((),) * n)
        if not len(self.dropped):
            object.__setattr__(self, "dropped", np.zeros(n, dtype=bool))
        lengths = {len(self.smoke), len(self.score), len(self.organizations), len(self.cameras), len(self.types), len(self.dropped), n}
        if lengths != {n}:
            raise ValueError(f"a sample's arrays must be aligned, found lengths {sorted(lengths)}")

    @property
    def scored(self) -> NDArray[np.bool_]:
        """[N] bool: has a finite score."""
        return np.isfinite(self.score)


@dataclass(frozen=True, slots=True)
class Labelled:
    """A report read for evaluation. threshold: the report's own cut; None = its model_config.json names none."""

    sample: Sample
    coverage: Coverage
    variant: str
    model_version: str | None
    threshold: float | None
    trained_on: tuple[str, ...] | None
    unchecked: int


def read_labels(path: Path) -> dict[str, str]:
    """A CSV with the columns `key` (or a bare sequence id) and `label` (smoke, fp or unknown); other columns are ignored.

    "unsure" and "unviewable", which reviewers may say, are unknown here.
    Raises BadFile naming the line when the header, a key or a label is not as expected, or when one key has two labels.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(f"{path}: cannot be read as a CSV of labels ({error})") from error
    reader = csv.DictReader(io.StringIO(text))
    if not {"key", "label"} <= set(reader.fieldnames or ()):
        raise BadFile(f"{path}: expected a header with the columns key,label, found {','.join(reader.fieldnames or ()) or 'nothing'}")
    labels: dict[str, str] = {}
    for row in reader:
        key, label = (row["key"] or "").strip(), (row["label"] or "").strip()
        key = key_of(int(key)) if key.isascii() and key.isdigit() else key
        where = f"{path}, line {reader.line_num}"
        try:
            sequence_id_of(key)
        except BadFile as error:
            raise BadFile(f"{where}: {error}") from error
        label = "unknown" if label in _UNJUDGED else label
        if label not in (*_LABELS, "unknown"):
            raise BadFile(f"{where}: label must be smoke, fp or unknown, found {label!r}")
        if labels.setdefault(key, label) != label:
            raise BadFile(f"{where}: {key} is labelled {labels[key]} above and {label} here; keep one")
    return labels


def read_report(report: Path, *, store: Path | None = None, labels: Path | None = None) -> Labelled:
    """Read `results.parquet`, `model_config.json` and `dropped.json` of a report directory (or of a shard set: same names).

    store: the `sequences` directory, for types, for labels of dropped sequences and for the check against training; None = not at
    hand. Raises BadFile when the report is missing, damaged, or lacks a column.
    """
    table = _read_table(report / "results.parquet")
    config = read_json(report / "model_config.json") if (report / "model_config.json").exists() else {}
    given = read_labels(labels) if labels is not None else {}
    metas = {} if store is None else _metas(store)
    rows = [{**row, "dropped": False} for row in table.to_pylist()]
    rows += _dropped_rows(report, metas)
    chosen, overriding, fingerprints = [], [], []
    for row in rows:
        own, key = row["label"], row["key"]
        label = given.get(key, own)
        if own in _LABELS and label != own:
            overriding.append(key)
        if label in _LABELS:
            meta = _read_meta(metas.get(sequence_id_of(key)))
            types = () if meta is None else meta.smoke_types if label == "smoke" else meta.false_positive_types
            chosen.append({**row, "label": label, "types": types})
            fingerprints.append(None if meta is None else fingerprint(meta))
    known = unpack_fingerprints(config)
    sample = _sample(chosen)
    return Labelled(
        sample=sample,
        coverage=Coverage(
            rows=table.num_rows,
            labelled=len(chosen) - int(sample.dropped.sum()),
            unlabelled=table.num_rows - len(chosen) + int(sample.dropped.sum()),
            dropped=int(sample.dropped.sum()),
            labels_unmatched=tuple(sorted(set(given) - {row["key"] for row in rows})),
            labels_overriding=tuple(sorted(overriding)),
        ),
        variant=report.name,
        model_version=_text(config.get("model_version")),
        threshold=_number(config.get("threshold")),
        trained_on=None if known is None else tuple(k for k, f in zip(sample.keys, fingerprints, strict=True) if f in known),
        unchecked=sum(one is None for one in fingerprints),
    )


def _read_table(path: Path) -> pa.Table:
    if not path.exists():
        raise BadFile(f"{path}: there is no report here; run 'triage score' first, or name one with --report")
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise BadFile(f"{path}: expected a Parquet file, found damage ({error}); run 'triage report' again") from error
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing:
        raise BadFile(f"{path}: expected the column {missing[0]}, found {', '.join(table.column_names)}; run 'triage report' again")
    return table.select(list(COLUMNS))


def _metas(store: Path) -> dict[int, Path]:
    """Where the meta.json of every sequence lies, by sequence id: a directory keeps its name when its camera is renamed."""
    found: dict[int, Path] = {}
    for path in sorted(store.glob("*/*/seq_*/meta.json")):
        number = path.parent.name.removeprefix("seq_")
        if number.isascii() and number.isdigit():
            found.setdefault(int(number), path)
    return found


def _dropped_rows(report: Path, metas: Mapping[int, Path]) -> list[dict[str, Any]]:
    """Rows for dropped sequences; their labels are in the store or in the CSV only."""
    path = report / "dropped.json"
    items: list[Any] = read_json(path) if path.exists() else []
    keys = sorted({str(item["sequence_id"]) for item in items})
    rows = []
    for key in keys:
        meta = _read_meta(metas.get(sequence_id_of(key)))
        rows.append(
            {
                "key": key,
                "label": meta.label if meta else "unknown",
                "triage_score": None,
                "organization_name": meta.organization_name if meta else None,
                "camera_name": meta.camera_name if meta else None,
                "dropped": True,
            }
        )
    return rows


def _read_meta(path: Path | None) -> Sequence | None:
    """None when it is not there or damaged: an evaluation goes on without types, and counts what it could not check."""
    if path is None:
        return None
    try:
        return Sequence.from_meta(read_json(path), str(path))
    except BadFile:
        return None


def _sample(rows: list[dict[str, Any]]) -> Sample:
    rows = sorted(rows, key=lambda row: sequence_id_of(row["key"]))
    scores = [math.nan if row["triage_score"] is None else float(row["triage_score"]) for row in rows]
    organizations = tuple(row["organization_name"] or "unknown" for row in rows)
    return Sample(
        keys=tuple(row["key"] for row in rows),
        smoke=np.array([row["label"] == "smoke" for row in rows], dtype=bool),
        score=np.array(scores, dtype=np.float64),
        organizations=organizations,
        cameras=tuple(f"{org}/{row['camera_name'] or 'unknown'}" for org, row in zip(organizations, rows, strict=True)),
        types=tuple(tuple(row["types"]) for row in rows),
        dropped=np.array([row["dropped"] for row in rows], dtype=bool),
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
