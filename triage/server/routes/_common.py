"""What the routers share: the services of the running application, cache headers, conditional answers."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Header, Path, Query, Request, Response

from triage.server.schemas import Problem
from triage.server.services import Services

__all__ = ["ERRORS", "IfNoneMatch", "Key", "ServicesOf", "Variant", "Version", "conditional"]

#: What any route may answer besides its own model.
ERRORS: dict[int | str, dict[str, object]] = {
    404: {"model": Problem, "description": "No such report, sequence or image"},
    422: {"model": Problem, "description": "A parameter out of its range"},
    500: {"model": Problem, "description": "A file that is damaged, or a bug"},
}

#: With ?v= the URL changes when the content does, so it may be kept for good; without it a copy must be checked each time.
_FOR_GOOD = "private, max-age=31536000, immutable"
_CHECKED = "private, no-cache"


def _services(request: Request) -> Services:
    return cast(Services, request.app.state.services)


ServicesOf = Annotated[Services, Depends(_services)]
Variant = Annotated[str, Path(description="The report, as /api/reports names it")]
Key = Annotated[str, Path(description="Key of the sequence, pyro-annotator_<number>")]
Version = Annotated[str | None, Query(max_length=64, description="`version` of the report or sequence; allows caching for good")]
IfNoneMatch = Annotated[str | None, Header()]


def conditional(
    body: bytes, *, etag: str, media_type: str, version: str | None, asked: str | None, headers: dict[str, str] | None = None
) -> Response:
    """200 with `body`, or 304 when the browser's copy (`asked`, its If-None-Match) is the same."""
    every = {"ETag": f'"{etag}"', "Cache-Control": _FOR_GOOD if version else _CHECKED, **(headers or {})}
    if asked is not None and f'"{etag}"' in asked:
        return Response(status_code=304, headers=every)
    return Response(body, media_type=media_type, headers=every)
