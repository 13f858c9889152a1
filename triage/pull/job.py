"""One pull: list the queue, fetch what is new, account for every sequence."""

from __future__ import annotations

import difflib
import random
import shutil
import time
from dataclasses import dataclass
from typing import Literal

from triage.annotator import LARGEST_PAGE, Client, Listing, SequenceQuery
from triage.config import Layout
from triage.errors import BadAnswer, BadSetting, NoSpace
from triage.files import lock
from triage.progress import Progress
from triage.pull.estimate import SAMPLE, estimate
from triage.pull.fetch import Fetched, Fetcher
from triage.pull.ledger import Ledger
from triage.pull.queue_file import listing_facts, write_queue
from triage.pull.summary import Preview, PullSummary
from triage.sequences import key_of
from triage.store import Store

__all__ = ["PullOptions", "preview", "pull"]

_LOCK = ".pull.lock"
_REASONS_SHOWN = 20
_NAMES_SHOWN = 5
#: A pull that has less room than this is not begun: queue.json and half a sequence must fit.
_LEAST_ROOM = 1_000_000


@dataclass(frozen=True, slots=True)
class PullOptions:
    """What to pull and how. workers: requests in flight. limit: at most so many sequences of the listing; None = all."""

    query: SequenceQuery
    workers: int = 32
    page_size: int = LARGEST_PAGE
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise BadSetting(f"--workers {self.workers}: expected at least 1")
        if not 1 <= self.page_size <= LARGEST_PAGE:
            raise BadSetting(f"--page-size {self.page_size}: expected 1 to {LARGEST_PAGE}, as the annotator allows")
        if self.limit is not None and self.limit < 1:
            raise BadSetting(f"--limit {self.limit}: expected at least 1")
        self.query.parameters()  # refuses an unknown stage


def pull(client: Client, layout: Layout, options: PullOptions) -> PullSummary:
    """List the queue and fetch what the store lacks. Writes the store and queue.json; of the latter what is known also when it stops early.

    Raises what ends the whole job (see `Fetcher.run`), Busy when another pull runs, and BadAnswer when there were sequences and
    every one failed.
    """
    started, sent_before = time.monotonic(), client.requests_sent
    with lock(layout.queue.parent / _LOCK):
        _need_room(layout)
        ledger = Ledger()
        try:
            listing = _list(client, options, ledger)
            fetched = Fetched()
            try:
                with Progress("pull", total=ledger.counts()["not_tried"], unit="sequence") as progress:
                    Fetcher(client, Store(layout.sequences), ledger, options.query, options.workers, progress, fetched).run()
            finally:
                outcomes = ledger.counts()
                counts = {"listed": sum(outcomes.values()), **outcomes}
                write_queue(layout.queue, listing, ledger, counts)
            failures = [(entry.sequence_id, entry.reason or "") for entry in ledger.entries() if entry.outcome == "failed"]
            summary = PullSummary(
                stage=options.query.stage,
                **counts,
                **ledger.changes(),
                fetched=fetched,
                listing=listing_facts(listing),
                failures=tuple(failures[:_REASONS_SHOWN]),
                requests=client.requests_sent - sent_before,
                seconds=time.monotonic() - started,
            )
        finally:
            ledger.close()
    if summary.failed and not summary.stored and not summary.already_there:
        raise _all_failed(summary, layout)
    return summary


def preview(client: Client, layout: Layout, options: PullOptions) -> Preview:
    """What a pull would do. Writes nothing. Sequences that are in the store are counted as there; whether they grew is not asked."""
    store = Store(layout.sequences)
    listing = Listing(client, options.query, options.page_size, options.limit)
    there, new = 0, 0
    sample: list[int] = []
    draw = random.Random(0)  # the same queue, the same sample
    for row in listing:
        if key_of(row.id) in store:
            there += 1
        else:
            new += 1
            if len(sample) < SAMPLE:
                sample.append(row.id)
            elif (place := draw.randrange(new)) < SAMPLE:
                sample[place] = row.id
    if not listing.listed:
        _check_names(client, options.query)
    return Preview(
        stage=options.query.stage,
        listed=listing.listed,
        in_store=there,
        unreadable=len(listing.unreadable),
        estimate=estimate(client, store, new, sample, workers=options.workers),
        free_bytes=_free_bytes(layout),
        listing=listing_facts(listing),
    )


def _list(client: Client, options: PullOptions, ledger: Ledger) -> Listing:
    listing = Listing(client, options.query, options.page_size, options.limit)
    with Progress("list", total=None, unit="sequence") as progress:
        for row in listing:
            ledger.add(row)
            if listing.total_first is not None:
                progress.set_total(listing.total_first if options.limit is None else min(options.limit, listing.total_first))
            progress.advance()
    if not listing.listed:
        _check_names(client, options.query)
    for sequence_id, reason in listing.unreadable.items():
        ledger.add_unreadable(sequence_id if isinstance(sequence_id, int) else None, reason)
    return listing


def _check_names(client: Client, query: SequenceQuery) -> None:
    """An empty queue of a name that the annotator does not know is a mistake, not an empty queue. Raises BadSetting."""
    asked: tuple[tuple[str, str | None, Literal["organizations", "cameras"]], ...] = (
        ("--organization", query.organization, "organizations"),
        ("--camera", query.camera, "cameras"),
    )
    for option, given, kind in asked:
        if given is None:
            continue
        names = client.names(kind)
        if given not in names.values() and not (given.isdigit() and int(given) in names):
            near = difflib.get_close_matches(given, names.values(), 3, 0.5) or sorted(names.values())[:_NAMES_SHOWN]
            raise BadSetting(f"{option} {given!r}: the annotator has no such name or id; there is, for instance, {', '.join(near)}")


def _free_bytes(layout: Layout) -> int:
    existing = next(path for path in (layout.queue.parent, *layout.queue.absolute().parents) if path.exists())
    return shutil.disk_usage(existing).free


def _need_room(layout: Layout) -> None:
    free = _free_bytes(layout)
    if free < _LEAST_ROOM:
        raise NoSpace(f"{layout.root}: {free:,} bytes are free; free some space and run the same command again, nothing is lost")


def _all_failed(summary: PullSummary, layout: Layout) -> BadAnswer:
    sequence_id, reason = summary.failures[0]
    return BadAnswer(f"all {summary.failed} sequences failed; the first, {sequence_id}: {reason}; the others are in {layout.queue}")
