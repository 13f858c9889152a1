"""One router per topic; each route turns path parts into one call of a service and says how the answer may be cached."""

from __future__ import annotations

from fastapi import APIRouter

from triage.server.routes import about, images, reports, review, sequences

__all__ = ["ROUTERS"]

#: Every router under /api, in the order of the OpenAPI document.
ROUTERS: tuple[APIRouter, ...] = (about.router, reports.router, sequences.router, images.router, review.router)
