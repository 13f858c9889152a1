"""The annotator's table of sequences: rows in their stages, filtered, ordered and paged with LIMIT and OFFSET. No HTTP, no JSON.

Rows can leave the queue (somebody annotated them), arrive late, and grow while they are listed; that is what makes paging hard.
Every method may be called from several threads.
"""

from __future__ import annotations

import random
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from triage.demo.faults import Faults
from triage.demo.world import READY, World
from triage.sequences import STAGES, Frame, Sequence

__all__ = ["Listing", "Row", "Table", "Verdict", "created_at", "parse_time", "stage_filter"]

_FIRST_CREATED = datetime(2026, 6, 1, tzinfo=UTC)


@dataclass(slots=True)
class Row:
    """One sequence in the table. Mutable: it is the server's state.

    recorded_at None = an old row without a time. shown: so many of its frames exist so far. here: False = it has not arrived yet.
    """

    sequence: Sequence
    stage: str
    annotation_id: int
    recorded_at: datetime | None
    smoke_types: tuple[str, ...]
    false_positive_types: tuple[str, ...]
    shown: int
    here: bool = True
    is_unsure: bool = False
    updated_at: datetime | None = None

    @property
    def frames(self) -> tuple[Frame, ...]:
        """The frames that exist so far, in time order."""
        return self.sequence.frames[: self.shown]

    @property
    def created_at(self) -> datetime:
        """When the row was inserted; later ids later, never equal."""
        return created_at(self.sequence.sequence_id)

    @property
    def last_seen_at(self) -> datetime | None:
        """When the object was seen last: later once the sequence has grown."""
        if self.shown < len(self.sequence.frames):
            return parse_time(self.frames[-1].recorded_at) if self.shown else self.recorded_at
        return parse_time(self.sequence.last_seen_at)


