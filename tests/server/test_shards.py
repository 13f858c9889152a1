"""The same answers straight out of shards, and what happens where shards and loose files differ."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.server.conftest import VARIANT, jpeg, running, sequence, write_world
from triage.config import Layout
from triage.report import rebucket_report
from triage.server.previews import squares_of
from triage.shards.pack import pack
from triage.shards.strip import Shown, strip
from triage.store import Store

HERE = f"/api/reports/{VARIANT}"
ONE = f"{HERE}/sequences/pyro-annotator_1"


@pytest.fixture
def packed(own_world: Layout) -> Layout:
    """Store, report and shards, in step with one another."""
    pack(own_world, target_bytes=100_000)
    return own_world


def only_shards(layout: Layout) -> None:
    shutil.rmtree(layout.root / "01_raw")
    shutil.rmtree(layout.root / "08_reporting")


def same(answer: httpx.Response) -> object:
    """What must not depend on where it was read."""
    if answer.headers["content-type"] != "application/json":
        return answer.content
    content = answer.json()
    content.pop("version")
    return content


def test_shards_answer_as_the_loose_files_they_were_packed_from(tmp_path: Path) -> None:
    loose, packed = write_world(tmp_path / "a" / "data"), write_world(tmp_path / "b" / "data")
    for layout in (loose, packed):  # a frame that is missing cannot be packed
        shutil.rmtree(Store(layout.sequences).directory("pyro-annotator_6"))
    pack(packed, target_bytes=100_000, previews=False)
    only_shards(packed)
    paths = [f"{HERE}/rows.arrow"]
    for number in (1, 2, 3, 4, 5, 7):
        one = f"{HERE}/sequences/pyro-annotator_{number}"
        paths += [one, f"{one}/frames/0.jpg", f"{one}/frames/1.jpg?width=100", f"{one}/strip"]
    paths += [f"{ONE}/tubes/1/crops/3.jpg"]
    with running(loose) as from_files, running(packed) as from_tars:
        assert from_tars.get("/api/reports").json()[0]["source"] == "shards"
        assert from_files.get("/api/reports").json()[0]["source"] == "loose"
        for path in paths:
            assert same(from_tars.get(path)) == same(from_files.get(path)), path


def test_a_report_that_is_packed_and_loose_is_one_report(packed: Layout) -> None:
    with running(packed) as client:
        (report,) = client.get("/api/reports").json()
        assert (report["variant"], report["source"]) == (VARIANT, "shards")
        assert client.get("/api/health").json()["num_sequences"] == 7


def test_a_loose_report_scored_again_since_is_a_second_one_and_comes_first(packed: Layout) -> None:
    rebucket_report(packed.reports, VARIANT, 0.7)
    with running(packed) as client:
        first, second = client.get("/api/reports").json()
        assert (first["variant"], first["source"], first["threshold"]) == (VARIANT, "loose", 0.7)
        assert (second["variant"], second["source"], second["threshold"]) == (f"{VARIANT}-packed", "shards", 0.35)


def test_the_loose_store_stands_in_for_a_shard_that_was_not_fetched(packed: Layout) -> None:
    for shard in (packed.shards / "frames").glob("*.tar"):
        shard.unlink()
    with running(packed) as client:
        assert client.get(f"{ONE}/frames/1.jpg").content == jpeg(40)


def test_without_its_shard_and_store_a_sequence_says_what_is_missing(packed: Layout) -> None:
    only_shards(packed)
    for shard in (packed.shards / "frames").glob("*.tar"):
        shard.unlink()
    with running(packed) as client:
        detail = client.get(ONE).json()
        assert "triage fetch" in detail["partial"][0]
        assert [frame["file"] for frame in detail["frames"]] == [f"detection_10{index}.jpg" for index in range(3)]


def test_shards_packed_meanwhile_are_seen(packed: Layout) -> None:
    shutil.rmtree(packed.root / "08_reporting")
    with running(packed) as client:
        before = client.get("/api/health").json()["num_sequences"]
        store = Store(packed.sequences)
        store.write_sequence(sequence(20), [jpeg(1)] * 3)
        pack(packed, target_bytes=100_000)
        shutil.rmtree(packed.root / "01_raw")
        assert (before, client.get("/api/health").json()["num_sequences"]) == (7, 8)


def test_damaged_shards_are_named_and_the_store_is_used(packed: Layout) -> None:
    (packed.shards / "frames" / "manifest.json").write_text("{")
    with running(packed) as client:
        assert "frames/manifest.json" in client.get("/api/health").json()["problems"][0]
        assert client.get(f"{ONE}/frames/1.jpg").content == jpeg(40)


def test_a_shard_that_is_a_link_out_of_the_data_directory_is_refused(packed: Layout, tmp_path: Path) -> None:
    only_shards(packed)
    for shard in (packed.shards / "frames").glob("*.tar"):
        shutil.move(shard, tmp_path / shard.name)
        shard.symlink_to(tmp_path / shard.name)
    with running(packed) as client:
        assert "a link that leads out" in client.get("/api/health").json()["problems"][0]
        assert client.get(f"{ONE}/frames/1.jpg").status_code == 404


def test_links_into_the_cache_of_dvc_are_followed(packed: Layout, tmp_path: Path) -> None:
    only_shards(packed)
    cache = tmp_path / ".dvc" / "cache" / "files" / "md5"
    cache.mkdir(parents=True)
    for shard in (packed.shards / "frames").glob("*.tar"):
        shutil.move(shard, cache / shard.name)
        shard.symlink_to(cache / shard.name)
    with running(packed) as client:
        assert client.get(f"{ONE}/frames/1.jpg").content == jpeg(40)


def test_tiles_come_from_previews_where_there_are_some_even_without_frames(packed: Layout) -> None:
    only_shards(packed)
    for shard in (packed.shards / "frames").glob("*.tar"):
        shard.unlink()
    with running(packed) as client:
        answer = client.get(f"{ONE}/strip?size=64")
        assert answer.headers["x-strip-count"] == "3"
        strip = Image.open(io.BytesIO(answer.content)).convert("RGB")
        assert strip.size == (192, 64)
        shades = [strip.getpixel((64 * place + 3, 3))[0] for place in range(3)]  # type: ignore[index]
        assert [round(shade / 40) for shade in shades] == [0, 1, 2]
        assert client.get(f"{ONE}/strip?size=512").headers["x-strip-count"] == "3"
        held = client.get(f"{HERE}/sequences/pyro-annotator_3/strip?size=64")
        assert held.headers["x-strip-count"] == "1"  # no tube: the frame that the preview shows
        assert client.get(f"{ONE}/frames/0.jpg").status_code == 404


def test_without_frames_and_previews_a_tile_says_what_to_fetch(packed: Layout) -> None:
    only_shards(packed)
    for kind in ("frames", "previews"):
        for shard in (packed.shards / kind).glob("*.tar"):
            shard.unlink()
    with running(packed) as client:
        answer = client.get(f"{ONE}/strip")
        assert answer.status_code == 404
        assert "triage fetch" in answer.json()["error"]


def test_large_tiles_and_damaged_previews_come_from_the_frames(packed: Layout) -> None:
    only_shards(packed)
    with running(packed) as client:
        sharp = client.get(f"{ONE}/strip?size=400").content
    for shard in (packed.shards / "previews").glob("*.tar"):
        shard.write_bytes(b"")
    with running(packed) as client:
        assert client.get(f"{ONE}/strip?size=400").content == sharp
        assert client.get(f"{ONE}/strip?size=64").headers["x-strip-count"] == "3"


@pytest.mark.parametrize("count", range(1, 9))
def test_squares_are_found_where_packing_drew_them(count: int) -> None:
    shown = tuple(Shown(number, (0.02, 0.02, 0.01, 0.01)) for number in range(count))
    picture = strip([jpeg(28 * number) for number in range(max(count, 1))], shown)
    squares = squares_of(picture, count, 16)
    assert [round(square.getpixel((8, 8))[0] / 28) for square in squares] == list(range(count))  # type: ignore[index]
