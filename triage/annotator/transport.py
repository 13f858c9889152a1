"""Requests that wait, try again and fail in words: retries, back-off, Retry-After, timeouts, whole bodies.

Knows nothing of sequences or tokens; `client` does. Redirects are not followed here: an answer is an answer.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import IncompleteRead

import urllib3
from urllib3 import exceptions as wire_errors

from triage.annotator.guard import ReadOnlyPools
from triage.errors import AnnotatorUnavailable, BadAnswer

__all__ = ["Answer", "Patience", "Transport"]

_log = logging.getLogger("triage.annotator")
_TOO_MANY = 429


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, and how often. All times in seconds.

    retries: tries after the first, for connection errors, cut bodies, 5xx and 429.
    backoff: the first pause; it doubles with every try up to `longest_pause`, times a random factor in [0.5, 1].
    longest_retry_after: a server that asks for more patience than this is unavailable.
    """

    connect: float = 10.0
    read: float = 60.0
    retries: int = 5
    backoff: float = 0.5
    longest_pause: float = 30.0
    longest_retry_after: float = 600.0

    def pause(self, attempt: int) -> float:
        """Seconds to wait after the 0-based `attempt` failed."""
        return float(min(self.longest_pause, self.backoff * 2**attempt) * random.uniform(0.5, 1.0))  # jitter, not a secret


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. headers: names in lower case."""

    status: int
    headers: Mapping[str, str]
    data: bytes

    @property
    def is_web_page(self) -> bool:
        """True when this is HTML, which the API never sends."""
        return "text/html" in self.headers.get("content-type", "").lower() or self.data[:15].lstrip()[:1] == b"<"


class Transport:
    """Sends requests through read-only pools until they are answered or patience runs out. Safe to use from many threads."""

    def __init__(self, login_url: str, *, workers: int, patience: Patience) -> None:
        self._pools = ReadOnlyPools(login_url, workers)
        self._patience = patience
        self._timeout = urllib3.Timeout(connect=patience.connect, read=patience.read)
        self._closed = threading.Event()
        self._not_before = 0.0  # monotonic; moved on by 429: one worker's refusal slows all of them
        self._lock = threading.Lock()
        self._sent = 0

    @property
    def sent(self) -> int:
        """Requests sent so far, retries included."""
        return self._sent

    def close(self) -> None:
        """Wake everyone who waits for a retry (they raise AnnotatorUnavailable) and close the connections."""
        self._closed.set()
        self._pools.close()

    def send(self, method: str, url: str, *, headers: dict[str, str], body: bytes | None = None) -> Answer:
        """The answer, of any status but 429 and 5xx.

        Raises AnnotatorUnavailable when the retries ran out, BadAnswer when the host's certificate cannot be trusted or the URL is none.
        """
        where = url.partition("?")[0]
        for attempt in range(self._patience.retries + 1):
            self._wait(self._not_before - time.monotonic(), where)
            pause = self._patience.pause(attempt)
            try:
                with self._lock:
                    self._sent += 1
                response = self._pools.send(method, url, headers=headers, body=body, timeout=self._timeout)
            except wire_errors.SSLError as problem:
                raise BadAnswer(f"{where}: the host's certificate cannot be trusted ({_reason(problem)}); check the URL") from None
            except wire_errors.LocationValueError:
                raise BadAnswer(f"{where}: expected a URL such as https://host/, found something else") from None
            except wire_errors.HTTPError as problem:
                error = AnnotatorUnavailable(f"{where}: {_reason(problem)}")
            else:
                if response.status != _TOO_MANY and response.status < 500:
                    return Answer(response.status, {name.lower(): value for name, value in response.headers.items()}, response.data)
                error = AnnotatorUnavailable(f"{where}: the server answered {response.status}")
                asked = _retry_after(response.headers.get("Retry-After"))
                if asked is not None:
                    if asked > self._patience.longest_retry_after:
                        raise AnnotatorUnavailable(f"{where}: the server asks to come back in {asked:.0f} s; run the same command then")
                    pause = max(asked, pause)
                    self._hold_all(asked)
            if attempt == self._patience.retries:
                again = "run the same command again later, or look at ANNOTATOR_API_URL"
                raise AnnotatorUnavailable(f"{error}, {attempt + 1} tries; {again}")
            _log.debug("%s; next try in %.1f s", error, pause)
            self._wait(pause, where)
        raise AssertionError("the last attempt returns or raises")

    def _hold_all(self, seconds: float) -> None:
        with self._lock:
            self._not_before = max(self._not_before, time.monotonic() + seconds)

    def _wait(self, seconds: float, where: str) -> None:
        if self._closed.is_set() or (seconds > 0 and self._closed.wait(seconds)):
            raise AnnotatorUnavailable(f"{where}: stopped before it was answered; run the same command again")


def _retry_after(value: str | None) -> float | None:
    """Seconds from now, from `Retry-After: 120` or an HTTP date; None when absent or unreadable, never negative."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _reason(problem: Exception) -> str:
    """The inner cause in a few words, without URLs: those of images are signed."""
    if isinstance(problem, wire_errors.NameResolutionError):
        return "the host's name is not known"
    if isinstance(problem, wire_errors.ConnectTimeoutError) and not isinstance(problem, wire_errors.NewConnectionError):
        return "no connection in time"
    if isinstance(problem, wire_errors.ReadTimeoutError):
        return "no answer in time"
    cut = next((part for part in (problem, *problem.args) if isinstance(part, IncompleteRead)), None)
    if cut is not None:
        partial: object = cut.partial  # urllib3 counts what came, http.client keeps it
        came = len(partial) if isinstance(partial, bytes) else partial
        return f"the body was cut: {came} bytes came, {cut.expected} more were announced"
    cause = problem.__cause__ or problem.__context__ or problem
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    return type(cause).__name__
