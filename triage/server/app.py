"""The application factory: guard, error boundary, the routers under /api, and the built page for everything else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.to_thread
from fastapi import FastAPI
from fastapi.routing import APIRoute

from triage.config import Layout
from triage.server import problems
from triage.server.routes import ROUTERS
from triage.server.security import Guard, is_loopback
from triage.server.services import Services, annotator_page
from triage.server.static import Page

__all__ = ["create_app"]

#: Requests answered at the same time by threads; more wait. Decoding releases the interpreter, reading waits for the disk.
_THREADS = 24


def create_app(
    layout: Layout,
    *,
    host: str,
    port: int,
    token: str | None = None,
    page: Path | None,
    variant: str | None = None,
    reviewer: str | None = None,
) -> FastAPI:
    """The viewer's application over one data directory; nothing is read before the first request.

    host, port: what it will be bound to; names other than those of this machine are refused as Host.
    variant: the report to open first; None = the one written last.
    reviewer: who decides when a request does not say; None = TRIAGE_REVIEWER or the login name.
    token: what every visitor must present; None is only for loopback. page: the built page's directory; None = the API alone.
    Raises ValueError when another machine could connect without a token.
    """
    if token is None and not is_loopback(host):
        raise ValueError(f"binding to {host} needs a token")

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = _THREADS
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.to_thread.run_sync, app.state.services.warm)
            yield

    app = FastAPI(
        title="triage viewer",
        summary="Read API over reports, the store and shards.",
        version="1",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
    )
    app.state.services = Services(
        layout,
        compress=not is_loopback(host),
        first=variant,
        reviewer=reviewer,
        annotator_page=annotator_page(),
    )
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router, prefix="/api")
    if page is not None:
        app.mount("/", Page(page))
    app.add_middleware(Guard, host=host, port=port, token=token)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.operation_id or route.name
