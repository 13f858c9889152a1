"""Fetches the frames of listed sequences: one pool of workers over all of them, each sequence ending in exactly one outcome.

A worker takes a frame that waits, or else begins the next sequence: so all workers are busy while there is work, and only a handful of
sequences are open at a time. Two requests of one worker follow each other (link, image); nothing else is serial. An image whose
`bucket_key` was fetched, or is being fetched, for another sequence is copied instead.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from triage.annotator import Client, DetectionRow, SequenceQuery, SequenceRow, parse_time
from triage.errors import AnnotatorUnavailable, BadAnswer, BadFile, BadFrame
from triage.files import sha256_bytes
from triage.jpeg import check_frame
from triage.progress import Progress
from triage.pull.ledger import Ledger
from triage.pull.records import frame_of, sequence_of, timestamp
from triage.sequences import Frame, Sequence, key_of
from triage.store import Store

__all__ = ["Fetched", "Fetcher"]


@dataclass
class Fetched:
    """What was moved. frames: downloaded; shared: copied from another sequence's image; reused: found on disk; size: bytes downloaded."""

    frames: int = 0
    shared: int = 0
    reused: int = 0
    size: int = 0


@dataclass
class _Open:
    """A sequence that was begun: `frames` fill up as images arrive; `failure` is the first reason that it cannot be stored."""

    row: SequenceRow
    stored: Sequence | None
    frames: list[Frame]
    waiting: int = 0
    arrived: int = 0
    failure: BadFile | BadAnswer | AnnotatorUnavailable | None = None
    head: Sequence = field(init=False)  # the record without its frames

    def __post_init__(self) -> None:
        self.head = sequence_of(self.row, (), self.stored)


@dataclass(frozen=True)
class _Job:
    """One image of an open sequence. index: of the frame in `open.frames`. copy: take it from this file instead of the network."""

    open: _Open
    index: int
    copy: Path | None = None

    @property
    def frame(self) -> Frame:
        return self.open.frames[self.index]


