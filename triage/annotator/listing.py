"""Lists a live queue completely, or says why not. Reads pages; stores nothing.

Pages of the annotator are LIMIT/OFFSET over one sort column without a tie-break, on a table that people empty meanwhile, so a second
page may skip or repeat rows. The walk therefore never asks for a second page of moving rows:

1. It asks for the first page of `recorded_at >= cursor`, ascending. One answer is one snapshot: every row before the page's last
   timestamp that is in the queue is in it.
2. The cursor moves to that last timestamp, which is asked for again: its ties may lie beyond the page. Repeats are dropped by id.
3. When a whole page has the cursor's timestamp, that one timestamp is listed by itself, and the cursor steps over it.
4. Rows without `recorded_at` lie outside every window: they are listed from the end of the order where the annotator keeps them.

So a row that stays in the queue is listed exactly once; one that leaves may or may not be; one that arrives behind the cursor is left
for the next pull. Where the annotator does not keep its side (not ascending, a tie that never adds up), `why_incomplete` says so.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

from triage.annotator.client import LARGEST_PAGE, SequencePage, SequenceQuery
from triage.annotator.wire import SequenceRow

__all__ = ["Listing", "Pages"]

_EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
_STEP = timedelta(microseconds=1)  # the resolution of the annotator's timestamps
_PASSES = 8


class Pages(Protocol):
    """Who answers pages: `annotator.Client`, or a table in a test."""

    def sequences(
        self,
        query: SequenceQuery,
        *,
        page: int = 1,
        size: int = LARGEST_PAGE,
        order_by: Literal["recorded_at", "created_at"] = "recorded_at",
        descending: bool = False,
    ) -> SequencePage:
        """One page (1-based) of at most `size` rows; LIMIT/OFFSET over whatever is there at that moment."""
        ...


@dataclass
class Listing:
    """One walk over the queue; iterate it once, then read what it found out.

    limit: stop after so many rows; None = all.
    total_first, total_last: what the annotator counted at the beginning and at the end; None = not asked yet.
    repeats: rows that came again and were dropped. unreadable: why a row could not be read, by id (by the reason when the id is not known).
    limited: True = stopped by `limit`, so nothing is claimed of the rest. why_incomplete: empty = complete.
    """

    client: Pages
    query: SequenceQuery
    page_size: int = LARGEST_PAGE
    limit: int | None = None
    total_first: int | None = None
    total_last: int | None = None
    repeats: int = 0
    pages: int = 0
    limited: bool = False
    unreadable: dict[int | str, str] = field(default_factory=dict)
    why_incomplete: list[str] = field(default_factory=list)
    _seen: set[int] = field(default_factory=set)

    @property
    def listed(self) -> int:
        """Distinct sequences so far, the unreadable ones included."""
        return len(self._seen) + len(self.unreadable)

    @property
    def complete(self) -> bool:
        """True when every sequence that stayed in the queue was listed."""
        return not self.limited and not self.why_incomplete

    def __iter__(self) -> Iterator[SequenceRow]:
        """The rows, ascending by recorded_at, each id once; those without recorded_at come last."""
        for row in self._everything():
            if self.limit is not None and len(self._seen) > self.limit:
                self._seen.discard(row.id)
                self.limited = True
                return
            yield row

    def _everything(self) -> Iterator[SequenceRow]:
        whole = yield from self._dated()
        if whole:
            self.total_last = self.total_first if self.total_last is None else self.total_last
            return
        bounded = self.query.since is not None or self.query.until is not None
        self.total_last = self._count(self.query)
        if not bounded:
            yield from self._without_time()

    # -- rows with recorded_at

    def _dated(self) -> Generator[SequenceRow, None, bool]:
        """Walk the windows. Returns True when one answer held everything, rows without recorded_at included."""
        cursor = self.query.since
        while True:
            page = self._page(replace(self.query, since=cursor), size=self.page_size)
            if self.total_first is None:
                self.total_first = page.total
            first_answer = self.pages == 1
            times = [row.recorded_at for row in page.rows if row.recorded_at is not None]
            if times != sorted(times) or (cursor is not None and times and times[0] < cursor):
                self.why_incomplete.append("the annotator's answer was not in the order asked for")
                return False
            yield from self._new(page)
            if page.total <= len(page.rows) + len(page.bad):
                return first_answer
            if not times:
                if page.bad:
                    self.why_incomplete.append(f"a page of {len(page.bad)} rows, none of which could be read")
                return False
            if cursor is None or times[-1] > cursor:
                cursor = times[-1]
            else:
                yield from self._tie(cursor)
                cursor += _STEP
                if self.query.until is not None and cursor > self.query.until:
                    return False

    def _tie(self, moment: datetime) -> Iterator[SequenceRow]:
        """All rows of one timestamp. More than one page of them has no order to rely on, so passes are repeated until they add up."""
        query = replace(self.query, since=moment, until=moment)
        found: set[int | None] = set()
        settled_total: int | None = None
        for attempt in range(_PASSES):
            this_pass: set[int | None] = set()
            totals = set()
            number = 1
            while True:
                page = self._page(query, size=LARGEST_PAGE, number=number, descending=attempt % 2 == 1, by_creation=attempt % 4 >= 2)
                totals.add(page.total)
                this_pass |= {row.id for row in page.rows} | {sequence_id for sequence_id, _ in page.bad}
                yield from self._new(page)
                if number * LARGEST_PAGE >= page.total:
                    break
                number += 1
            total = page.total
            steady = len(totals) == 1 and settled_total in (None, total)
            found = found | this_pass if steady else this_pass
            settled_total = total
            if len(totals) == 1 and (len(this_pass) == total or (steady and len(found) == total)):
                return
        self.why_incomplete.append(f"{settled_total} sequences share {moment:%Y-%m-%dT%H:%M:%SZ}, {_PASSES} passes listed {len(found)}")

    # -- rows without recorded_at

    def _without_time(self) -> Iterator[SequenceRow]:
        """One answer that holds them all proves itself; more of them than a page are counted, and listed again until it adds up."""
        known: set[int] = set()
        before: tuple[int, int] | None = None
        for _ in range(_PASSES):
            found, in_one_answer = yield from self._undated_pages()
            if in_one_answer:
                return
            counted = self._count_dated(), self._count(self.query)
            steady = self._count_dated() == counted[0] and before in (None, counted)
            known = known | found if steady else found
            before = counted
            missing = counted[1] - counted[0]
            if steady and len(known) >= missing:
                return
        self.why_incomplete.append(f"{missing} sequences have no recorded_at, {_PASSES} passes listed {len(known)}")

    def _undated_pages(self) -> Generator[SequenceRow, None, tuple[set[int], bool]]:
        """List them from the end of the order where they are. Returns their ids, and whether one answer held them all.

        Descending, PostgreSQL puts nulls first; a server that puts them last keeps them on the last pages.
        """
        page = self._page(self.query, size=LARGEST_PAGE, descending=True)
        last = -(-page.total // LARGEST_PAGE)
        following = iter(range(2, last + 1))
        if last > 1 and not _undated(page):
            page = self._page(self.query, size=LARGEST_PAGE, number=last, descending=True)
            following = iter(range(last - 1, 0, -1))
        found: set[int] = set()
        answers = 0
        while True:
            here = _undated(page)
            yield from self._new(page)
            found |= here
            answers += bool(here)
            number = next(following, None) if here and len(here) == len(page.rows) else None
            if number is None:
                return found, answers <= 1
            page = self._page(self.query, size=LARGEST_PAGE, number=number, descending=True)

    # -- one page

    def _count(self, query: SequenceQuery) -> int:
        return self._page(query, size=1).total

    def _count_dated(self) -> int:
        return self._count(replace(self.query, since=_EARLIEST))

    def _page(
        self, query: SequenceQuery, *, size: int, number: int = 1, descending: bool = False, by_creation: bool = False
    ) -> SequencePage:
        self.pages += 1
        order_by: Literal["recorded_at", "created_at"] = "created_at" if by_creation else "recorded_at"
        return self.client.sequences(query, page=number, size=size, descending=descending, order_by=order_by)

    def _new(self, page: SequencePage) -> Iterator[SequenceRow]:
        for sequence_id, reason in page.bad:
            self.unreadable[reason if sequence_id is None else sequence_id] = reason
        for row in page.rows:
            if row.id in self._seen:
                self.repeats += 1
            else:
                self._seen.add(row.id)
                yield row


def _undated(page: SequencePage) -> set[int]:
    return {row.id for row in page.rows if row.recorded_at is None}
