"""A whole pull against the annotator at home: what is stored, what is not fetched twice, and how each kind of trouble ends."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from triage.annotator import Client, Patience, SequenceQuery
from triage.config import Layout
from triage.demo.faults import Faults
from triage.demo.server import AnnotatorServer
from triage.demo.world import World, plain_jpeg, plain_world
from triage.errors import AnnotatorUnavailable, BadAnswer, BadCredentials, BadFile, BadSetting, Busy
from triage.files import lock, sha256_bytes
from triage.pull import PullOptions, PullSummary, preview, pull
from triage.sequences import key_of
from triage.store import Store

QUICK = Patience(connect=2, read=5, retries=3, backoff=0.01)
READY = SequenceQuery("ready_to_annotate")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "data")


@contextmanager
def serving(world: World, faults: Faults | None = None) -> Iterator[AnnotatorServer]:
    with AnnotatorServer(world, faults=faults) as server:
        yield server


def run(server: AnnotatorServer, layout: Layout, *, query: SequenceQuery = READY, workers: int = 8, **options: Any) -> PullSummary:
    client = Client(server.url, server.login, server.password, workers=workers, patience=QUICK)
    try:
        return pull(client, layout, PullOptions(query, workers, **options))
    finally:
        client.close()
        assert server.writes == []
        assert server.leaked == []


def images_asked(server: AnnotatorServer) -> Counter[str]:
    return Counter(seen.path.partition("?")[0] for seen in server.requests if seen.path.startswith("/annotation-api/"))


def queue(layout: Layout) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(layout.queue.read_text())
    return content


def outcomes(layout: Layout) -> dict[int, str]:
    return {entry["sequence_id"]: entry["outcome"] for entry in queue(layout)["sequences"]}


def problems(store: Store) -> list[BadFile]:
    keys = store.keys()
    return [problem for key in keys for problem in store.check(key)]


def adds_up(summary: PullSummary, layout: Layout) -> bool:
    counts = queue(layout)["counts"]
    parts = ("stored", "already_there", "failed", "left", "not_tried")
    return (
        summary.listed == sum(getattr(summary, part) for part in parts)
        and counts == {"listed": summary.listed, **{part: getattr(summary, part) for part in parts}}
        and Counter(outcomes(layout).values()) == Counter({part: counts[part] for part in parts if counts[part]})
        and summary.stored == summary.new + summary.grown + summary.updated
    )


# -- what is stored


def test_the_store_holds_what_the_annotator_has(layout: Layout) -> None:
    world = plain_world(12, frames=5)
    with serving(world) as server:
        summary = run(server, layout)
    store = Store(layout.sequences)
    assert store.keys() == [sequence.key for sequence in world.sequences]
    image = plain_jpeg()
    for truth in world.sequences:
        found = store.sequence(truth.key)
        frames = tuple(replace(frame, sha256=sha256_bytes(image), size=len(image)) for frame in truth.frames)
        assert found == replace(truth, frames=frames, label="unknown", smoke_types=(), false_positive_types=())
        assert store.check(truth.key) == []
    assert (summary.listed, summary.stored, summary.new, summary.failed) == (12, 12, 12, 0)
    assert (summary.fetched.frames, summary.fetched.size) == (60, 60 * len(image))
    assert summary.clean
    assert adds_up(summary, layout)


def test_a_second_pull_fetches_nothing(layout: Layout) -> None:
    with serving(plain_world(12, frames=5)) as server:
        run(server, layout)
        before = {path: path.stat().st_mtime_ns for path in layout.sequences.rglob("*.json")}
        count = len(server.requests)
        summary = run(server, layout)
        assert [seen.path.partition("?")[0] for seen in server.requests[count:]] == ["/api/v1/auth/login", "/api/v1/sequences/"]
    assert (summary.already_there, summary.stored) == (12, 0)
    assert adds_up(summary, layout)
    assert {path: path.stat().st_mtime_ns for path in layout.sequences.rglob("*.json")} == before


def test_a_sequence_that_grew_gets_its_new_frames_only(layout: Layout) -> None:
    with serving(plain_world(6, frames=6), Faults(grow=2)) as server:
        run(server, layout)
        assert len(Store(layout.sequences).sequence(key_of(1)).frames) == 3
        server.grow()
        summary = run(server, layout)
        assert set(images_asked(server).values()) == {1}
    assert (summary.grown, summary.new, summary.already_there) == (2, 0, 4)
    assert (summary.fetched.frames, summary.fetched.reused) == (6, 6)
    assert len(Store(layout.sequences).sequence(key_of(1)).frames) == 6
    assert Store(layout.sequences).check(key_of(1)) == []
    assert adds_up(summary, layout)


def test_one_image_of_several_lanes_is_fetched_once(layout: Layout) -> None:
    with serving(plain_world(12, frames=4, alert_size=3)) as server:
        summary = run(server, layout)
        assert set(images_asked(server).values()) == {1}
    assert (summary.fetched.frames, summary.fetched.shared) == (16, 32)
    store = Store(layout.sequences)
    assert problems(store) == []


def test_a_lane_that_comes_later_takes_the_images_of_its_siblings(layout: Layout) -> None:
    with serving(plain_world(3, frames=4, alert_size=3), Faults(late=1)) as server:
        assert run(server, layout).listed == 2
        server.churn(arrive=1)
        summary = run(server, layout)
        assert set(images_asked(server).values()) == {1}
    assert (summary.new, summary.already_there) == (1, 2)
    assert (summary.fetched.frames, summary.fetched.shared) == (0, 4)


def test_a_shared_image_that_fails_for_one_lane_is_asked_for_by_the_other(layout: Layout) -> None:
    with serving(plain_world(2, frames=3, alert_size=2), Faults(vanished=frozenset({1, 2, 3}))) as server:
        summary = run(server, layout)
    # Which lane asks first is chance: the first one may be lent the images of the second, but it must never take them down with it.
    assert outcomes(layout)[2] == "stored"
    assert adds_up(summary, layout)


def test_labelled_sequences_bring_their_labels(layout: Layout) -> None:
    world = plain_world(6, frames=2)
    done = World(world.sequences, world.image, dict.fromkeys((1, 2, 3), "annotated"))
    with serving(done) as server:
        summary = run(server, layout, query=SequenceQuery("annotated"))
    store = Store(layout.sequences)
    found = [store.sequence(key_of(number)) for number in (1, 2, 3)]
    assert [(each.label, each.smoke_types, each.false_positive_types) for each in found] == [
        ("smoke", ("wildfire",), ()),
        ("fp", (), ("other",)),
        ("fp", (), ("other",)),
    ]
    assert summary.stored == 3


def test_a_label_that_came_later_is_taken_without_a_download(layout: Layout) -> None:
    with serving(plain_world(3, frames=4)) as server:
        run(server, layout)
        server.annotate([2], false_positive_type="antenna")
        count = len(server.requests)
        summary = run(server, layout, query=SequenceQuery("annotated"))
        assert not [seen for seen in server.requests[count:] if "/detections/" in seen.path]
    assert (summary.updated, summary.stored) == (1, 1)
    found = Store(layout.sequences).sequence(key_of(2))
    assert (found.label, found.false_positive_types, len(found.frames)) == ("fp", ("antenna",), 4)


def test_the_same_queue_gives_the_same_bytes(tmp_path: Path) -> None:
    written = []
    for name in ("a", "b"):
        layout = Layout(tmp_path / name)
        with serving(plain_world(8, frames=3, alert_size=2)) as server:
            run(server, layout, workers=5)
        root = layout.sequences
        written.append({str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()})
    assert written[0] == written[1]


def test_a_store_of_the_earlier_tool_is_completed_without_its_images(layout: Layout) -> None:
    with serving(plain_world(2, frames=3)) as server:
        run(server, layout)
        store = Store(layout.sequences)
        first = store.sequence(key_of(1))
        old = replace(first, frames=tuple(replace(frame, sha256=None, size=None, boxes=None) for frame in first.frames), last_seen_at=None)
        store.write_meta(old)
        count = len(images_asked(server))
        summary = run(server, layout)
        assert len(images_asked(server)) == count
    assert (summary.updated, summary.already_there) == (1, 1)
    assert Store(layout.sequences).sequence(key_of(1)) == first


# -- what is lost on disk comes back


def test_a_missing_image_and_a_damaged_meta_are_pulled_again(layout: Layout) -> None:
    with serving(plain_world(4, frames=3)) as server:
        run(server, layout)
        store = Store(layout.sequences)
        (store.directory(key_of(1)) / "images" / "detection_2.jpg").unlink()
        (store.directory(key_of(2)) / "images" / "detection_5.jpg").write_bytes(b"short")
        (store.directory(key_of(3)) / "meta.json").write_text("{")
        summary = run(server, layout)
    assert (summary.stored, summary.already_there) == (3, 1)
    assert summary.fetched.frames == 2
    fresh = Store(layout.sequences)
    assert len(fresh) == 4
    assert problems(fresh) == []


def test_whole_images_of_an_interrupted_pull_are_taken_over_and_its_leftovers_swept(layout: Layout) -> None:
    with serving(plain_world(1, frames=4)) as server:
        run(server, layout)
        directory = Store(layout.sequences).directory(key_of(1))
        (directory / "meta.json").unlink()
        (directory / "images" / "detection_4.jpg").unlink()
        (directory / "images" / ".part-9-ff-detection_4.jpg").write_bytes(b"half")
        summary = run(server, layout)
    assert (summary.new, summary.fetched.frames, summary.fetched.reused) == (1, 1, 3)
    assert sorted(path.name for path in (directory / "images").iterdir()) == [f"detection_{number}.jpg" for number in range(1, 5)]


# -- trouble with one sequence


@pytest.mark.parametrize(
    ("faults", "reason"),
    [
        (Faults(vanished=frozenset({5})), "frame 5: the annotator has no such file any more"),
        (Faults(gone_images=frozenset({5})), "frame 5: the image is gone"),
        (Faults(damaged=frozenset({5})), "frame 5: the JPEG has no end"),
        (Faults(not_images=frozenset({5})), "frame 5: expected a JPEG"),
    ],
    ids=["vanished", "gone", "damaged", "web page"],
)
def test_one_bad_sequence_does_not_stop_the_others(layout: Layout, faults: Faults, reason: str) -> None:
    with serving(plain_world(5, frames=3), faults) as server:
        summary = run(server, layout)
    assert outcomes(layout) == {1: "stored", 2: "failed", 3: "stored", 4: "stored", 5: "stored"}
    ((number, why),) = summary.failures
    assert number == 2
    assert why.startswith(reason)
    assert key_of(2) not in Store(layout.sequences)
    assert not summary.clean
    assert "failed 2: frame 5:" in summary.text()
    assert adds_up(summary, layout)


def test_a_sequence_that_grew_badly_keeps_its_old_state(layout: Layout) -> None:
    with serving(plain_world(2, frames=6), Faults(grow=1, gone_images=frozenset({5}))) as server:
        run(server, layout)
        before = Store(layout.sequences).sequence(key_of(1))
        server.grow()
        summary = run(server, layout)
    assert outcomes(layout) == {1: "failed", 2: "already_there"}
    assert Store(layout.sequences).sequence(key_of(1)) == before
    assert adds_up(summary, layout)


def test_a_sequence_that_left_the_queue_is_no_failure(layout: Layout) -> None:
    with serving(plain_world(4, frames=3), Faults(vanished=frozenset({4}), gone_images=frozenset({8}))) as server:
        client = Client(server.url, server.login, server.password, workers=2, patience=QUICK)
        original = client.detections

        def annotated_meanwhile(sequence_id: int) -> Any:
            if sequence_id == 2:
                server.annotate([2], false_positive_type="other")
            return original(sequence_id)

        client.detections = annotated_meanwhile  # type: ignore[method-assign]  # a colleague acts between two of our requests
        summary = pull(client, layout, PullOptions(READY, 2))
        client.close()
    assert outcomes(layout) == {1: "stored", 2: "left", 3: "failed", 4: "stored"}
    assert adds_up(summary, layout)


def test_a_sequence_without_frames_fails(layout: Layout) -> None:
    world = plain_world(3, frames=2)
    empty = (world.sequences[0], replace(world.sequences[1], frames=()), world.sequences[2])
    with serving(World(empty, world.image)) as server:
        summary = run(server, layout)
    assert summary.failures == ((2, "sequence 2: the annotator lists no frames"),)
    assert adds_up(summary, layout)


def test_when_every_sequence_fails_it_is_an_error(layout: Layout) -> None:
    with (
        serving(plain_world(3, frames=1), Faults(gone_images=frozenset({1, 2, 3}))) as server,
        pytest.raises(BadAnswer, match=r"all 3 sequences failed; the first, 1: frame 1: the image is gone .* in .*queue.json"),
    ):
        run(server, layout)
    assert set(outcomes(layout).values()) == {"failed"}


def test_an_empty_queue_is_no_error(layout: Layout) -> None:
    with serving(plain_world(0)) as server:
        summary = run(server, layout)
    assert (summary.listed, summary.clean) == (0, True)


# -- trouble with all of it


def test_credentials_that_are_taken_away_end_the_pull_and_keep_what_is_there(layout: Layout) -> None:
    with serving(plain_world(30, frames=3), Faults(token_requests=40)) as server:
        client = Client(server.url, server.login, server.password, workers=4, patience=QUICK)
        original = client.detections

        def password_changed(sequence_id: int) -> Any:
            client._password = "old"
            return original(sequence_id)

        client.detections = password_changed  # type: ignore[method-assign]  # the administrator acts between two of our requests
        with pytest.raises(BadCredentials, match="refused the login"):
            pull(client, layout, PullOptions(READY, 4))
    counts = queue(layout)["counts"]
    assert counts["listed"] == 30
    assert counts["stored"] == len(Store(layout.sequences)) > 0
    assert counts["not_tried"] == 30 - counts["stored"] - counts["failed"]


def test_an_annotator_that_goes_away_ends_the_pull_instead_of_failing_every_sequence(layout: Layout) -> None:
    with serving(plain_world(200, frames=2)) as server:
        client = Client(server.url, server.login, server.password, workers=4, patience=replace(QUICK, retries=1))
        original = client.detections

        def gone(sequence_id: int) -> Any:
            if sequence_id > 40:
                server.misbehave(error_rate=1.0)
            return original(sequence_id)

        client.detections = gone  # type: ignore[method-assign]  # the server breaks down between two of our requests
        with pytest.raises(AnnotatorUnavailable, match=r"\d+ sequences in a row got no answer; the last: .*the server answered 500"):
            pull(client, layout, PullOptions(READY, 4))
        client.close()
        counts = queue(layout)["counts"]
        assert counts["not_tried"] > 100
        server.misbehave(error_rate=0.0)
        summary = run(server, layout)
    assert summary.stored + summary.already_there == 200
    assert adds_up(summary, layout)


def test_rough_weather_changes_nothing_in_the_store(tmp_path: Path) -> None:
    rough = Faults(error_rate=0.05, drop_rate=0.05, truncate_rate=0.05, throttle_rate=0.02, token_requests=60, link_uses=1)
    stores = []
    for name, faults in (("calm", Faults()), ("rough", rough)):
        layout = Layout(tmp_path / name)
        with serving(plain_world(20, frames=4, alert_size=2), faults) as server:
            client = Client(server.url, server.login, server.password, workers=8, patience=Patience(retries=12, backoff=0.002))
            summary = pull(client, layout, PullOptions(READY, 8, page_size=7))
            client.close()
            assert server.writes == []
            assert server.leaked == []
        assert (summary.stored, summary.clean) == (20, True)
        root = layout.sequences
        stores.append({str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()})
    assert stores[0] == stores[1]


def test_a_queue_that_changes_under_a_pull_adds_up(layout: Layout) -> None:
    churning = Faults(churn_every=1, churn_leave=4, churn_arrive=3, late=60, grow=20, grow_after=150)
    with serving(plain_world(200, frames=3, alert_size=2), churning) as server:
        waiting = {row.sequence.sequence_id for row in server.api.table.rows() if row.here and row.stage == "ready_to_annotate"}
        summary = run(server, layout, page_size=9)
        stayed = waiting & {row.sequence.sequence_id for row in server.api.table.rows() if row.stage == "ready_to_annotate"}
    assert stayed
    assert stayed < waiting
    assert stayed <= {number for number, outcome in outcomes(layout).items() if outcome == "stored"}
    assert summary.clean
    assert adds_up(summary, layout)


def test_a_queue_that_a_colleague_works_on_meanwhile_adds_up(layout: Layout) -> None:
    stop = threading.Event()

    def colleague(server: AnnotatorServer) -> None:
        """Another client: annotates from the front of the queue by bulk calls, while cameras bring new sequences."""
        access = {"username": server.login, "password": server.password}
        token = requests.post(f"{server.url}/api/v1/auth/login", json=access, timeout=10).json()["access_token"]
        for first in range(1, 120, 2):
            body = {"sequence_ids": [first, first + 1], "false_positive_type": "antenna"}
            bulk = f"{server.url}/api/v1/annotations/sequences/bulk"
            requests.post(bulk, json=body, headers={"Authorization": f"Bearer {token}"}, timeout=10).raise_for_status()
            server.churn(arrive=2)
            if stop.wait(0.01):
                return

    with serving(plain_world(300, frames=2, alert_size=2), Faults(late=100, latency=0.002)) as server:
        thread = threading.Thread(target=colleague, args=(server,))
        client = Client(server.url, server.login, server.password, workers=8, patience=QUICK)
        thread.start()
        summaries = [pull(client, layout, PullOptions(READY, 8, page_size=10)) for _ in range(2)]
        stop.set()
        thread.join()
        settled = pull(client, layout, PullOptions(READY, 8, page_size=10))
        client.close()
        waiting = {row.sequence.sequence_id for row in server.api.table.rows() if row.here and row.stage == "ready_to_annotate"}
    assert all(summary.clean for summary in (*summaries, settled))
    assert adds_up(settled, layout)
    assert set(outcomes(layout)) == waiting
    assert {key_of(number) for number in waiting} <= set(Store(layout.sequences).keys())


def test_two_pulls_do_not_write_one_store(layout: Layout) -> None:
    with serving(plain_world(1, frames=1)) as server:
        with lock(layout.queue.parent / ".pull.lock"), pytest.raises(Busy, match="another triage process is writing here"):
            run(server, layout)
        assert run(server, layout).stored == 1


# -- options


def test_a_limit_takes_the_oldest(layout: Layout) -> None:
    with serving(plain_world(9, frames=1)) as server:
        summary = run(server, layout, limit=4)
    assert sorted(outcomes(layout)) == [1, 2, 3, 4]
    assert summary.clean
    assert "stopped at the limit; the annotator counts 9" in summary.text()


def test_filters_reach_the_annotator(layout: Layout) -> None:
    with serving(plain_world(12, frames=1)) as server:
        assert run(server, layout, query=replace(READY, organization="Forêt d'Ardèche")).listed == 4
        assert run(server, layout, query=replace(READY, camera="105")).listed == 2
    assert queue(layout)["filters"] == {"camera": "105", "organization": None, "since": None, "until": None}


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (replace(READY, organization="Foret d'Ardeche"), r"--organization .*: the annotator has no such name or id; .* Forêt d'Ardèche"),
        (replace(READY, camera="999"), "--camera '999': the annotator has no such name or id; there is, for instance, cam-00, cam-01"),
    ],
)
def test_a_name_that_the_annotator_does_not_know_is_an_error_and_no_empty_queue(layout: Layout, query: SequenceQuery, text: str) -> None:
    with serving(plain_world(12, frames=1)) as server:
        with pytest.raises(BadSetting, match=text):
            run(server, layout, query=query)
        assert run(server, layout, query=replace(READY, organization="CENIA", camera="cam-00")).listed == 0


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"workers": 0}, "--workers 0: expected at least 1"),
        ({"page_size": 101}, "--page-size 101: expected 1 to 100"),
        ({"limit": 0}, "--limit 0: expected at least 1"),
        ({"query": SequenceQuery("done")}, "stage 'done': expected one of"),
    ],
)
def test_options_that_cannot_be_are_refused_before_anything_is_asked(options: dict[str, Any], text: str) -> None:
    with pytest.raises(BadSetting, match=text):
        PullOptions(**{"query": READY, **options})


def test_a_dry_run_counts_and_estimates_and_writes_nothing(layout: Layout) -> None:
    with serving(plain_world(40, frames=7)) as server:
        client = Client(server.url, server.login, server.password, workers=4, patience=QUICK)
        first = preview(client, layout, PullOptions(READY, 4))
        assert not layout.root.exists()
        assert (first.listed, first.in_store, first.estimate.sequences, first.estimate.frames) == (40, 0, 40, 280)
        assert (first.estimate.frame_bytes, first.estimate.bytes_from, first.estimate.size) == (86_000, "typical", 280 * 86_000)
        assert images_asked(server) == Counter()
        run(server, layout, limit=10)
        second = preview(client, layout, PullOptions(READY, 4))
        client.close()
    assert (second.in_store, second.estimate.sequences, second.estimate.frames) == (10, 30, 210)
    assert (second.estimate.frame_bytes, second.estimate.bytes_from) == (len(plain_jpeg()), "store")
    assert second.estimate.seconds is not None
    assert "10 in the store already, 30 to fetch" in second.text()
