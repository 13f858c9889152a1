"""What an audit works on: the rows by bucket and place, and what reviewers said of them as labels. Read-only."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast
from weakref import WeakKeyDictionary

import numpy as np

from triage.audit.plan import Plan, bucket_digest
from triage.audit.report import AuditLabel, Truth
from triage.errors import BadFile
from triage.review.fold import Standing, State
from triage.review.selection import Rows
from triage.sequences import key_of, sequence_id_of

__all__ = ["Split", "audit_labels", "known_truth", "labels_of", "looked_at", "read_labels", "split_rows", "truth_of"]


@dataclass(frozen=True, slots=True)
class Split:
    """The rows by bucket, with their scores, and where each sequence was seen. digest: of the Unlabel bucket, as `bucket_digest`."""

    unlabel: Mapping[str, float]
    review: Mapping[str, float]
    place_of: Mapping[str, str]
    digest: str


#: Going through every row takes a second where there are 100,000, and a blind session asks at every answer.
_splits: WeakKeyDictionary[Rows, Split] = WeakKeyDictionary()


def split_rows(rows: Rows) -> Split:
    """The report's rows by bucket; held ones are in neither. Made once for the same rows."""
    known = _splits.get(rows)
    if known is None:
        _splits[rows] = known = _split(rows)
    return known


def _split(rows: Rows) -> Split:
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
    return Split(unlabel, review, place_of, bucket_digest(unlabel, rows.threshold, rows.model_version))


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


def _together(first: AuditLabel | None, second: AuditLabel | None) -> AuditLabel | None:
    """A label from a file and one from decisions: where they differ they are unsure together, as two reviewers are."""
    if first is None or second is None or first == second:
        return first or second
    return "unsure"


def labels_of(rows: Rows, state: State, given: Mapping[str, AuditLabel] | None) -> dict[str, AuditLabel]:
    """Every standing decision about the report's rows as a label, by key, with those of `given`."""
    labels: dict[str, AuditLabel] = dict(given or {})
    for number, standing in state.all_standing():
        label = _together(_label_of(standing), labels.get(key_of(number)))
        if label is not None and rows.row_of(number) is not None:
            labels[key_of(number)] = label
    return labels


def looked_at(rows: Rows, state: State) -> frozenset[str]:
    """Keys that somebody decided one by one; a rule over many is no look, and what is kept for later is no decision."""
    return frozenset(
        key_of(number)
        for number, standing in state.all_standing()
        if standing.looked_at and rows.row_of(number) is not None and _label_of(standing) is not None
    )


def audit_labels(rows: Rows, state: State, given: Mapping[str, AuditLabel] | None, plan: Plan) -> dict[str, AuditLabel]:
    """The labels that the audit may count.

    A sampled sequence must have been looked at: a rule over many is no label. A planted smoke was known before, so only answers of blind
    sessions measure the reviewer, and of several reviewers' the worst.
    """
    labels: dict[str, AuditLabel] = {}
    planted = set(plan.planted)
    for key in {*(key for part in plan.strata for key in part.sample), *planted, *plan.decoys}:
        number = sequence_id_of(key)
        said: AuditLabel | None = None
        if key in planted:
            answers = [_label_of(Standing((one,))) for one in state.planted_answers(number)]
            said = "fp" if "fp" in answers else next((label for label in answers if label is not None), None)
        elif rows.row_of(number) is not None:
            standing = state.standing(number)
            said = _label_of(standing) if standing is not None and standing.looked_at else None
        label = _together(said, None if given is None else given.get(key))
        if label is not None:
            labels[key] = label
    return labels


def known_truth(rows: Rows, state: State, given: Mapping[str, AuditLabel] | None, plan: Plan, split: Split) -> Truth:
    """What is known beside the audit's own labels."""
    labels = labels_of(rows, state, given)
    in_sample = {key for part in plan.strata for key in part.sample}
    review_smokes = [key for key in split.review if labels.get(key) == "smoke"]
    later, not_blind = set(), set(given or ())
    for key in in_sample:
        standing = state.standing(sequence_id_of(key))
        if standing is None:
            continue
        if standing.decision is not None and standing.decision.verdict == "later":
            later.add(key)
        if not all(opinion.blind for opinion in standing.opinions):
            not_blind.add(key)
    for key in plan.planted:
        if any(one.decision.verdict == "later" for one in state.planted_answers(sequence_id_of(key))):
            later.add(key)
    return Truth(
        smokes_in_review=len(review_smokes),
        undecided_in_review=sum(key not in labels for key in split.review),
        rescued=frozenset(key for key in split.unlabel if labels.get(key) == "smoke" and key not in in_sample),
        place_of=split.place_of,
        events_with_review_smoke=frozenset(split.place_of[key] for key in review_smokes),
        opened=(looked_at(rows, state) | (given or {}).keys()) - in_sample,
        later=frozenset(later),
        not_blind=frozenset(not_blind),
    )


def truth_of(rows: Rows) -> dict[str, AuditLabel]:
    """The labels that the report itself carries: smoke or fp by key; sequences without one are not in it."""
    known: dict[str, AuditLabel] = {}
    for row, key in enumerate(rows.keys):
        label = rows.value(row, "label")
        if label == "smoke" or label == "fp":
            known[key] = label
    return known
