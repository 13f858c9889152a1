"""A few processes of this machine that do the same work side by side, for what threads cannot: every step of it needs the interpreter.

A crew member is a fresh interpreter that imports little, reads tasks from a pipe and writes answers to another. A third pipe is its
lifeline: when the process that wanted it is gone, however it died, the member is gone at once.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, TypeVar

__all__ = ["Crew", "crew_size"]

#: Below so much work, a crew takes longer to come than to do it.
_WORTH_BYTES = 256_000_000
_LARGEST = 8
#: Tasks that wait at a member while it works on one, so that it never waits for us.
_WAITING = 2

T = TypeVar("T")


def crew_size(work: int) -> int:
    """How many processes to start for so many bytes of work; 0 = none."""
    size = min(_LARGEST, os.cpu_count() or 1)
    return size if size > 1 and work >= _WORTH_BYTES and sys.executable else 0


class _Member:
    """One process, and what it has been asked."""

    def __init__(self, function: str, shared: object) -> None:
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        theirs_life, self._life = os.pipe()
        path = os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])])
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-m", __name__, *map(str, (theirs_in, theirs_out, theirs_life))],
                pass_fds=(theirs_in, theirs_out, theirs_life),
                env={**os.environ, "PYTHONPATH": path},
            )
        finally:
            for theirs in (theirs_in, theirs_out, theirs_life):
                os.close(theirs)
        self.tasks, self.answers = Connection(ours_out, readable=False), Connection(ours_in, writable=False)
        self.asked: deque[list[Any]] = deque()
        self.tasks.send((function, shared))

    def ask(self, slot: list[Any]) -> None:
        self.asked.append(slot)
        self.tasks.send(slot[0])

    def answer(self) -> None:
        """Wait for the next answer and put it into its slot. Raises what the member raised."""
        try:
            good, value = self.answers.recv()
        except EOFError as error:
            raise RuntimeError(f"a helping process ended with {self.process.wait()} before its work did") from error
        if not good:
            raise value
        self.asked.popleft().append(value)

    def dismiss(self) -> None:
        self.tasks.close()
        self.answers.close()
        os.close(self._life)
        self.process.kill()  # whatever it still does, nobody asks for
        self.process.wait()


class Crew(Generic[T]):
    """Processes that each call `function` (as "module:name") with (shared, task) for one task after the other.

    They start when first asked. Use it as a context: leaving it ends them at once.
    """

    def __init__(self, function: str, shared: object, size: int) -> None:
        self._function, self._shared, self._size = function, shared, size
        self._members: list[_Member] = []

    def __enter__(self) -> Crew[T]:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for member in self._members:
            member.dismiss()
        self._members = []

    def map(self, tasks: Iterable[T]) -> Iterator[tuple[T, Any]]:
        """(task, answer) in the order of the tasks; a bounded number is under way. Raises what the function raised.

        To be read to its end before the next `map`.
        """
        waiting: deque[list[Any]] = deque()
        left, more = iter(tasks), True
        while True:
            while more and len(waiting) < 2 * _WAITING * self._size:
                member = min(self._members, key=lambda each: len(each.asked), default=None)
                if member is not None and len(member.asked) >= _WAITING:
                    break
                slot: list[Any] = list(islice(left, 1))
                if more := bool(slot):
                    if member is None:
                        self._members = [_Member(self._function, self._shared) for _ in range(self._size)]
                        member = self._members[0]
                    waiting.append(slot)
                    member.ask(slot)
            if not waiting:
                return
            if len(waiting[0]) == 2:
                task, answer = waiting.popleft()
                yield task, answer
            else:
                self._listen()

    def _listen(self) -> None:
        """Take what has come; at least one answer."""
        busy = {member.answers: member for member in self._members if member.asked}
        for ready in wait(list(busy)):
            busy[ready].answer()  # type: ignore[index]  # what was given to wait comes back


def _end_with(lifeline: int) -> None:
    os.read(lifeline, 1)  # nobody writes: it returns when the other end is closed
    os._exit(1)


def _serve(tasks: Connection, answers: Connection) -> None:
    function, shared = tasks.recv()
    module, _, name = function.partition(":")
    call = getattr(importlib.import_module(module), name)
    while True:
        task = tasks.recv()
        try:
            answer = True, call(shared, task)
        except Exception as error:  # it is raised where the task came from
            answer = False, error
        answers.send(answer)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who asked for the work says when it ends
    threading.Thread(target=_end_with, args=(int(sys.argv[3]),), daemon=True).start()
    with contextlib.suppress(EOFError, BrokenPipeError):
        _serve(Connection(int(sys.argv[1]), writable=False), Connection(int(sys.argv[2]), readable=False))
