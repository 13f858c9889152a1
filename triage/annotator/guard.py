"""The lowest layer of the client: connection pools that cannot write to the annotator, and cannot give the token away.

The check sits in the pools themselves, below everything that could build a request, and runs before a socket is asked for: GET is
allowed, POST only to exactly the login URL, and an Authorization header only to the annotator's own origin. Proxies and certificate
bundles are taken from the environment by the rules of `requests`, which are the ones that people know. Used by `transport` alone.
"""

from __future__ import annotations

import os
import threading
from typing import Any
from urllib.parse import urlsplit

import urllib3
from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_environ_proxies, select_proxy
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.response import BaseHTTPResponse

from triage.errors import ReadOnlyViolation

__all__ = ["ReadOnlyPools", "origin_of"]

#: Hosts kept open besides the annotator: the image store, and a mirror or two.
_HOSTS = 8
_PORTS = {"http": 80, "https": 443}


def origin_of(url: str) -> tuple[str, str, int | None]:
    """(scheme, host, port) with the scheme's own port filled in: what a token belongs to."""
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme)


class ReadOnlyPools:
    """Keep-alive pools of `workers` connections per host, for one annotator.

    login_url: the one URL that may be POSTed to.
    """

    def __init__(self, login_url: str, workers: int) -> None:
        self._login_url = login_url
        self._options: dict[str, Any] = {
            "num_pools": _HOSTS,
            "maxsize": workers,
            "block": False,
            "cert_reqs": "CERT_REQUIRED",
            "ca_certs": os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or DEFAULT_CA_BUNDLE_PATH,
        }
        self._managers: dict[str | None, urllib3.PoolManager] = {}  # by proxy; None = straight
        self._proxies: dict[tuple[str, str, int | None], str | None] = {}
        self._lock = threading.Lock()

    def send(self, method: str, url: str, *, headers: dict[str, str], body: bytes | None, timeout: urllib3.Timeout) -> BaseHTTPResponse:
        """One request, one answer with its body read; no retries and no redirects. Raises urllib3's errors.

        Raises ReadOnlyViolation, before anything is sent, for every request that could write or that carries the token elsewhere.
        """
        return self._manager(url).urlopen(
            method, url, headers=headers, body=body, timeout=timeout, redirect=False, retries=False, preload_content=True
        )

    def close(self) -> None:
        """Close the idle connections."""
        for manager in self._managers.values():
            manager.clear()

    def _manager(self, url: str) -> urllib3.PoolManager:
        try:
            origin = origin_of(url)
        except ValueError:
            raise urllib3.exceptions.LocationParseError(_without_query(url)) from None
        with self._lock:
            if origin not in self._proxies:
                self._proxies[origin] = select_proxy(url, get_environ_proxies(url))
            proxy = self._proxies[origin]
            if proxy not in self._managers:
                manager = urllib3.ProxyManager(proxy, **self._options) if proxy else urllib3.PoolManager(**self._options)
                manager.pool_classes_by_scheme = _guarded_pools(self._login_url)
                self._managers[proxy] = manager
            return self._managers[proxy]


def _guarded_pools(login_url: str) -> dict[str, type[HTTPConnectionPool]]:
    api = origin_of(login_url)

    def check(pool: HTTPConnectionPool, method: str, url: str, headers: Any) -> None:
        # Through a proxy the URL is absolute already; else it is the path on the pool's host.
        full = url if "://" in url else f"{pool.scheme}://{_bracketed(pool.host)}:{pool.port or _PORTS[pool.scheme]}{url}"
        is_login = method == "POST" and origin_of(full) == api and _path_and_query(full) == _path_and_query(login_url)
        if method != "GET" and not is_login:
            raise ReadOnlyViolation(f"{method} {_without_query(full)}: triage only reads: GET, and POST to the login; nothing was sent")
        if any(name.lower() == "authorization" for name in headers or ()) and origin_of(full) != api:
            raise ReadOnlyViolation(f"{method} {_without_query(full)}: the token belongs to {api[1]} alone; nothing was sent")

    class ReadOnlyHTTP(HTTPConnectionPool):
        def urlopen(self, method: str, url: str, body: Any = None, headers: Any = None, *args: Any, **kwargs: Any) -> BaseHTTPResponse:
            check(self, method, url, headers)
            return super().urlopen(method, url, body, headers, *args, **kwargs)

    class ReadOnlyHTTPS(HTTPSConnectionPool):
        def urlopen(self, method: str, url: str, body: Any = None, headers: Any = None, *args: Any, **kwargs: Any) -> BaseHTTPResponse:
            check(self, method, url, headers)
            return super().urlopen(method, url, body, headers, *args, **kwargs)

    return {"http": ReadOnlyHTTP, "https": ReadOnlyHTTPS}


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _path_and_query(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.path, parts.query


def _without_query(url: str) -> str:
    """Links are signed in their query: it stays out of messages."""
    return url.partition("?")[0]
