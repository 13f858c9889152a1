"""Nothing but GET and the login leaves the machine, and the token goes nowhere else: the guard raises before a socket opens."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
import urllib3

from tests.annotator.loopback import Loopback, Reply
from triage.annotator.guard import ReadOnlyPools, origin_of
from triage.errors import ReadOnlyViolation

TIMEOUT = urllib3.Timeout(connect=2, read=2)


@pytest.fixture
def deaf() -> Iterator[tuple[str, socket.socket]]:
    """A listening socket that nobody serves: whoever connects is counted by `accept`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", listener


def nobody_came(listener: socket.socket) -> bool:
    try:
        listener.accept()[0].close()
    except TimeoutError:
        return True
    return False


def send(url: str, method: str, path: str, **headers: str) -> None:
    pools = ReadOnlyPools(f"{url}/api/v1/auth/login", workers=2)
    pools.send(method, path if "://" in path else url + path, headers=headers, body=b"{}", timeout=TIMEOUT)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/annotations/sequences/bulk"),
        ("POST", "/api/v1/auth/login/"),
        ("POST", "/api/v1/auth/login?next=1"),
        ("POST", "/api/v1/auth/login/../../sequences/"),
        ("POST", "/"),
        ("PUT", "/api/v1/auth/login"),
        ("PATCH", "/api/v1/detections/1"),
        ("DELETE", "/api/v1/sequences/1"),
        ("HEAD", "/api/v1/sequences/"),
        ("OPTIONS", "/api/v1/sequences/"),
        ("get", "/api/v1/sequences/"),
        ("post", "/api/v1/auth/login"),
        ("CONNECT", "/"),
    ],
)
def test_other_requests_raise_before_a_socket_opens(deaf: tuple[str, socket.socket], method: str, path: str) -> None:
    url, listener = deaf
    with pytest.raises(ReadOnlyViolation, match="triage only reads: GET, and POST to the login; nothing was sent"):
        send(url, method, path)
    assert nobody_came(listener)


def test_the_login_of_another_host_may_not_be_posted_to(deaf: tuple[str, socket.socket]) -> None:
    url, listener = deaf
    other = url.replace("127.0.0.1", "localhost")
    with pytest.raises(ReadOnlyViolation):
        send(other, "POST", f"{url}/api/v1/auth/login")
    assert nobody_came(listener)


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
def test_the_token_may_not_leave_for_another_host(deaf: tuple[str, socket.socket], name: str) -> None:
    url, listener = deaf
    other = url.replace("127.0.0.1", "localhost")
    with pytest.raises(ReadOnlyViolation, match="the token belongs to localhost alone") as caught:
        send(other, "GET", f"{url}/image.jpg?Signature=abc", **{name: "Bearer secret"})
    assert nobody_came(listener)
    assert "secret" not in str(caught.value)
    assert "abc" not in str(caught.value)


def test_get_and_the_login_pass() -> None:
    with Loopback(lambda seen: Reply()) as server:
        send(server.url, "POST", "/api/v1/auth/login")
        send(server.url, "GET", "/api/v1/sequences/?page=1", Authorization="Bearer x")
        assert [(seen.method, seen.path) for seen in server.seen] == [("POST", "/api/v1/auth/login"), ("GET", "/api/v1/sequences/?page=1")]


def test_a_proxy_of_the_environment_is_used_and_guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    with Loopback(lambda seen: Reply()) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "")
        monkeypatch.delenv("NO_PROXY", raising=False)
        pools = ReadOnlyPools("http://annotator.invalid/api/v1/auth/login", workers=2)
        pools.send("POST", "http://annotator.invalid/api/v1/auth/login", headers={}, body=b"{}", timeout=TIMEOUT)
        assert [(seen.method, seen.path) for seen in proxy.seen] == [("POST", "http://annotator.invalid/api/v1/auth/login")]
        for method, url in (("PUT", "http://annotator.invalid/api/v1/auth/login"), ("POST", "http://annotator.invalid/other")):
            with pytest.raises(ReadOnlyViolation):
                pools.send(method, url, headers={}, body=b"{}", timeout=TIMEOUT)
        assert len(proxy.seen) == 1
        pools.close()


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://host/x", ("https", "host", 443)),
        ("http://HOST:8000/x", ("http", "host", 8000)),
        ("http://host", ("http", "host", 80)),
        ("http://[::1]:9/x", ("http", "::1", 9)),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, origin: tuple[str, str, int]) -> None:
    assert origin_of(url) == origin
