"""Fetches the frames of listed sequences: one pool of workers over all of them, each sequence ending in exactly one outcome.

A worker takes a frame that waits, or else begins the next sequence: so all workers are busy while there is work, and only a handful of
sequences are open at a time. Two requests of one worker follow each other (link, image); nothing else is serial. An image whose
`bucket_key` was fetched, or is being fetched, for another sequence is copied instead.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from triage.annotator import Client, SequenceQuery, SequenceRow
from triage.errors import AnnotatorUnavailable, BadAnswer, BadFile, BadFrame
from triage.files import sha256_bytes
from triage.progress import Progress
from triage.pull.ledger import Ledger
from triage.pull.pool import Pool
from triage.pull.present import is_current, read_whole, same_form, shared_images, stored_sequence, whole_image
from triage.pull.records import frame_of, sequence_of
from triage.sequences import Frame, Sequence
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
    _pool: Pool[SequenceRow, _Job] = field(init=False)
    _in_flight: dict[str, list[_Job]] = field(default_factory=dict)  # bucket_key -> who waits for it
    _unavailable_in_a_row: int = 0

    def __post_init__(self) -> None:
        self._pool = Pool(self.workers, self.ledger.todo(), self._begin, self._bring, self.client.close)

    def run(self) -> None:
        """Fetch everything. Raises what makes going on pointless: credentials, a full disk, an annotator that is gone, a bug of ours.

        What was stored stays.
        """
        self._pool.run()

    # -- one sequence

    def _begin(self, row: SequenceRow) -> None:
        stored = stored_sequence(self.store, row.id)
        if stored is not None and is_current(self.store, row, stored):
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
        missing = self._take_what_is_there(opened)
        if not missing:
            self._finish(opened)
            return
        for sibling in self.ledger.siblings(row):
            for bucket_key, path in shared_images(self.store, sibling):
                self.ledger.remember_image(bucket_key, path)
        with self._pool.lock:
            opened.waiting = len(missing)
            for index in missing:
                self._enqueue(_Job(opened, index))

    def _take_what_is_there(self, opened: _Open) -> list[int]:
        """Fill in the frames whose images lie on disk, whole. Returns the indices of the others."""
        known = {frame.detection_id: frame for frame in opened.stored.frames} if opened.stored is not None else {}
        directory = self.store.root / self.store.target(opened.head)
        missing = []
        for index, frame in enumerate(opened.frames):
            before = known.get(frame.detection_id)
            file = frame.file if before is None else before.file
            whole = whole_image(directory / file, before)
            if whole is None:
                missing.append(index)
            else:
                opened.frames[index] = replace(frame, file=file, sha256=whole[0], size=whole[1])
        with self._pool.lock:
            self.fetched.reused += len(opened.frames) - len(missing)
        return missing

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
        self._pool.add(job if there is None else replace(job, copy=Path(there)))

    def _bring(self, job: _Job) -> None:
        data = None
        if job.open.failure is None:
            try:
                data = self._image(job)
            except (BadFrame, BadAnswer, AnnotatorUnavailable) as error:
                job.open.failure = job.open.failure or error
        if data is not None:
            self._keep(job, data)
        for other in self._those_who_waited(job, came=data is not None):
            if data is not None:
                self._keep(other, data)
                self._count_down(other.open)
        self._count_down(job.open)

    def _image(self, job: _Job) -> bytes:
        data = None if job.copy is None else read_whole(job.copy)
        if data is not None:
            with self._pool.lock:
                self.fetched.shared += 1
            return data
        assert job.frame.detection_id is not None  # frames here are made of detections
        data = self.client.fetch_frame(job.frame.detection_id)
        self._answered()
        with self._pool.lock:
            self.fetched.frames += 1
            self.fetched.size += len(data)
        return data

    def _those_who_waited(self, job: _Job, *, came: bool) -> list[_Job]:
        """Who gets a copy. When the image did not come nobody does: it may be there under another detection, so each asks for itself."""
        key = job.frame.bucket_key
        if not key:
            return []
        with self._pool.lock:
            waiting = self._in_flight.pop(key, []) if job.copy is None else []
            if came:
                self.ledger.remember_image(key, str(self.store.root / self.store.target(job.open.head) / job.frame.file))
                self.fetched.shared += len(waiting)
                return waiting
            for other in waiting:
                self._enqueue(other)
            return []

    def _keep(self, job: _Job, data: bytes) -> None:
        self.store.write_frame(job.open.head, job.frame.file, data)
        job.open.frames[job.index] = replace(job.frame, sha256=sha256_bytes(data), size=len(data))

    def _count_down(self, opened: _Open) -> None:
        with self._pool.lock:
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
        if sequence == replace(stored, started_at=same_form(stored.started_at), last_seen_at=same_form(stored.last_seen_at)):
            self.ledger.settle(row.id, "already_there")
        else:
            self.store.write_meta(sequence)
            self.ledger.settle(row.id, "stored", change="updated")
        self.progress.advance()

    def _settle_failed(self, opened: _Open, reason: BadFile | BadAnswer | AnnotatorUnavailable) -> None:
        if isinstance(reason, AnnotatorUnavailable):
            if self._pool.stopped:
                return  # its request was given up, not refused: it counts as not tried
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
        with self._pool.lock:
            self._unavailable_in_a_row += 1
            hopeless = self._unavailable_in_a_row >= max(8, self.workers)
        if hopeless:
            raise AnnotatorUnavailable(f"{self._unavailable_in_a_row} sequences in a row got no answer; the last: {error}")
