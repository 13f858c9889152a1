"""Who may speak to the server: the Host and Origin rules, the token, and the headers every answer carries. ASGI middleware, no routes.

A page of another site must not reach the reviewer's data through the reviewer's own browser. Three doors are closed:
- DNS rebinding: a name of the attacker that resolves to 127.0.0.1 arrives with that name as its Host. Only names that mean this machine
  and bare addresses (which cannot be rebound) are answered.
- Cross-site requests: browsers say where a request comes from (Sec-Fetch-Site, Origin). What another site started is refused, and
  anything but GET and HEAD must be JSON from the page itself, which a form cannot send.
- Script in names: the Content-Security-Policy lets nothing run or load but the page's own files.
"""

from __future__ import annotations

import hmac
import ipaddress
import socket
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from triage.server.problems import Refused, problem_response

__all__ = ["POLICY", "Guard", "allowed_hosts", "check_request", "is_loopback"]

_READ = frozenset({"GET", "HEAD"})
#: What the page may load and run; a page may state it itself, but who may frame it only a server can say.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; font-src 'self'; connect-src 'self'; "
    "worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'"
)
_HEADERS = {
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


def is_loopback(host: str) -> bool:
    """Does binding to `host` keep the server on this machine?"""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def allowed_hosts(host: str) -> frozenset[str]:
    """Names by which this server may be addressed when bound to `host`, lower case. Bare addresses are judged by `check_request`."""
    if is_loopback(host):
        return frozenset({"localhost"})
    names = {"localhost", host, socket.gethostname(), socket.getfqdn()}
    return frozenset(name.lower() for name in names if name)


def check_request(method: str, headers: Headers, names: Iterable[str], *, loopback_only: bool) -> None:
    """Raise Refused when the request must not be answered. `names`: see `allowed_hosts`."""
    host = headers.get("host", "")
    if len(headers.getlist("host")) != 1 or not _is_ours(host, frozenset(names), loopback_only=loopback_only):
        raise Refused(
            "the request is addressed to another host",
            expected="localhost or an address of this machine",
            found=host[:200],
            next_step="open the URL that `triage view` printed",
        )
    site = headers.get("sec-fetch-site")
    navigation = headers.get("sec-fetch-mode") == "navigate" and method in _READ
    if site not in (None, "same-origin", "none") and not navigation:
        raise Refused("the request was started by another site", expected="Sec-Fetch-Site: same-origin", found=site)
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
        raise Refused("the request was started by another site", expected=f"Origin of {host[:200]}", found=origin[:200])
    if method not in _READ:
        content_type = headers.get("content-type", "").split(";")[0].strip().lower()
        if content_type != "application/json":
            raise Refused("a write must be JSON", expected="Content-Type: application/json", found=content_type[:200])


def _is_ours(host: str, names: frozenset[str], *, loopback_only: bool) -> bool:
    try:
        parts = urlsplit(f"//{host}")
        name, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not name or parts.username is not None or parts.path or parts.query or parts.fragment:
        return False
    if name.lower() in names:
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or not loopback_only


class Guard:
    """ASGI middleware: refuses what `check_request` refuses, demands the token when there is one, and adds the headers to every answer.

    token: None = nobody but this machine can connect, so none is needed. With a token the first visit carries it as `?token=`, which is
    turned into a cookie at once so that it does not stay in the address bar; programs send `Authorization: Bearer`.
    """

    def __init__(self, app: ASGIApp, *, host: str, port: int, token: str | None) -> None:
        self._app = app
        self._cookie = f"triage-token-{port}"  # cookies do not know ports: two viewers on one machine must not overwrite each other's
        self._names = allowed_hosts(host)
        self._loopback_only = is_loopback(host)
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a refusal, or let the request through."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # no websockets are served
            raise RuntimeError(f"a {scope['type']} connection reached an HTTP-only server")

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        answer = self._refusal(scope)
        if answer is not None:
            await answer(scope, receive, with_headers)
        else:
            await self._app(scope, receive, with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        try:
            check_request(scope["method"], headers, self._names, loopback_only=self._loopback_only)
            return None if self._token is None else self._token_answer(scope, headers, self._token)
        except Refused as error:
            return problem_response(error.status, error.problem)

    def _token_answer(self, scope: Scope, headers: Headers, token: str) -> Response | None:
        """None when the token is right; a redirect that stores it; raises Refused."""
        given = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [""])[-1]
        if given and scope["method"] in _READ and _equal(given, token):
            answer = RedirectResponse(scope.get("root_path", "") + "/", status_code=303)
            # Not "strict": whoever clicks the link in a mail would arrive at the redirect without the cookie. What another site starts in
            # the background is refused by `check_request` anyway.
            answer.set_cookie(self._cookie, token, httponly=True, samesite="lax", path="/")
            answer.headers["Cache-Control"] = "no-store"
            return answer
        bearer = headers.get("authorization", "")
        if bearer.startswith("Bearer ") and _equal(bearer.removeprefix("Bearer "), token):
            return None
        if _equal(_cookie(headers, self._cookie), token):
            return None
        raise Refused("a token is needed", expected="the token URL", next_step="open the URL that `triage view` printed, with its ?token=")


def _cookie(headers: Headers, name: str) -> str:
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return morsel.value if morsel else ""


def _equal(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())