@dataclass
class Fetcher:
    """One run. `run` returns when every sequence of the ledger has its outcome."""

    client: Client
    store: Store
    ledger: Ledger
    query: SequenceQuery
    workers: int
    progress: Progress
    fetched: Fetched = field(default_factory=Fetched)
    _images: deque[_Job] = field(default_factory=deque)
    _in_flight: dict[str, list[_Job]] = field(default_factory=dict)  # bucket_key -> who waits for it
    _busy: int = 0
    _unavailable_in_a_row: int = 0
    _fatal: BaseException | None = None
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def run(self) -> None:
        """Fetch everything. Raises what makes going on pointless: credentials, a full disk, an annotator that is gone, a bug of ours.

        On an exception, KeyboardInterrupt included, workers stop at their next step; what was stored stays.
        """
        rows = self.ledger.todo()
        threads = [threading.Thread(target=self._work, args=(rows,), name=f"pull-{n}", daemon=True) for n in range(self.workers)]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                while thread.is_alive():
                    thread.join(0.2)
        except BaseException as error:
            self._stop(error)
            raise
        finally:
            if self._fatal is not None:
                self.client.close()
                for thread in threads:
                    thread.join(2.0)
        if self._fatal is not None:
            raise self._fatal

    # -- the pool

    def _work(self, rows: Iterator[SequenceRow]) -> None:
        while True:
            with self._changed:
                while True:
                    if self._fatal is not None:
                        return
                    task: _Job | SequenceRow | None = self._images.popleft() if self._images else next(rows, None)
                    if task is not None:
                        self._busy += 1
                        break
                    if self._busy == 0:
                        self._changed.notify_all()
                        return
                    self._changed.wait()
            try:
                if isinstance(task, _Job):
                    self._bring(task)
                else:
                    self._begin(task)
            except BaseException as error:
                self._stop(error)
                return
            finally:
                with self._changed:
                    self._busy -= 1
                    if self._busy == 0 or self._images:
                        self._changed.notify_all()

    def _stop(self, error: BaseException) -> None:
        with self._changed:
            if self._fatal is None:
                self._fatal = error
            self._changed.notify_all()

    # -- one sequence

    def _begin(self, row: SequenceRow) -> None:
        stored = self._stored(row)
        if stored is not None and self._is_current(row, stored):
            self._settle_unchanged(row, stored)
            return
        try:
            detections = self.client.detections(row.id)
        except (BadAnswer, AnnotatorUnavailable) as error:
            self._settle_failed(_Open(row, stored, []), error)
            return
        self._answered()
        if not detections:
            self._settle_failed(_Open(row, stored, []), BadFrame(f"sequence {row.id}: the annotator lists no frames"))
            return
        opened = _Open(row, stored, [frame_of(detection) for detection in detections])
        missing = self._take_what_is_there(opened, detections)
        if missing:
            self._know_siblings(row)
        with self._changed:
            opened.waiting = len(missing)
            for index in missing:
                self._enqueue(_Job(opened, index))
            self._changed.notify_all()
        if not missing:
            self._finish(opened)

    def _stored(self, row: SequenceRow) -> Sequence | None:
        key = key_of(row.id)
        if key not in self.store:
            return None
        try:
            return self.store.sequence(key)
        except BadFile:
            return None  # damaged: it is pulled anew

    def _is_current(self, row: SequenceRow, stored: Sequence) -> bool:
        """True when nothing has to be asked: same last_seen_at, boxes and hashes known, every image in place with its size."""
        if row.last_seen_at is None or timestamp(row.last_seen_at) != _same_form(stored.last_seen_at) or not stored.frames:
            return False
        directory = self.store.directory(stored.key)
        return all(
            frame.boxes is not None and frame.sha256 is not None and _size(directory / frame.file) == frame.size for frame in stored.frames
        )

    def _take_what_is_there(self, opened: _Open, detections: tuple[DetectionRow, ...]) -> list[int]:
        """Fill in the frames whose images lie on disk, whole. Returns the indices of the others."""
        known = {frame.detection_id: frame for frame in opened.stored.frames} if opened.stored is not None else {}
        directory = self.store.root / self.store.target(opened.head)
        missing = []
        for index, detection in enumerate(detections):
            before = known.get(detection.id)
            path = directory / (before.file if before is not None else opened.frames[index].file)
            whole = _whole(path, before)
            if whole is None:
                missing.append(index)
            else:
                file = before.file if before is not None else opened.frames[index].file
                opened.frames[index] = replace(opened.frames[index], file=file, sha256=whole[0], size=whole[1])
                self.fetched.reused += 1
        return missing

    def _know_siblings(self, row: SequenceRow) -> None:
        """Images that sequences of the same alert brought in earlier runs need not be fetched again."""
        for sequence_id in self.ledger.siblings(row):
            key = key_of(sequence_id)
            if key not in self.store:
                continue
            try:
                sibling = self.store.sequence(key)
            except BadFile:
                continue
            directory = self.store.directory(key)
            for frame in sibling.frames:
                if frame.bucket_key and frame.sha256 is not None and _size(directory / frame.file) == frame.size:
                    self.ledger.remember_image(frame.bucket_key, str(directory / frame.file))

    # -- one image

    def _enqueue(self, job: _Job) -> None:
        """Queue the fetch of an image, or wait for whoever fetches it already, or copy it. Called with the lock held."""
        key = job.frame.bucket_key
        if key and key in self._in_flight:
            self._in_flight[key].append(job)
            return
        there = self.ledger.image(key) if key else None
        if key and there is None:
            self._in_flight[key] = []
        self._images.append(job if there is None else replace(job, copy=Path(there)))

    def _bring(self, job: _Job) -> None:
        frame, key = job.frame, job.frame.bucket_key
        data: bytes | None = None
        if job.open.failure is None:
            try:
                data = self._copied(job.copy) if job.copy is not None else None
                if data is None and frame.detection_id is not None:
                    data = self.client.fetch_frame(frame.detection_id)
                    self._answered()
                    with self._changed:
                        self.fetched.frames += 1
                        self.fetched.size += len(data)
                else:
                    with self._changed:
                        self.fetched.shared += 1
            except (BadFrame, BadAnswer, AnnotatorUnavailable) as error:
                job.open.failure = job.open.failure or error
        if data is not None:
            self._keep(job, data)
        with self._changed:
            waiting = self._in_flight.pop(key, []) if key and job.copy is None else []
            if data is None:
                for other in waiting:  # the file may be there under another detection: each asks for itself
                    self._enqueue(other)
                waiting = []
            elif key:
                self.ledger.remember_image(key, str(self.store.root / self.store.target(job.open.head) / frame.file))
        for other in waiting:
            if data is not None:
                with self._changed:
                    self.fetched.shared += 1
                self._keep(other, data)
                self._count_down(other.open)
        self._count_down(job.open)

    def _copied(self, path: Path) -> bytes | None:
        """An image from disk, None when it is not whole any more."""
        try:
            data = path.read_bytes()
            check_frame(data)
        except (OSError, BadFrame):
            return None
        return data

    def _keep(self, job: _Job, data: bytes) -> None:
        self.store.write_frame(job.open.head, job.frame.file, data)
        job.open.frames[job.index] = replace(job.frame, sha256=sha256_bytes(data), size=len(data))

    def _count_down(self, opened: _Open) -> None:
        with self._changed:
            opened.waiting -= 1
            opened.arrived += 1
            last = opened.waiting == 0
        if last:
            self._finish(opened)

    # -- outcomes

    def _finish(self, opened: _Open) -> None:
        if opened.failure is not None:
            self._settle_failed(opened, opened.failure)
            return
        sequence = replace(opened.head, frames=tuple(opened.frames))
        if sequence == opened.stored and not opened.arrived:
            self._settle_unchanged(opened.row, sequence)
            return
        self.store.sweep(sequence)
        self.store.write_meta(sequence)
        grown = opened.stored is not None and len(sequence.frames) > len(opened.stored.frames)
        change = "new" if opened.stored is None else "grown" if grown else "updated"
        self.ledger.settle(opened.row.id, "stored", change=change, frames=opened.arrived)
        self.progress.advance(note=f"{self.fetched.frames} frames")

    def _settle_unchanged(self, row: SequenceRow, stored: Sequence) -> None:
        """Same frames; labels and names may still have changed."""
        sequence = sequence_of(row, stored.frames, stored)
        if sequence == replace(stored, started_at=_same_form(stored.started_at), last_seen_at=_same_form(stored.last_seen_at)):
            self.ledger.settle(row.id, "already_there")
        else:
            self.store.write_meta(sequence)
            self.ledger.settle(row.id, "stored", change="updated")
        self.progress.advance()

    def _settle_failed(self, opened: _Open, reason: BadFile | BadAnswer | AnnotatorUnavailable) -> None:
        if isinstance(reason, AnnotatorUnavailable):
            self._not_answered(reason)
        if isinstance(reason, BadFrame) and self._has_left(opened.row):
            self.ledger.settle(opened.row.id, "left")
        else:
            self.ledger.settle(opened.row.id, "failed", reason=str(reason))
        self.progress.advance()

    def _has_left(self, row: SequenceRow) -> bool:
        """Is a sequence whose frames are gone still in the queue? What cannot be told counts as still there."""
        if row.recorded_at is None:
            return False
        narrow = replace(self.query, since=row.recorded_at, until=row.recorded_at)
        if row.camera_id is not None:
            narrow = replace(narrow, camera=str(row.camera_id))
        try:
            page = self.client.sequences(narrow)
        except (BadAnswer, AnnotatorUnavailable):
            return False
        return page.total <= len(page.rows) and all(other.id != row.id for other in page.rows)

    def _answered(self) -> None:
        self._unavailable_in_a_row = 0

    def _not_answered(self, error: AnnotatorUnavailable) -> None:
        """One failure is a sequence's; one after another without any answer is the annotator's, and the pull stops."""
        with self._changed:
            self._unavailable_in_a_row += 1
            hopeless = self._unavailable_in_a_row >= max(8, self.workers)
        if hopeless:
            raise AnnotatorUnavailable(f"{self._unavailable_in_a_row} sequences in a row got no answer; the last: {error}")


def _same_form(text: str | None) -> str | None:
    """A stored timestamp as this module writes them; one that is none stays as it is."""
    try:
        return None if text is None else timestamp(parse_time(text))
    except ValueError:
        return text


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _whole(path: Path, before: Frame | None) -> tuple[str, int] | None:
    """(sha256, size) of an image on disk when it is whole; None when it has to be fetched.

    One whose size is as noted is taken at its word; else it is opened.
    """
    if before is not None and before.sha256 is not None and before.size is not None and _size(path) == before.size:
        return before.sha256, before.size
    try:
        data = path.read_bytes()
        check_frame(data)
    except (OSError, BadFrame):
        return None
    return (sha256_bytes(data), len(data)) if before is None or before.sha256 in (None, sha256_bytes(data)) else None
