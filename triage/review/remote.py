"""What the annotator says now, for preflight and reconcile. GET only, by the client's transport."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import numpy as np

from triage.annotator import Client, Listing, SequenceQuery
from triage.errors import BadAnswer
from triage.review.handover import LabelsNow
from triage.review.selection import Rows

__all__ = ["WAITING_STAGE", "labels_now", "queue_ids", "span_of"]

WAITING_STAGE = "ready_to_annotate"
_LABELLED = ("seq_annotation_done", "annotated")

Span = tuple[datetime | None, datetime | None]


def span_of(rows: Rows, ids: Iterable[int]) -> Span:
    """The time in which these sequences were recorded, so that not the whole table is listed; (None, None) when one's time is not known."""
    moments = []
    for number in ids:
        row = rows.row_of(number)
        started = rows.value(row, "started_at") if row is not None else None
        if not isinstance(started, float) or np.isnan(started):
            return None, None
        moments.append(started)
    if not moments:
        return None, None
    margin = timedelta(seconds=1)
    return datetime.fromtimestamp(min(moments), UTC) - margin, datetime.fromtimestamp(max(moments), UTC) + margin


def _listed(client: Client, stage: str, span: Span) -> Listing:
    return Listing(client, SequenceQuery(stage, since=span[0], until=span[1]))


def _require_complete(listing: Listing, stage: str) -> None:
    if not listing.complete:
        raise BadAnswer(f"the listing of {stage} is incomplete ({'; '.join(listing.why_incomplete)}); run the same command again")


def queue_ids(client: Client, span: Span = (None, None)) -> set[int]:
    """The ids that wait in the queue now. Raises BadAnswer when the listing cannot be proved complete: nothing is dropped on a guess."""
    listing = _listed(client, WAITING_STAGE, span)
    ids = {row.id for row in listing}
    _require_complete(listing, WAITING_STAGE)
    return ids


def labels_now(client: Client, span: Span = (None, None)) -> dict[int, LabelsNow]:
    """The labels of every sequence that humans are done with, by id."""
    found: dict[int, LabelsNow] = {}
    for stage in _LABELLED:
        listing = _listed(client, stage, span)
        for row in listing:
            said = row.annotation
            if said is not None:
                found[row.id] = LabelsNow(tuple(said.smoke_types or ()), tuple(said.false_positive_types or ()), bool(said.is_unsure))
        _require_complete(listing, stage)
    return found
