"""One sequence of a report, with everything the detail mode shows but the pixels."""

from __future__ import annotations

from fastapi import APIRouter

from triage.server.routes._common import ERRORS, Key, ServicesOf, Variant
from triage.server.schemas import SequenceDetail

__all__ = ["router"]

router = APIRouter(prefix="/reports/{variant}/sequences/{key}", tags=["sequences"])


@router.get("", operation_id="getSequence", responses=ERRORS)
def sequence(services: ServicesOf, variant: Variant, key: Key) -> SequenceDetail:
    """Row, frames, tubes, neighbours and labels of one sequence."""
    return services.detail(variant, key)
