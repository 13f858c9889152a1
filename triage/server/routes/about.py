"""What the server is, and the annotator's words."""

from __future__ import annotations

from fastapi import APIRouter

from triage.server.routes._common import ServicesOf
from triage.server.schemas import Health, Vocabulary
from triage.server.vocabulary import VOCABULARY

__all__ = ["router"]

router = APIRouter(tags=["about"])


@router.get("/health", operation_id="getHealth")
def health(services: ServicesOf) -> Health:
    """Is it up, and what does it stand on."""
    return services.health()


@router.get("/vocabulary", operation_id="getVocabulary")
def vocabulary() -> Vocabulary:
    """The annotator's closed words with the annotators' keys."""
    return VOCABULARY
