"""What became of each listed sequence, kept on disk while a pull runs, so that memory does not grow with the queue.

A private SQLite file without a name: SQLite keeps small ones in memory, spills the others into the system's temporary directory, and
nothing is left of it when the process ends, however it ends. The lasting account is queue.json, written from here.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from typing import Literal, NamedTuple

from triage.annotator import SequenceRow

__all__ = ["OUTCOMES", "Entry", "Ledger", "Outcome"]

Outcome = Literal["stored", "already_there", "failed", "left"]
OUTCOMES: tuple[Outcome, ...] = ("stored", "already_there", "failed", "left")
_BATCH = 256

_SCHEMA = """
CREATE TABLE sequence (
    position INTEGER PRIMARY KEY, id INTEGER UNIQUE, alert TEXT, row TEXT, outcome TEXT, reason TEXT, change TEXT, frames INTEGER
);
CREATE INDEX by_alert ON sequence (alert) WHERE alert IS NOT NULL;
CREATE TABLE image (bucket_key TEXT PRIMARY KEY, path TEXT) WITHOUT ROWID;
"""


class Entry(NamedTuple):
    """One listed sequence. outcome None = not tried. change: "new", "grown" or "updated" for stored ones. frames: fetched or shared now."""

    sequence_id: int
    outcome: Outcome | None
    reason: str | None
    change: str | None
    frames: int | None


class Ledger:
    """Rows to do, outcomes, and where each image lies already. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-8192;" + _SCHEMA)
        self._database.execute("BEGIN")

    def close(self) -> None:
        """Drop everything."""
        with self._lock:
            self._database.close()

    # -- sequences

    def add(self, row: SequenceRow) -> None:
        """A listed sequence, to be done in the order of adding."""
        self._run("INSERT INTO sequence (id, alert, row) VALUES (?, ?, ?)", row.id, _alert(row), row.model_dump_json(exclude_defaults=True))

    def add_unreadable(self, sequence_id: int | None, reason: str) -> None:
        """A listed row that could not be read: it failed before it was begun. sequence_id None = not even its id is known."""
        self._run("INSERT OR IGNORE INTO sequence (id, outcome, reason) VALUES (?, 'failed', ?)", sequence_id, reason)

    def todo(self) -> Iterator[SequenceRow]:
        """The sequences without an outcome, in order."""
        after = 0
        while True:
            with self._lock:
                batch = self._database.execute(
                    "SELECT position, row FROM sequence WHERE outcome IS NULL AND position > ? ORDER BY position LIMIT ?", (after, _BATCH)
                ).fetchall()
            if not batch:
                return
            for position, text in batch:
                after = position
                yield SequenceRow.model_validate_json(text)

    def settle(self, sequence_id: int, outcome: Outcome, *, reason: str | None = None, change: str | None = None, frames: int = 0) -> None:
        """What became of a sequence."""
        self._run("UPDATE sequence SET outcome=?, reason=?, change=?, frames=? WHERE id=?", outcome, reason, change, frames, sequence_id)

    def siblings(self, row: SequenceRow) -> list[int]:
        """The other listed sequences of its alert."""
        with self._lock:
            found = self._database.execute("SELECT id FROM sequence WHERE alert=? AND id<>? ORDER BY id", (_alert(row), row.id)).fetchall()
        return [sequence_id for (sequence_id,) in found]

    def entries(self) -> Iterator[Entry]:
        """All of them, in the order of listing."""
        after = 0
        while True:
            with self._lock:
                batch = self._database.execute(
                    "SELECT position, id, outcome, reason, change, frames FROM sequence WHERE position > ? ORDER BY position LIMIT ?",
                    (after, _BATCH),
                ).fetchall()
            if not batch:
                return
            for position, *entry in batch:
                after = position
                yield Entry(*entry)

    def counts(self) -> dict[str, int]:
        """How many of each outcome, every outcome named, and `not_tried`."""
        with self._lock:
            found = dict(self._database.execute("SELECT outcome, count(*) FROM sequence GROUP BY outcome").fetchall())
        return {**{outcome: found.get(outcome, 0) for outcome in OUTCOMES}, "not_tried": found.get(None, 0)}

    def changes(self) -> dict[str, int]:
        """How many of the stored ones are new, grown or updated."""
        with self._lock:
            found = dict(self._database.execute("SELECT change, count(*) FROM sequence WHERE outcome='stored' GROUP BY change").fetchall())
        return {change: found.get(change, 0) for change in ("new", "grown", "updated")}

    # -- images

    def image(self, bucket_key: str) -> str | None:
        """Where the image of that key lies already; None = not known."""
        with self._lock:
            found = self._database.execute("SELECT path FROM image WHERE bucket_key=?", (bucket_key,)).fetchone()
        return found[0] if found else None

    def remember_image(self, bucket_key: str, path: str) -> None:
        """The image of that key lies at `path`."""
        self._run("INSERT OR IGNORE INTO image VALUES (?, ?)", bucket_key, path)

    def _run(self, statement: str, *values: object) -> None:
        with self._lock:
            self._database.execute(statement, values)


def _alert(row: SequenceRow) -> str | None:
    return None if row.platform_alert_id is None else f"{row.source_api}:{row.platform_alert_id}"
