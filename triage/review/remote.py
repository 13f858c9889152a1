"""What the annotator says now, for preflight and reconcile. GET only, by the client's transport."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import numpy as np

from triage.annotator import Client, Listing, SequenceQuery
from triage.errors import BadAnswer
from triage.review.handover import LabelsNow
from triage.review.selection import Rows

__all__ = ["WAITING_STAGE", "Questions", "labels_now", "queue_ids", "span_of"]

WAITING_STAGE = "ready_to_annotate"
_ELSEWHERE = ("imported", "no_annotation")
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
                found[row.id] = LabelsNow(
                    tuple(said.smoke_types or ()),
                    tuple(said.false_positive_types or ()),
                    bool(said.is_unsure),
                    said.updated_at,
                    tuple(one.username for one in said.contributors or () if one.username),
                )
        _require_complete(listing, stage)
    return found


class Questions:
    """`handover.Inquiry` over HTTP. Keeps to the given span of time, so that not the whole table is listed."""

    def __init__(self, client: Client, span: Span = (None, None)) -> None:
        self._client, self._span = client, span

    def has_boxes(self, sequence_id: int) -> bool:
        """Whether any frame has a box."""
        frames = self._client.detections(sequence_id)
        return any(frame.algo_predictions is not None and frame.algo_predictions.predictions for frame in frames)

    def stages(self, sequence_ids: Iterable[int]) -> dict[int, str]:
        """Which of these are in a stage before the queue, or in the one of sequences that are not to be annotated."""
        wanted = frozenset(sequence_ids)
        found: dict[int, str] = {}
        for stage in _ELSEWHERE:
            listing = _listed(self._client, stage, self._span)
            found |= {row.id: stage for row in listing if row.id in wanted}
            _require_complete(listing, stage)
        return found
