"""A cache that is bounded and makes each thing once."""

from __future__ import annotations

import threading

import pytest

from triage.server.cache import ByteCache


def test_the_least_recently_used_goes_first() -> None:
    cache: ByteCache[bytes] = ByteCache(10, len)
    for name in "abc":
        cache.get(name, lambda: b"1234")
        cache.get("a", lambda: b"made again")
    assert cache.used == 8
    made = []
    cache.get("b", lambda: made.append("b") or b"1234")  # type: ignore[func-returns-value]
    cache.get("a", lambda: made.append("a") or b"1234")  # type: ignore[func-returns-value]
    assert made == ["b"]


def test_what_is_larger_than_the_cache_is_answered_but_not_kept() -> None:
    cache: ByteCache[bytes] = ByteCache(3, len)
    assert cache.get("a", lambda: b"1234") == b"1234"
    assert (cache.used, len(cache)) == (0, 0)


def test_threads_that_ask_together_share_one_making() -> None:
    cache: ByteCache[bytes] = ByteCache(100, len)
    gate, made, answers = threading.Barrier(9), [], []

    def make() -> bytes:
        made.append(1)
        return b"x" * 10

    def ask() -> None:
        gate.wait(10)
        answers.append(cache.get("a", make))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    gate.wait(10)
    for thread in threads:
        thread.join(10)
    assert len(made) == 1
    assert answers == [b"x" * 10] * 8


def test_an_error_is_raised_and_not_kept() -> None:
    cache: ByteCache[bytes] = ByteCache(100, len)

    def fail() -> bytes:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        cache.get("a", fail)
    assert cache.get("a", lambda: b"yes") == b"yes"
