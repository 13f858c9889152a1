"""Where a long command is: a bar with rate and time left on a terminal, a log line every few seconds elsewhere.

Everything goes to standard error, so that `--json` output stays clean. `quiet()` silences it for a whole process.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from types import TracebackType
from typing import Any

from tqdm import tqdm

__all__ = ["Progress", "quiet"]

_log = logging.getLogger("triage")
_SECONDS_BETWEEN_LINES = 5.0
_silent = False


def quiet(value: bool = True) -> None:
    """Silence (or unsilence) every Progress made from here on."""
    global _silent
    _silent = value


class Progress:
    """Counts `unit`s done out of `total` (None = not known). Safe to `advance` from several threads.

    >>> with Progress("pull", total=3, unit="frame") as progress:
    ...     progress.advance()
    """

    def __init__(self, label: str, *, total: int | None, unit: str) -> None:
        self._label, self._total, self._unit = label, total, unit
        self._done = 0
        self._started = self._last_line = time.monotonic()
        self._lock = threading.Lock()
        self._bar: Any = None  # a tqdm, which has no useful element type here
        if not _silent and sys.stderr.isatty():
            self._bar = tqdm(total=total, unit=unit, desc=label, file=sys.stderr, unit_scale=False, smoothing=0.1)

    def advance(self, count: int = 1, note: str | None = None) -> None:
        """`count` more are done; `note` is shown beside the bar."""
        with self._lock:
            self._done += count
            if self._bar is not None:
                if note is not None:
                    self._bar.set_postfix_str(note, refresh=False)
                self._bar.update(count)
            elif not _silent and time.monotonic() - self._last_line >= _SECONDS_BETWEEN_LINES:
                self._last_line = time.monotonic()
                self._line(note)

    def set_total(self, total: int) -> None:
        """The total became known, or changed."""
        with self._lock:
            self._total = total
            if self._bar is not None:
                self._bar.total = total
                self._bar.refresh()

    def _line(self, note: str | None) -> None:
        elapsed = max(time.monotonic() - self._started, 1e-9)
        rate = self._done / elapsed
        left = ""
        if self._total is not None and rate > 0:
            left = f" of {self._total}, {max(self._total - self._done, 0) / rate:.0f} s left"
        _log.info("%s: %d%s %ss, %.1f/s%s", self._label, self._done, left, self._unit, rate, f", {note}" if note else "")

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.close()
