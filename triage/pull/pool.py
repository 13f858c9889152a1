"""A fixed number of threads over two kinds of work: jobs that wait, and rows that are begun only when no job waits.

So all threads are busy while there is work, and only as much is open at a time as they can carry. Knows nothing of what the work is.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

__all__ = ["Pool"]

Row = TypeVar("Row")
Job = TypeVar("Job")
_LOOK_UP_EVERY = 0.2  # seconds between two looks for Ctrl-C
_LET_GO_AFTER = 2.0  # seconds that a stopped thread is waited for; what it writes is atomic


class Pool(Generic[Row, Job]):
    """`run` begins every row, each of which may `add` jobs, and does every job.

    begin, do: called without the lock; whatever they raise stops the pool and is raised by `run`. stopping: called once when it stops
    early, to wake whoever waits for something else.
    lock: reentrant, for the caller's own shared state too.
    """

    def __init__(
        self, workers: int, rows: Iterator[Row], begin: Callable[[Row], None], do: Callable[[Job], None], stopping: Callable[[], None]
    ) -> None:
        self.lock = threading.Condition()
        self._workers, self._rows, self._begin, self._do, self._stopping = workers, rows, begin, do, stopping
        self._jobs: deque[Job] = deque()
        self._busy = 0
        self._fatal: BaseException | None = None

    def add(self, job: Job) -> None:
        """One more job, to be done before the next row is begun."""
        with self.lock:
            self._jobs.append(job)
            self.lock.notify()

    @property
    def stopped(self) -> bool:
        """True once it stops early: what fails from then on fails for that reason."""
        return self._fatal is not None

    def run(self) -> None:
        """Return when everything is done. On an exception, KeyboardInterrupt included, threads stop at their next step."""
        threads = [threading.Thread(target=self._work, name=f"pull-{number}", daemon=True) for number in range(self._workers)]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                while thread.is_alive():
                    thread.join(_LOOK_UP_EVERY)
        except BaseException as error:
            self._stop(error)
        if self._fatal is not None:
            self._stopping()
            for thread in threads:
                thread.join(_LET_GO_AFTER)
            raise self._fatal

    def _work(self) -> None:
        while self._one():
            pass

    def _one(self) -> bool:
        """One piece of work; False when there is none left, or the pool was stopped."""
        with self.lock:
            while True:
                if self._fatal is not None:
                    return False
                if self._jobs:
                    step = self._doing(self._jobs.popleft())
                    break
                row = next(self._rows, None)
                if row is not None:
                    step = self._beginning(row)
                    break
                if self._busy == 0:
                    self.lock.notify_all()
                    return False
                self.lock.wait()
            self._busy += 1
        try:
            step()
        except BaseException as error:
            self._stop(error)
            return False
        finally:
            with self.lock:
                self._busy -= 1
                if self._busy == 0:
                    self.lock.notify_all()
        return True

    def _doing(self, job: Job) -> Callable[[], None]:
        return lambda: self._do(job)

    def _beginning(self, row: Row) -> Callable[[], None]:
        return lambda: self._begin(row)

    def _stop(self, error: BaseException) -> None:
        with self.lock:
            if self._fatal is None:
                self._fatal = error
            self.lock.notify_all()
