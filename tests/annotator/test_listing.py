"""The listing against a table that changes under it: what stays in the queue is listed exactly once, whatever else happens."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triage.annotator import Client, Listing, SequencePage, SequenceQuery, SequenceRow
from triage.demo.faults import Faults
from triage.demo.server import AnnotatorServer
from triage.demo.world import World, plain_world

START = datetime(2026, 5, 1, 8, tzinfo=UTC)
READY = SequenceQuery("ready_to_annotate")


def row(number: int, minute: int | None) -> SequenceRow:
    return SequenceRow(id=number, recorded_at=None if minute is None else START + timedelta(minutes=minute))


@dataclass
class TableOfRows:
    """LIMIT/OFFSET over one column without a tie-break, on rows that leave and arrive after every page.

    leaving, arriving: what happens after the n-th page. nulls_first: where a descending order puts rows without a time.
    """

    rows: dict[int, SequenceRow]
    leaving: dict[int, list[int]] = field(default_factory=dict)
    arriving: dict[int, list[SequenceRow]] = field(default_factory=dict)
    nulls_first: bool = True
    seed: int = 0
    asked: list[tuple[SequenceQuery, int, int]] = field(default_factory=list)

    def sequences(
        self,
        query: SequenceQuery,
        *,
        page: int = 1,
        size: int = 100,
        order_by: Literal["recorded_at", "created_at"] = "recorded_at",
        descending: bool = False,
    ) -> SequencePage:
        self.asked.append((query, page, size))
        found = [each for each in self.rows.values() if self._inside(query, each.recorded_at)]
        random.Random(f"{self.seed} {len(self.asked)}").shuffle(found)  # an unstable sort: ties come in any order
        found.sort(key=lambda each: self._place(each, order_by, descending), reverse=descending)
        turn = len(self.asked)
        for number in self.leaving.get(turn, []):
            self.rows.pop(number, None)
        for each in self.arriving.get(turn, []):
            self.rows[each.id] = each
        return SequencePage(tuple(found[(page - 1) * size : page * size]), len(found))

    def _place(self, each: SequenceRow, order_by: str, descending: bool) -> tuple[bool, datetime | int]:
        if order_by == "created_at":
            return False, each.id
        last = each.recorded_at is None
        return (last if descending == self.nulls_first else last is not descending), each.recorded_at or START

    @staticmethod
    def _inside(query: SequenceQuery, when: datetime | None) -> bool:
        if query.since is None and query.until is None:
            return True
        return when is not None and (query.since is None or when >= query.since) and (query.until is None or when <= query.until)


def listed(table: TableOfRows, *, size: int = 5, limit: int | None = None, query: SequenceQuery = READY) -> tuple[list[int], Listing]:
    listing = Listing(table, query, size, limit)
    return [each.id for each in listing], listing


MINUTES = st.lists(st.one_of(st.integers(0, 12), st.none()), max_size=60)


@settings(max_examples=150, deadline=None)
@given(minutes=MINUTES, size=st.integers(1, 9), nulls_first=st.booleans(), data=st.data())
def test_what_stays_is_listed_once_whatever_leaves_and_arrives(
    minutes: list[int | None], size: int, nulls_first: bool, data: st.DataObject
) -> None:
    rows = {number: row(number, minute) for number, minute in enumerate(minutes, 1)}
    turns = st.integers(1, 30)
    leaving: dict[int, list[int]] = {}
    for number in data.draw(st.sets(st.sampled_from(sorted(rows)))) if rows else ():
        leaving.setdefault(data.draw(turns), []).append(number)
    arriving: dict[int, list[SequenceRow]] = {}
    for number, minute in enumerate(data.draw(MINUTES), 1000):
        arriving.setdefault(data.draw(turns), []).append(row(number, minute))
    table = TableOfRows(dict(rows), leaving, arriving, nulls_first=nulls_first)
    ids, listing = listed(table, size=size)
    gone = {number for numbers in leaving.values() for number in numbers}
    assert len(ids) == len(set(ids))
    assert set(rows) - gone <= set(ids)
    assert set(ids) <= set(rows) | {each.id for many in arriving.values() for each in many}
    assert listing.complete


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_a_queue_at_rest_is_listed_in_order(size: int) -> None:
    minutes = [3, 3, 3, 0, 1, 1, 9, 8, 8, 8, 8, 8, 2]
    table = TableOfRows({number: row(number, minute) for number, minute in enumerate(minutes, 1)})
    ids, listing = listed(table, size=size)
    assert sorted(ids) == list(range(1, 14))
    times = [table.rows[number].recorded_at for number in ids]
    assert times == sorted(time for time in times if time is not None)
    assert listing.complete
    assert (listing.total_first, listing.total_last, listing.listed) == (13, 13, 13)


def test_a_queue_that_fits_one_page_takes_one_request() -> None:
    table = TableOfRows({number: row(number, None if number == 2 else number) for number in range(1, 5)})
    ids, listing = listed(table, size=5)
    assert (sorted(ids), listing.pages, listing.complete) == ([1, 2, 3, 4], 1, True)


def test_an_empty_queue_is_complete() -> None:
    ids, listing = listed(TableOfRows({}))
    assert (ids, listing.complete, listing.total_first, listing.total_last) == ([], True, 0, 0)


def test_more_ties_than_a_page_holds_are_all_listed() -> None:
    table = TableOfRows({number: row(number, 5 if number <= 230 else 9) for number in range(1, 240)})
    ids, listing = listed(table, size=10)
    assert sorted(ids) == list(range(1, 240))
    assert listing.complete


def test_ties_that_never_add_up_are_told() -> None:
    class Forgetful(TableOfRows):
        def sequences(self, query: SequenceQuery, **asked: object) -> SequencePage:  # type: ignore[override]
            page = super().sequences(query, **asked)  # type: ignore[arg-type]
            return replace(page, rows=tuple(each for each in page.rows if each.id != 7))

    ids, listing = listed(Forgetful({number: row(number, 5) for number in range(1, 21)}), size=4)
    assert 7 not in ids
    assert not listing.complete
    assert listing.why_incomplete == ["20 sequences share 2026-05-01T08:05:00Z, 8 passes listed 19"]


def test_an_order_that_is_not_kept_is_told() -> None:
    class Unordered(TableOfRows):
        def sequences(self, query: SequenceQuery, **asked: object) -> SequencePage:  # type: ignore[override]
            page = super().sequences(query, **asked)  # type: ignore[arg-type]
            return replace(page, rows=page.rows[::-1])

    _, listing = listed(Unordered({number: row(number, number) for number in range(1, 21)}))
    assert listing.why_incomplete == ["the annotator's answer was not in the order asked for"]


def test_a_bound_that_is_ignored_is_told_instead_of_going_round_for_ever() -> None:
    class Unbounded(TableOfRows):
        def sequences(self, query: SequenceQuery, **asked: object) -> SequencePage:  # type: ignore[override]
            return super().sequences(replace(query, since=None, until=None), **asked)  # type: ignore[arg-type]

    table = Unbounded({number: row(number, number) for number in range(1, 21)})
    _, listing = listed(table)
    assert listing.why_incomplete == ["the annotator's answer was not in the order asked for"]
    assert len(table.asked) < 10


def test_rows_that_cannot_be_read_are_counted_and_do_not_stop_the_walk() -> None:
    class Damaged(TableOfRows):
        def sequences(self, query: SequenceQuery, **asked: object) -> SequencePage:  # type: ignore[override]
            page = super().sequences(query, **asked)  # type: ignore[arg-type]
            bad = tuple((each.id, "odd") for each in page.rows if each.id in (3, 8))
            return replace(page, rows=tuple(each for each in page.rows if each.id not in (3, 8)), bad=bad)

    ids, listing = listed(Damaged({number: row(number, number) for number in range(1, 13)}), size=3)
    assert sorted(ids) == [1, 2, 4, 5, 6, 7, 9, 10, 11, 12]
    assert listing.unreadable == {3: "odd", 8: "odd"}
    assert (listing.listed, listing.complete) == (12, True)


def test_a_page_without_one_readable_row_is_told() -> None:
    class Ruined(TableOfRows):
        def sequences(self, query: SequenceQuery, **asked: object) -> SequencePage:  # type: ignore[override]
            page = super().sequences(query, **asked)  # type: ignore[arg-type]
            return SequencePage((), page.total, tuple((each.id, "odd") for each in page.rows))

    _, listing = listed(Ruined({number: row(number, number) for number in range(1, 13)}), size=3)
    assert listing.why_incomplete[0] == "a page of 3 rows, none of which could be read"


def test_a_limit_stops_early_and_claims_nothing() -> None:
    table = TableOfRows({number: row(number, number) for number in range(1, 21)})
    ids, listing = listed(table, limit=7)
    assert ids == [1, 2, 3, 4, 5, 6, 7]
    assert listing.limited
    assert not listing.complete
    assert listing.listed == 7
    ids, listing = listed(table, limit=20)
    assert (len(ids), listing.limited, listing.complete) == (20, False, True)


@pytest.mark.parametrize("nulls_first", [True, False])
@pytest.mark.parametrize("undated", [1, 99, 100, 101, 150])
def test_rows_without_time_are_found_at_either_end_of_the_order(undated: int, nulls_first: bool) -> None:
    rows = {number: row(number, None if number <= undated else number) for number in range(1, undated + 121)}
    ids, listing = listed(TableOfRows(rows, nulls_first=nulls_first), size=50)
    assert sorted(ids) == sorted(rows)
    assert listing.complete


def test_more_rows_without_time_than_ever_add_up_are_told() -> None:
    class Forgetful(TableOfRows):
        def sequences(self, query: SequenceQuery, **asked: object) -> SequencePage:  # type: ignore[override]
            page = super().sequences(query, **asked)  # type: ignore[arg-type]
            return replace(page, rows=tuple(each for each in page.rows if each.id != 7))

    _, listing = listed(Forgetful({number: row(number, None if number <= 130 else number) for number in range(1, 200)}))
    assert listing.why_incomplete == ["130 sequences have no recorded_at, 8 passes listed 129"]


def test_bounds_are_kept_and_leave_out_rows_without_time() -> None:
    table = TableOfRows({number: row(number, None if number > 18 else number) for number in range(1, 21)})
    query = replace(READY, since=START + timedelta(minutes=4), until=START + timedelta(minutes=15))
    ids, listing = listed(table, size=3, query=query)
    assert ids == list(range(4, 16))
    assert listing.complete
    assert all(asked.since is not None and asked.since >= query.since for asked, _, _ in table.asked if query.since)


# -- against the annotator at home, over HTTP


def walk(server: AnnotatorServer, *, size: int = 7) -> tuple[list[int], Listing]:
    client = Client(server.url, server.login, server.password, workers=1)
    try:
        listing = Listing(client, READY, size)
        return [each.id for each in listing], listing
    finally:
        client.close()


@pytest.mark.parametrize("size", [1, 7, 100])
def test_siblings_across_page_borders_are_listed_once(size: int) -> None:
    with AnnotatorServer(plain_world(60, alert_size=4)) as server:
        ids, listing = walk(server, size=size)
    assert sorted(ids) == list(range(1, 61))
    assert listing.complete


def test_a_queue_that_colleagues_empty_and_cameras_fill_is_listed() -> None:
    with AnnotatorServer(plain_world(400, alert_size=3), faults=Faults(churn_every=2, churn_leave=3, churn_arrive=2, late=80)) as server:
        before = {row.sequence.sequence_id for row in server.api.table.rows() if row.here and row.stage == "ready_to_annotate"}
        ids, listing = walk(server)
        after = {row.sequence.sequence_id for row in server.api.table.rows() if row.here and row.stage == "ready_to_annotate"}
    assert before & after <= set(ids)
    assert len(before & after) < len(before)
    assert len(ids) == len(set(ids))
    assert listing.complete


def test_old_rows_without_time_are_listed_too() -> None:
    world = plain_world(150)
    undated = tuple(replace(each, started_at=None) if each.sequence_id % 50 == 0 else each for each in world.sequences)
    with AnnotatorServer(World(undated, world.image)) as server:
        ids, listing = walk(server, size=20)
    assert sorted(ids) == list(range(1, 151))
    assert listing.complete
