"""The whole job at home, small: counts add up, the round trip is exact, a second run goes on, another demo is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.model.small import write_small
from triage.config import Layout
from triage.demo.request import DemoRequest
from triage.demo.round_trip import compare
from triage.demo.run import run_demo
from triage.demo.world import plain_jpeg, plain_world, write_world
from triage.errors import BadModel, BadSetting
from triage.progress import quiet
from triage.store import Store


@pytest.fixture(autouse=True)
def _silence():
    quiet()
    yield
    quiet(False)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small(tmp_path_factory.mktemp("model") / "model.zip")


@pytest.fixture
def request_(tmp_path: Path, model: Path) -> DemoRequest:
    return DemoRequest(Layout(tmp_path / "data"), sequences=6, seed=4, model=model, workers=4, size=(160, 90))


def test_the_whole_job_ends_with_counts_that_add_up_and_an_exact_round_trip(request_: DemoRequest) -> None:
    done = run_demo(request_)
    assert done.clean
    assert (done.pulled.listed, done.pulled.stored) == (6, 6)
    assert done.outcomes.adds_up
    assert done.round_trip.differing == ()
    assert done.round_trip.files > 2 * 6
    assert (done.writes, done.leaked) == (0, 0)
    assert [name for name, _ in done.seconds] == ["scenes", "pull", "score", "pack", "verify", "unpack", "compare", "all"]
    there, here = Store(Layout(done.elsewhere).sequences), Store(request_.layout.sequences)
    assert there.keys() == here.keys()
    assert "every byte is the same" in done.text()
    assert f"triage view --data {request_.layout.root}" in done.text()


def test_labels_of_the_truth_do_not_reach_the_store(request_: DemoRequest) -> None:
    run_demo(request_)
    store = Store(request_.layout.sequences)
    assert {store.sequence(key).label for key in store.keys()} == {"unknown"}  # noqa: SIM118 - a store is no dict


def test_a_second_run_fetches_and_computes_nothing_and_ends_the_same(request_: DemoRequest) -> None:
    first, second = run_demo(request_), run_demo(request_)
    assert second.clean
    assert (second.pulled.already_there, second.pulled.fetched.frames) == (6, 0)
    assert (second.scored.computed, second.scored.cached) == (0, 6)
    assert second.outcomes == first.outcomes


def test_a_store_is_replayed_and_judged_by_its_labels(request_: DemoRequest, tmp_path: Path) -> None:
    write_world(plain_world(5, frames=4, image=plain_jpeg((96, 64))), tmp_path / "store")
    done = run_demo(replace(request_, replay=tmp_path / "store"))
    assert done.clean
    assert done.outcomes.served == 5
    assert sum(number for (truth, _), number in done.outcomes.counts.items() if truth == "smoke") == 2


def test_a_byte_that_differs_is_named(request_: DemoRequest) -> None:
    done = run_demo(request_)
    elsewhere = Layout(done.elsewhere)
    image = next(elsewhere.sequences.rglob("*.jpg"))
    image.write_bytes(image.read_bytes() + b"x")
    next(elsewhere.sequences.rglob("meta.json")).unlink()
    trip = compare(request_.layout, elsewhere, done.scored.report.variant)
    assert len(trip.differing) == 2
    assert trip.differing[0].startswith("sequences/")


def test_another_demo_in_the_same_directory_is_refused(request_: DemoRequest) -> None:
    run_demo(request_)
    with pytest.raises(BadSetting, match=r"holds another demo \(seed 4, .* not seed 5, .*choose another --data, or remove it"):
        run_demo(replace(request_, seed=5))


def test_real_work_is_left_alone(request_: DemoRequest) -> None:
    write_world(plain_world(1, frames=1), request_.layout.sequences)
    with pytest.raises(BadSetting, match="found real work in it; choose another --data"):
        run_demo(request_)


def test_a_model_that_cannot_be_used_is_told_before_anything_is_written(request_: DemoRequest, tmp_path: Path) -> None:
    (tmp_path / "broken.zip").write_bytes(b"PK no zip")
    with pytest.raises(BadModel, match=r"broken\.zip"):
        run_demo(replace(request_, model=tmp_path / "broken.zip"))
    assert not request_.layout.root.exists()
