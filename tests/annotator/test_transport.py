from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import count

import pytest

from tests.annotator.loopback import Loopback, Reply, Seen
from triage.annotator.transport import Answer, Patience, Transport
from triage.errors import AnnotatorUnavailable, BadAnswer

QUICK = Patience(connect=2, read=2, retries=3, backoff=0.01)


def get(server: Loopback, patience: Patience = QUICK, path: str = "/x?Signature=abc") -> Answer:
    transport = Transport(f"{server.url}/login", workers=4, patience=patience)
    try:
        return transport.send("GET", server.url + path, headers={})
    finally:
        transport.close()


def first_then(first: Reply | None, times: int) -> Callable[[Seen], Reply | None]:
    """`first` so many times, then a good answer."""
    number = count()
    return lambda seen: first if next(number) < times else Reply(body=b"good")


@pytest.mark.parametrize(
    "trouble",
    [Reply(500), Reply(502), Reply(503), Reply(429), None, Reply(body=b"half", length=400)],
    ids=["500", "502", "503", "429", "dropped", "cut"],
)
def test_what_may_pass_is_tried_again(trouble: Reply | None) -> None:
    with Loopback(first_then(trouble, 3)) as server:
        assert get(server).data == b"good"
        assert len(server.seen) == 4


@pytest.mark.parametrize(
    ("trouble", "text"),
    [
        (Reply(500), "the server answered 500, 4 tries; run the same command again later"),
        (Reply(429), "the server answered 429"),
        (None, "/x: "),
        (Reply(body=b"half", length=400), "the body was cut: 4 bytes came, 396 more were announced, 4 tries"),
    ],
    ids=["500", "429", "dropped", "cut"],
)
def test_retries_run_out_in_words_without_the_links_signature(trouble: Reply | None, text: str) -> None:
    with Loopback(lambda seen: trouble) as server:
        with pytest.raises(AnnotatorUnavailable, match=text) as caught:
            get(server)
        assert len(server.seen) == 4
        assert "abc" not in str(caught.value)


@pytest.mark.parametrize("status", [200, 301, 400, 401, 403, 404, 422])
def test_other_answers_are_given_back_at_once(status: int) -> None:
    with Loopback(lambda seen: Reply(status)) as server:
        assert get(server).status == status
        assert len(server.seen) == 1


def test_retry_after_in_seconds_is_waited_for_by_every_worker() -> None:
    with Loopback(first_then(Reply(429, headers={"Retry-After": "1"}), 1)) as server:
        transport = Transport(f"{server.url}/login", workers=4, patience=QUICK)
        began = time.monotonic()
        assert transport.send("GET", f"{server.url}/x", headers={}).data == b"good"
        assert time.monotonic() - began >= 1.0
        assert transport.sent == 2


def test_retry_after_as_a_date_is_waited_for() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    with Loopback(first_then(Reply(503, headers={"Retry-After": soon}), 1)) as server:
        began = time.monotonic()
        assert get(server).data == b"good"
        assert 0.5 < time.monotonic() - began < 3


@pytest.mark.parametrize("value", ["soon", "Thu, 99 Nov 2026 00:00:00 GMT", "", "-5"])
def test_an_unreadable_retry_after_is_an_ordinary_pause(value: str) -> None:
    with Loopback(first_then(Reply(429, headers={"Retry-After": value}), 1)) as server:
        assert get(server).data == b"good"


def test_a_server_that_asks_for_too_much_patience_is_unavailable() -> None:
    with (
        Loopback(lambda seen: Reply(429, headers={"Retry-After": "7200"})) as server,
        pytest.raises(AnnotatorUnavailable, match="asks to come back in 7200 s"),
    ):
        get(server)


def test_pauses_double_with_jitter_up_to_a_longest() -> None:
    patience = Patience(backoff=1.0, longest_pause=5.0)
    for attempt, most in enumerate((1.0, 2.0, 4.0, 5.0, 5.0)):
        pauses = [patience.pause(attempt) for _ in range(50)]
        assert most / 2 <= min(pauses) < max(pauses) <= most


def test_a_silent_server_is_not_waited_for_forever() -> None:
    release = threading.Event()

    def silent(seen: Seen) -> Reply:
        release.wait(5)
        return Reply()

    with Loopback(silent) as server:
        try:
            with pytest.raises(AnnotatorUnavailable, match="no answer in time, 1 tries"):
                get(server, Patience(connect=1, read=0.2, retries=0))
        finally:
            release.set()


def test_nobody_listening_and_unknown_names_are_told_apart() -> None:
    with Loopback(lambda seen: Reply()) as server:
        closed = server.url
    transport = Transport(f"{closed}/login", workers=1, patience=Patience(retries=0, connect=2))
    with pytest.raises(AnnotatorUnavailable, match="connection refused"):
        transport.send("GET", f"{closed}/x", headers={})
    with pytest.raises(AnnotatorUnavailable, match="the host's name is not known"):
        transport.send("GET", "http://no-such-host.invalid/x", headers={})


@pytest.mark.parametrize("url", ["http:///x", "http://host:port/x", "ftp://host/x", "http://[::1/x"])
def test_what_is_no_url_is_said_so(url: str) -> None:
    transport = Transport("http://127.0.0.1:9/login", workers=1, patience=QUICK)
    with pytest.raises(BadAnswer, match="expected a URL such as https://host/"):
        transport.send("GET", url, headers={})


def test_a_host_without_a_trusted_certificate_is_refused_without_retries() -> None:
    with Loopback(lambda seen: Reply()) as server:
        transport = Transport(f"{server.url}/login", workers=1, patience=QUICK)
        with pytest.raises(BadAnswer, match="certificate cannot be trusted"):
            transport.send("GET", server.url.replace("http://", "https://"), headers={})
        assert transport.sent == 1


def test_connections_are_kept_and_shared_by_the_workers() -> None:
    with Loopback(lambda seen: Reply()) as server:
        transport = Transport(f"{server.url}/login", workers=4, patience=QUICK)

        def ask() -> None:
            for _ in range(10):
                transport.send("GET", f"{server.url}/x", headers={})

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        transport.close()
        assert len(server.seen) == 40
        assert server.connections <= 4


def test_closing_wakes_whoever_waits() -> None:
    with Loopback(lambda seen: Reply(503, headers={"Retry-After": "60"})) as server:
        transport = Transport(f"{server.url}/login", workers=1, patience=QUICK)
        threading.Timer(0.2, transport.close).start()
        began = time.monotonic()
        with pytest.raises(AnnotatorUnavailable, match="stopped before it was answered"):
            transport.send("GET", f"{server.url}/x", headers={})
        assert time.monotonic() - began < 10
