"""Reports: the list, the rows of one as an Arrow stream, and the model behind it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Response

from triage.server.routes._common import ERRORS, IfNoneMatch, ServicesOf, Variant, Version, conditional
from triage.server.rows import ARROW_MEDIA_TYPE
from triage.server.schemas import ModelPanel, ReportSummary

__all__ = ["router"]

router = APIRouter(prefix="/reports", tags=["reports"])


@router.get("", operation_id="listReports")
def reports(services: ServicesOf) -> list[ReportSummary]:
    """Every report that can be opened, the one to open first in front. Empty = nothing was scored or fetched yet."""
    return services.reports()


@router.get(
    "/{variant}/rows.arrow",
    operation_id="getRows",
    response_class=Response,
    responses={**ERRORS, 200: {"description": "Arrow IPC stream, one record batch", "content": {ARROW_MEDIA_TYPE: {}}}},
)
def rows(
    services: ServicesOf,
    variant: Variant,
    v: Version = None,
    if_none_match: IfNoneMatch = None,
    accept_encoding: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """All rows as one Arrow IPC stream with one record batch; columns as in `Row`.

    Text columns of few values (source, label, decision, outcome, triage_bucket, hold_reason, model_version, organization_name,
    camera_name) are dictionary-coded with int32 indices; key is plain text; started_at and last_seen_at are float64 milliseconds since
    1970 UTC; triage_score, score, probability and azimuth are float64; the other numbers are int32, or float64 where a value does not
    fit. A report of several models has one more float64 column for each, `model_scores.<name>`.
    """
    body, etag, encoding = services.rows(variant, accepts_gzip="gzip" in accept_encoding.lower())
    headers = {"Vary": "Accept-Encoding", **({"Content-Encoding": encoding} if encoding else {})}
    # A blind session changes the rows without a new report: only what was asked for by its own version may be kept for good.
    exact = v if v is not None and etag.removesuffix("-gzip") == v else None
    return conditional(body, etag=etag, media_type=ARROW_MEDIA_TYPE, version=exact, asked=if_none_match, headers=headers)


@router.get("/{variant}/model", operation_id="getModel", responses=ERRORS)
def model(services: ServicesOf, variant: Variant) -> ModelPanel:
    """What scored this report."""
    return services.model(variant)
