"""The lists people and the annotator work from: unlabeled.json, review.json and hold.json. Pure: a table in, plain data out.

`unlabeled.json` carries the payload of the annotator's bulk call. It is written to disk only: nothing in triage sends it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from triage.report.rows import MODEL_SCORES

__all__ = ["FORMAT", "bulk_payload", "hold_list", "review_list", "unlabeled_list"]

FORMAT = 1


def bulk_payload(sequence_ids: list[int]) -> dict[str, Any]:
    """The body of the annotator's bulk call that labels `sequence_ids` as unlabeled false positives."""
    return {"sequence_ids": sequence_ids, "false_positive_type": "unlabeled", "is_unsure": False, "force": False}


def unlabeled_list(table: pa.Table, threshold: float) -> dict[str, Any]:
    """The unlabeled bucket by ascending score, then sequence id."""
    rows = _bucket(table, "unlabeled").sort_by([("triage_score", "ascending"), ("sequence_id", "ascending")])
    content = _list(threshold, [_item(row) for row in _brief(rows).to_pylist()])
    return {**content, "bulk_payload": bulk_payload(content["sequence_ids"])}


def review_list(table: pa.Table, threshold: float) -> dict[str, Any]:
    """The review bucket by descending score, then ascending sequence id.

    With several models, first those on which the models disagree (some score is at or above the threshold and some below), by descending
    `spread` (largest less smallest score); then the others as above. A model without a score has no say.
    """
    rows = _bucket(table, "review")
    if MODEL_SCORES not in rows.column_names:
        rows = rows.sort_by([("triage_score", "descending"), ("sequence_id", "ascending")])
        return _list(threshold, [_item(row) for row in _brief(rows).to_pylist()])
    items = []
    for row in _brief(rows, MODEL_SCORES).to_pylist():
        known = [score for score in row[MODEL_SCORES].values() if score is not None]
        disagree = any(score >= threshold for score in known) and any(score < threshold for score in known)
        spread = max(known) - min(known) if known else 0.0
        items.append({**_item(row), "disagree": disagree, "spread": spread, MODEL_SCORES: row[MODEL_SCORES]})
    items.sort(key=lambda item: (not item["disagree"], -(item["spread"] if item["disagree"] else item["score"]), item["sequence_id"]))
    return _list(threshold, items)


def hold_list(table: pa.Table, threshold: float, details: Mapping[str, str]) -> dict[str, Any]:
    """The hold bucket by sequence id, each with its reason; `details` by key says more where there is more to say (else null)."""
    rows = _bucket(table, "hold").sort_by([("sequence_id", "ascending")])
    items = [
        {"sequence_id": row["sequence_id"], "key": row["key"], "reason": row["hold_reason"], "detail": details.get(row["key"])}
        for row in rows.select(["sequence_id", "key", "hold_reason"]).to_pylist()
    ]
    return _list(threshold, items)


def _bucket(table: pa.Table, bucket: str) -> pa.Table:
    return table.take(pa.array(np.flatnonzero(pc.equal(table["triage_bucket"], bucket).to_numpy())))


def _brief(table: pa.Table, *more: str) -> pa.Table:
    return table.select(["sequence_id", "key", "triage_score", *more])


def _item(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"sequence_id": row["sequence_id"], "key": row["key"], "score": row["triage_score"]}


def _list(threshold: float, items: list[dict[str, Any]]) -> dict[str, Any]:
    ids = [item["sequence_id"] for item in items]
    return {"format": FORMAT, "threshold": threshold, "count": len(ids), "sequence_ids": ids, "items": items}
