"""Decisions: select, decide, undo, redo, look back, views, snapshots, pace, and the audit's blind worklist."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from triage.server.routes._common import ERRORS, IfNoneMatch, ServicesOf, Variant, conditional
from triage.server.rows import ARROW_MEDIA_TYPE
from triage.server.schemas_review import (
    AnswerIn,
    Assignment,
    AuditOut,
    DecideIn,
    EventOut,
    NamedIn,
    PaceOut,
    ReceiptOut,
    ReviewOut,
    SelectIn,
    SelectOut,
    TargetIn,
    VerdictOut,
    ViewIn,
)

__all__ = ["router"]

router = APIRouter(tags=["review"], responses=ERRORS)

Reviewer = Annotated[str | None, Query(max_length=80)]


@router.get("/review", operation_id="getDesk")
def desk(services: ServicesOf) -> ReviewOut:
    """Who decides by default, saved views, assignments, snapshots, and damage in the logs."""
    return services.review.desk()


@router.get(
    "/reports/{variant}/decisions.arrow",
    operation_id="getDecisions",
    response_class=Response,
    responses={200: {"description": "Arrow IPC stream, one record batch", "content": {ARROW_MEDIA_TYPE: {}}}},
)
def decisions(
    services: ServicesOf,
    variant: Variant,
    snapshot: Annotated[str | None, Query(max_length=200)] = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """What stands, for the rows that somebody has an opinion about: row (int32, its place in rows.arrow), words, reviewer, decided,
    disagreement. snapshot: as it was at that moment."""
    body, tag = services.review.decisions(services.report(variant), snapshot)
    return conditional(body, etag=tag, media_type=ARROW_MEDIA_TYPE, version=None, asked=if_none_match)


@router.post("/reports/{variant}/select", operation_id="countSelection")
def select(services: ServicesOf, variant: Variant, asked: SelectIn) -> SelectOut:
    """How many sequences an expression selects now, and the same as a command; nothing is written."""
    return services.review.select(services.report(variant), asked)


@router.post("/reports/{variant}/decide", operation_id="decide")
def decide(services: ServicesOf, variant: Variant, asked: DecideIn) -> ReceiptOut:
    """Decide a selection with one event; it is on disk when this answers."""
    return services.review.decide(services.report(variant), asked)


@router.post("/undo", operation_id="undo")
def undo(services: ServicesOf, asked: TargetIn) -> ReceiptOut:
    """Take an event back, anybody's; without one, this reviewer's last."""
    return services.review.undo(asked.reviewer, asked.event)


@router.post("/redo", operation_id="redo")
def redo(services: ServicesOf, asked: TargetIn) -> ReceiptOut:
    """Bring back what was undone."""
    return services.review.redo(asked.reviewer, asked.event)


@router.get("/history", operation_id="getHistory")
def history(services: ServicesOf, limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> list[EventOut]:
    """The newest decisions and undos of everybody, newest first."""
    return services.review.history(limit)


@router.get("/reports/{variant}/pace", operation_id="getPace")
def pace(services: ServicesOf, variant: Variant, reviewer: Reviewer = None) -> PaceOut:
    """How far the report is decided, and the time left at the recent pace."""
    return services.review.pace(services.report(variant), reviewer)


@router.post("/views", operation_id="saveView")
def save_view(services: ServicesOf, asked: ViewIn) -> ReceiptOut:
    """Save a view under a name."""
    return services.review.save_view(asked.reviewer, asked.name, asked.view)


@router.post("/assignments", operation_id="assign")
def assign(services: ServicesOf, asked: Assignment) -> ReceiptOut:
    """Give a saved view, or a part of it, to a reviewer."""
    return services.review.assign(asked)


@router.post("/snapshots", operation_id="takeSnapshot")
def snapshot(services: ServicesOf, asked: NamedIn) -> ReceiptOut:
    """Name this moment; decisions.arrow?snapshot= shows it again."""
    return services.review.snapshot(asked.reviewer, asked.name)


@router.get("/reports/{variant}/audit", operation_id="getAudit")
def audit(services: ServicesOf, variant: Variant) -> AuditOut | None:
    """The newest audit's worklist in blind order; null = none was planned for this report."""
    return services.review.audit(services.report(variant))


@router.post("/reports/{variant}/audit/begin", operation_id="beginAudit")
def begin_audit(services: ServicesOf, variant: Variant, reviewer: Reviewer = None) -> ReceiptOut:
    """The blind session of the newest audit begins: until its worklist is labelled, rows and sequences of it are served without score,
    bucket, label and what follows from them, held with the reason "audit". Undo ends it."""
    return services.review.begin_audit(services.report(variant), reviewer)


@router.post("/reports/{variant}/audit/answer", operation_id="answerAudit")
def answer_audit(services: ServicesOf, variant: Variant, asked: AnswerIn) -> ReceiptOut:
    """Say what one sequence of the running session shows; it is on disk when this answers."""
    return services.review.answer(services.report(variant), asked)


@router.post("/reports/{variant}/audit/report", operation_id="reportAudit")
def report_audit(services: ServicesOf, variant: Variant) -> VerdictOut:
    """`triage audit report` for the newest audit: the look is noted in the ledger, a certificate is issued when it is due."""
    return services.review.report_audit(services.report(variant))
