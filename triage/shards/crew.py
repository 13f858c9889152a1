"""A few processes of this machine that do the same work side by side, for what threads cannot: every step of it needs the interpreter.

They are those of `concurrent.futures`, fresh interpreters rather than forks: a fork of a process with threads may hang, and would hold the
lock of a parent that was killed. What is added here is that none outlives whoever wanted it, however that ended.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from multiprocessing.connection import wait
from types import TracebackType
from typing import Generic, TypeVar

__all__ = ["Crew", "crew_size", "submitted_ahead"]

#: Below so much work, a crew takes longer to come than to do it.
_WORTH_BYTES = 256_000_000
_LARGEST = 8
#: Tasks a member that are under way or done and not yet asked for, so that none waits for us.
_AHEAD = 4

S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R")


def crew_size(work: int) -> int:
    """How many processes to start for so many bytes of work; 0 = none."""
    size = min(_LARGEST, os.cpu_count() or 1)
    return size if size > 1 and work >= _WORTH_BYTES else 0


class Crew(Generic[T, R]):
    """`size` processes that call `function(shared, task)` for one task after the other. function: of a module, not a closure.

    Use it as a context: leaving it waits for what is under way and begins nothing more.
    """

    def __init__(self, function: Callable[[S, T], R], shared: S, size: int) -> None:
        self._call: Callable[[T], R] = partial(function, shared)
        self._ahead = _AHEAD * size
        self._pool = ProcessPoolExecutor(size, multiprocessing.get_context("spawn"), initializer=_begin)

    def __enter__(self) -> Crew[T, R]:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._pool.shutdown(cancel_futures=True)

    def map(self, tasks: Iterable[T]) -> Iterator[tuple[T, R]]:
        """(task, answer) in the order of the tasks, which are taken as they are needed. Raises what the function raised."""
        for task, answer in submitted_ahead(lambda task: self._pool.submit(self._call, task), tasks, self._ahead):
            yield task, answer.result()


def submitted_ahead(submit: Callable[[T], Future[R]], items: Iterable[T], ahead: int) -> Generator[tuple[T, Future[R]], None, None]:
    """Each item with what `submit` made of it, in the order of the items, which are taken as they are needed: at most `ahead` wait.

    Those that wait when this is left are cancelled.
    """
    waiting: deque[tuple[T, Future[R]]] = deque()
    try:
        for item in items:
            waiting.append((item, submit(item)))
            if len(waiting) >= ahead:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()
    finally:
        for _, future in waiting:
            future.cancel()


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who asked for the work says when it ends
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
    os._exit(1)
