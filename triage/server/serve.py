"""Binding the viewer's port and running the application until Ctrl-C. The only file here that opens a socket."""

from __future__ import annotations

import errno
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from triage.config import Layout
from triage.errors import BadFile, BadSetting
from triage.server.app import create_app
from triage.server.catalog import Catalog
from triage.server.security import is_loopback

__all__ = ["Exposure", "Server", "bind", "locate", "serve", "url_of", "view"]

_LOOPBACK = "127.0.0.1"
_EVERY_ADDRESS = "0.0.0.0"

_PORTS_TO_TRY = 50
_SECONDS_TO_FINISH = 2


def bind(host: str, port: int) -> socket.socket:
    """A socket bound to `host` and `port` (0 = any free one). Raises BadSetting naming a free port, or what is wrong with the host."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (socket.gaierror, UnicodeError) as error:
        raise BadSetting(f"--host {host}: not an address of this machine ({error}); leave it out for 127.0.0.1") from error
    except OverflowError as error:
        raise BadSetting(f"--port {port}: expected a number from 0 to 65535") from error
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
    except OSError as error:
        sock.close()
        raise BadSetting(_why_not_bound(host, port, error)) from error
    return sock


def _why_not_bound(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        free = _next_free(host, port)
        hint = f"`triage view --port {free}` would work" if free else "choose another with --port"
        return f"port {port} is taken, perhaps by a viewer that runs already; {hint}"
    if error.errno == errno.EACCES:
        return f"port {port} may not be used by this account; choose one from 1024 on with --port"
    return f"--host {host}: cannot be bound ({error.strerror}); leave it out for 127.0.0.1"


def _next_free(host: str, port: int) -> int | None:
    for candidate in range(port + 1, min(port + 1 + _PORTS_TO_TRY, 65536)):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as sock:
            try:
                sock.bind((host, candidate))
            except OSError:
                continue
            return candidate
    return None


def url_of(host: str, port: int, token: str | None) -> str:
    """What to type into a browser; bound to every address, the name of this machine stands for them."""
    name = socket.gethostname() if host in (_EVERY_ADDRESS, "::") else host
    shown = f"[{name}]" if ":" in name else name
    return f"http://{shown}:{port}/" + (f"?token={token}" if token else "")


class Server(uvicorn.Server):
    """uvicorn that says when it answers."""

    def __init__(self, app: FastAPI, ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=_SECONDS_TO_FINISH,
                h11_max_incomplete_event_size=64 * 1024,
            )
        )
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, then call `ready`."""
        await super().startup(sockets=sockets)
        if self.started:
            self._ready()


def serve(app: FastAPI, sock: socket.socket, ready: Callable[[], None]) -> None:
    """Answer on `sock` until Ctrl-C, which ends it in order; `ready` is called once, when the first request would be answered."""
    try:
        Server(app, ready).run(sockets=[sock])
    except KeyboardInterrupt:
        pass  # the way to stop it; what was being answered has been answered
    finally:
        sock.close()


@dataclass(frozen=True, slots=True)
class Exposure:
    """Who can reach the server. token None = loopback only."""

    host: str
    port: int
    token: str | None

    @classmethod
    def of(cls, host: str | None, port: int, *, allow_remote: bool) -> Exposure:
        """Loopback, or what `host` names when that was allowed. Raises BadSetting when others could connect and nobody allowed it."""
        chosen = host or (_EVERY_ADDRESS if allow_remote else _LOOPBACK)
        if is_loopback(chosen):
            return cls(chosen, port, None)
        if not allow_remote:
            raise BadSetting(f"--host {chosen}: other machines could see the frames; add --allow-remote to allow it, or leave --host out")
        return cls(chosen, port, secrets.token_urlsafe(24))


def locate(path: Path) -> tuple[Layout, str | None]:
    """The data directory that `path` is or lies in, and the report it names: a data directory, its 02_shards, or one report's directory.

    Raises BadSetting when it is none of these.
    """
    whole = path.resolve()
    layout = Layout(whole.parent)
    if whole == layout.shards.resolve():
        return layout, None
    if len(whole.parents) > 2 and whole.parent == Layout(whole.parents[2]).reports:
        return Layout(whole.parents[2]), whole.name
    if not path.is_dir():
        raise BadSetting(
            f"{path}: expected a data directory, its 02_shards or a report's directory, found none; `triage status` says what is there"
        )
    return Layout(path), None


def view(
    layout: Layout, exposure: Exposure, *, page: Path | None, variant: str | None, ready: Callable[[str], None], reviewer: str | None = None
) -> None:
    """Serve the built page and the API over `layout` until Ctrl-C; `ready` gets the URL once it answers.

    page: see `built_page`; None = it was not built. variant: the report to open first; None = the one written last.
    Raises BadFile when the page was not built or there is no such report, BadSetting when the port or the host cannot be had.
    """
    if page is None:
        raise BadFile("the viewer's page is not built; `make view` in a checkout builds it (needs Node 20), an installed wheel carries it")
    if variant is not None and variant not in (known := [report.variant for report in Catalog(layout).summaries()]):
        there = f"there is {', '.join(known)}" if known else "there is none"
        raise BadSetting(f"--variant {variant}: no such report under {layout.root}; {there}")
    sock = bind(exposure.host, exposure.port)
    port = int(sock.getsockname()[1])
    app = create_app(layout, host=exposure.host, port=port, token=exposure.token, page=page, variant=variant, reviewer=reviewer)
    serve(app, sock, lambda: ready(url_of(exposure.host, port, exposure.token)))