@dataclass(frozen=True, slots=True)
class Listing:
    """What a caller asks of the table. stages empty = all of them. Times are inclusive bounds on `recorded_at`."""

    stages: frozenset[str] = frozenset()
    organization_id: int | None = None
    organization_name: str | None = None
    camera_id: int | None = None
    camera_name: str | None = None
    source_api: str | None = None
    platform_alert_id: int | None = None
    recorded_from: datetime | None = None
    recorded_to: datetime | None = None
    by_recorded: bool = False
    descending: bool = True
    page: int = 1
    size: int = 50


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one id of a bulk annotation. reason None = it was applied."""

    sequence_id: int
    reason: str | None
    annotation_id: int | None


class Table:
    """All rows of a world, and what happens to them."""

    def __init__(self, world: World, faults: Faults) -> None:
        self._lock = threading.RLock()
        self._random = random.Random(faults.seed)
        self._faults = faults
        self._pages_served = 0
        self._version = 0
        self._cache: dict[object, tuple[int, list[Row], list[datetime]]] = {}
        late = {sequence.sequence_id for sequence in world.sequences[len(world.sequences) - faults.late :]} if faults.late else set()
        growing = {sequence.sequence_id for sequence in world.sequences[: faults.grow]}
        self._rows: dict[int, Row] = {}
        self._detections: dict[int, tuple[Row, int]] = {}
        for number, sequence in enumerate(world.sequences):
            stage = world.stages.get(sequence.sequence_id, READY)
            done = stage == "annotated"
            whole = len(sequence.frames)
            row = Row(
                sequence=sequence,
                stage=stage,
                annotation_id=number + 1,
                recorded_at=parse_time(sequence.started_at),
                smoke_types=sequence.smoke_types if done else (),
                false_positive_types=sequence.false_positive_types if done else (),
                shown=(whole + 1) // 2 if sequence.sequence_id in growing else whole,
                here=sequence.sequence_id not in late,
                updated_at=created_at(sequence.sequence_id) + timedelta(days=1) if done else None,
            )
            self._rows[sequence.sequence_id] = row
            for index, frame in enumerate(sequence.frames):
                if frame.detection_id is not None:
                    self._detections[frame.detection_id] = (row, index)
        self._by_created = list(self._rows.values())
        self._by_recorded = sorted(
            self._by_created, key=lambda row: (row.recorded_at is None, row.recorded_at or _FIRST_CREATED, row.sequence.sequence_id)
        )

    def rows(self) -> list[Row]:
        """Every row that has arrived, by id."""
        with self._lock:
            return [row for row in self._by_created if row.here]

    def row(self, sequence_id: int) -> Row | None:
        """One row; None = there is none, or it has not arrived."""
        row = self._rows.get(sequence_id)
        return row if row is not None and row.here else None

    def detection(self, detection_id: int) -> Frame | None:
        """One frame by its detection id; None = there is none, or not yet."""
        found = self._detections.get(detection_id)
        if found is None or not found[0].here or found[1] >= found[0].shown:
            return None
        return found[0].sequence.frames[found[1]]

    def page(self, listing: Listing) -> tuple[list[Row], int]:
        """The rows of one page and how many rows the listing has now; then the queue moves on, when it was asked to."""
        with self._lock:
            rows, times = self._selected(listing)
            first, end = 0, len(rows)
            if listing.recorded_from is not None or listing.recorded_to is not None:
                if listing.by_recorded:
                    first = bisect_left(times, listing.recorded_from) if listing.recorded_from else 0
                    end = bisect_right(times, listing.recorded_to) if listing.recorded_to else len(times)
                    end = max(first, end)
                else:
                    rows = [row for row in rows if _inside(row.recorded_at, listing)]
                    end = len(rows)
            total = end - first
            begin = (listing.page - 1) * listing.size
            found = []
            for position in range(begin, min(begin + listing.size, total)):
                index = end - 1 - position if listing.descending else first + position
                if listing.by_recorded and self._faults.unstable_ties:
                    index = _among_ties(index, times, len(rows), listing)
                found.append(rows[index])
            self._pages_served += 1
            if self._faults.churn_every and self._pages_served % self._faults.churn_every == 0:
                self.churn(leave=self._faults.churn_leave, arrive=self._faults.churn_arrive)
            return found, total

    def _selected(self, listing: Listing) -> tuple[list[Row], list[datetime]]:
        exact = (
            ("organization_id", listing.organization_id),
            ("organization_name", listing.organization_name),
            ("camera_id", listing.camera_id),
            ("camera_name", listing.camera_name),
            ("source_api", listing.source_api),
            ("platform_alert_id", listing.platform_alert_id),
        )
        wanted = tuple((name, value) for name, value in exact if value is not None)
        key = (listing.stages, wanted, listing.by_recorded)
        cached = self._cache.get(key)
        if cached is not None and cached[0] == self._version:
            return cached[1], cached[2]
        ordered = self._by_recorded if listing.by_recorded else self._by_created
        rows = [row for row in ordered if row.here and (not listing.stages or row.stage in listing.stages)]
        for name, value in wanted:
            rows = [row for row in rows if getattr(row.sequence, name) == value]
        times = [row.recorded_at for row in rows if row.recorded_at is not None] if listing.by_recorded else []
        self._cache[key] = (self._version, rows, times)
        return rows, times

    def churn(self, *, leave: int, arrive: int) -> None:
        """Let `leave` rows of the queue be annotated with their truth, and `arrive` held-back rows come in."""
        with self._lock:
            waiting = [row for row in self._by_created if row.here and row.stage == READY]
            for row in self._random.sample(waiting, min(leave, len(waiting))):
                self._annotate(row, row.sequence.smoke_types, row.sequence.false_positive_types, is_unsure=False)
            absent = [row for row in self._by_created if not row.here]
            for row in self._random.sample(absent, min(arrive, len(absent))):
                row.here = True
            self._version += 1

    def grow(self) -> None:
        """Every sequence has all its frames from now on."""
        with self._lock:
            for row in self._by_created:
                row.shown = len(row.sequence.frames)

    def bulk(
        self, sequence_ids: Iterable[int], *, smoke_type: str | None, false_positive_type: str | None, is_unsure: bool, force: bool
    ) -> list[Verdict]:
        """Apply one label to many sequences, one after another, as a human's bulk call does."""
        verdicts = []
        with self._lock:
            for sequence_id in sequence_ids:
                row = self.row(sequence_id)
                if row is None:
                    verdicts.append(Verdict(sequence_id, "sequence not found", None))
                elif row.stage not in ("imported", READY, "no_annotation") and not force:
                    verdicts.append(Verdict(sequence_id, "already annotated", row.annotation_id))
                elif not any(frame.boxes for frame in row.frames):
                    verdicts.append(Verdict(sequence_id, "no predictions", None))
                else:
                    self._annotate(
                        row,
                        (smoke_type,) if smoke_type else (),
                        (false_positive_type,) if false_positive_type else (),
                        is_unsure=is_unsure,
                    )
                    verdicts.append(Verdict(sequence_id, None, row.annotation_id))
            self._version += 1
        return verdicts

    def _annotate(self, row: Row, smoke_types: tuple[str, ...], false_positive_types: tuple[str, ...], *, is_unsure: bool) -> None:
        # Smoke still has to be localised by a human; a false positive is finished at once, and so ships as a training negative.
        row.stage = "seq_annotation_done" if smoke_types and not is_unsure else "annotated"
        row.smoke_types, row.false_positive_types, row.is_unsure = smoke_types, false_positive_types, is_unsure
        row.updated_at = datetime.now(UTC)


def stage_filter(words: Iterable[str]) -> frozenset[str]:
    """The known ones of `words`: the annotator ignores a misspelt stage, and so an empty set means the whole table."""
    return frozenset(word for word in words if word in STAGES)


def created_at(number: int) -> datetime:
    """When the row or frame with this id was inserted: later ids later, never equal."""
    return _FIRST_CREATED + timedelta(microseconds=573_574 * number)


def parse_time(text: str | None) -> datetime | None:
    """ISO 8601 with a zone, or without (then UTC); None stays None."""
    if text is None:
        return None
    when = datetime.fromisoformat(text)
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)


def _inside(when: datetime | None, listing: Listing) -> bool:
    if when is None:
        return False
    return (listing.recorded_from is None or when >= listing.recorded_from) and (listing.recorded_to is None or when <= listing.recorded_to)


def _among_ties(index: int, times: list[datetime], count: int, listing: Listing) -> int:
    """Where the row at `index` stands on this page: rows of equal time turn round by the page's number, as an unstable sort may do."""
    if index < len(times):
        low, high = bisect_left(times, times[index]), bisect_right(times, times[index])
    else:
        low, high = len(times), count
    return low + (index - low + listing.page * 7919 + listing.size) % (high - low)
