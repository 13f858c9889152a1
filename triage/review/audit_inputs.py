"""What an audit works on: the rows by bucket and place, and what reviewers said of them as labels. Read-only."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import numpy as np

from triage.audit.plan import Plan
from triage.audit.report import AuditLabel
from triage.errors import BadFile
from triage.review.fold import Standing, State
from triage.review.selection import Rows
from triage.sequences import key_of, sequence_id_of

__all__ = ["Split", "audit_labels", "labels_of", "read_labels", "split_rows", "truth_of"]


@dataclass(frozen=True, slots=True)
class Split:
    """The rows by bucket, with their scores, and where each sequence was seen."""

    unlabel: dict[str, float]
    review: dict[str, float]
    place_of: dict[str, str]


def split_rows(rows: Rows) -> Split:
    """The report's rows by bucket; held ones are in neither."""
    unlabel: dict[str, float] = {}
    review: dict[str, float] = {}
    place_of: dict[str, str] = {}
    for row, key in enumerate(rows.keys):
        bucket, score = rows.value(row, "bucket"), rows.score(row)
        place_of[key] = _place(rows, row)
        if bucket == "unlabeled" and score is not None:
            unlabel[key] = score
        elif bucket == "review" and score is not None:
            review[key] = score
    return Split(unlabel, review, place_of)


def _place(rows: Rows, row: int) -> str:
    """Camera, direction and day: what one event shares."""
    started = rows.value(row, "started_at")
    day = "?" if not isinstance(started, float) or np.isnan(started) else f"{datetime.fromtimestamp(started, UTC):%Y-%m-%d}"
    return f"{rows.value(row, 'organization')}|{rows.value(row, 'camera')}|{rows.value(row, 'azimuth')}|{day}"


def read_labels(path: Path) -> dict[str, AuditLabel]:
    """A CSV with the columns `key` (or `sequence_id`) and `label`: smoke, fp, unsure or unviewable. Raises BadFile naming the line."""
    labels: dict[str, AuditLabel] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for line, record in enumerate(csv.DictReader(file), start=2):
                key = record.get("key") or (key_of(int(record["sequence_id"])) if record.get("sequence_id") else "")
                label = (record.get("label") or "").strip()
                if label not in ("smoke", "fp", "unsure", "unviewable"):
                    raise BadFile(f"{path}: line {line}: expected smoke, fp, unsure or unviewable, found {label!r}")
                sequence_id_of(key)
                labels[key] = cast(AuditLabel, label)
    except (OSError, ValueError) as error:
        raise BadFile(f"{path}: expected a CSV with the columns key and label ({error})") from error
    return labels


def _label_of(standing: Standing) -> AuditLabel | None:
    """A decision as a label of the audit; None = no label yet. Reviewers who disagree are unsure together: it counts as smoke."""
    decision = standing.decision
    if decision is None:
        return "unsure"
    if decision.verdict == "unsure":
        return "unviewable" if "unviewable" in decision.tags else "unsure"
    return {"smoke": "smoke", "false_positive": "fp"}.get(decision.verdict)  # type: ignore[return-value]


def labels_of(rows: Rows, state: State, given: Mapping[str, AuditLabel] | None) -> dict[str, AuditLabel]:
    """Every standing decision about the report's rows as a label, by key; `given` labels win."""
    labels: dict[str, AuditLabel] = {}
    for number, standing in state.all_standing():
        label = _label_of(standing)
        if label is not None and rows.row_of(number) is not None:
            labels[key_of(number)] = label
    return labels | dict(given or {})


def audit_labels(
    rows: Rows, state: State, given: Mapping[str, AuditLabel] | None, plan: Plan, planned_at: datetime
) -> dict[str, AuditLabel]:
    """The labels that the audit may count.

    A sampled sequence must have been looked at: a rule over many is no label. A planted smoke was known before, so only what was said
    of it after the plan measures the reviewer. Decoys only hide the others: any decision will do.
    """
    labels = {} if given is None else dict(given)
    sampled, planted = {key for part in plan.strata for key in part.sample}, set(plan.planted)
    for key in {*sampled, *planted, *plan.decoys} - labels.keys():
        standing = state.standing(sequence_id_of(key))
        if standing is None or rows.row_of(sequence_id_of(key)) is None:
            continue
        if key in planted:
            seen = tuple(one for one in standing.opinions if one.looked_at and datetime.fromisoformat(one.at) >= planned_at)
            label = _label_of(Standing(seen)) if seen else None
        else:
            label = _label_of(standing) if standing.looked_at or key not in sampled else None
        if label is not None:
            labels[key] = label
    return labels


def truth_of(rows: Rows) -> dict[str, AuditLabel]:
    """The labels that the report itself carries: smoke or fp by key; sequences without one are not in it."""
    known: dict[str, AuditLabel] = {}
    for row, key in enumerate(rows.keys):
        label = rows.value(row, "label")
        if label == "smoke" or label == "fp":
            known[key] = label
    return known
