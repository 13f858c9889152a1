from __future__ import annotations

import threading
import time

import pytest

from triage.pull.pool import Pool


def test_every_row_is_begun_and_every_job_done_jobs_first() -> None:
    done: list[object] = []

    def begin(row: int) -> None:
        done.append(row)
        for letter in "ab":
            pool.add(f"{row}{letter}")

    pool: Pool[int, str] = Pool(1, iter([1, 2, 3]), begin, done.append, lambda: None)
    pool.run()
    assert done == [1, "1a", "1b", 2, "2a", "2b", 3, "3a", "3b"]
    assert not pool.stopped


def test_jobs_of_one_row_are_shared_by_all_threads() -> None:
    together = threading.Barrier(4, timeout=10)

    def begin(row: int) -> None:
        for _ in range(3):
            pool.add("job")
        together.wait()

    pool: Pool[int, str] = Pool(4, iter([1]), begin, lambda job: [together.wait(), None][1], lambda: None)
    pool.run()  # ends only when one row and three jobs are under way at the same time


def test_an_empty_pool_ends() -> None:
    Pool(8, iter(()), print, print, lambda: None).run()


def test_what_is_raised_stops_the_pool_and_is_raised_again() -> None:
    begun: list[int] = []
    stopping: list[bool] = []

    def begin(row: int) -> None:
        begun.append(row)
        if row == 3:
            raise KeyError(row)
        time.sleep(0.001)

    pool: Pool[int, str] = Pool(2, iter(range(1000)), begin, lambda job: None, lambda: stopping.append(pool.stopped))
    with pytest.raises(KeyError, match="3"):
        pool.run()
    assert len(begun) < 1000
    assert stopping == [True]


def test_a_job_that_adds_jobs_keeps_the_pool_going() -> None:
    done: list[int] = []

    def do(job: int) -> None:
        done.append(job)
        if job:
            pool.add(job - 1)

    pool: Pool[int, int] = Pool(3, iter([5]), lambda row: pool.add(row), do, lambda: None)
    pool.run()
    assert done == [5, 4, 3, 2, 1, 0]
