"""Unpacking: byte for byte, only what is needed, everything that is whole, and the earlier tool's sets."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

import pytest

from tests.shards.worlds import VARIANT, add, jpeg, manifest, tree, world
from triage.config import Layout
from triage.errors import BadInput, Busy
from triage.files import lock
from triage.shards.pack import lock_path, pack
from triage.shards.unpack import unpack
from triage.shards.verify import verify_shards

TARGET = 1_000_000_000


@pytest.fixture
def packed(tmp_path: Path) -> Layout:
    layout = world(tmp_path / "here")
    pack(layout, target_bytes=20_000)
    return layout


def test_store_and_report_come_back_byte_for_byte(packed: Layout, tmp_path: Path) -> None:
    there = Layout(tmp_path / "there")
    done = unpack(there, source=packed.shards)
    assert (done.frames.restored, done.report.restored, done.failed, done.variant) == (6, 6, [], VARIANT)
    assert tree(there.sequences) == tree(packed.sequences)
    assert tree(there.reports) == tree(packed.reports)


def test_a_second_unpack_writes_nothing(packed: Layout, tmp_path: Path) -> None:
    there = Layout(tmp_path / "there")
    unpack(there, source=packed.shards)
    before = {path: (path.stat().st_ino, path.stat().st_ctime_ns) for path in there.sequences.rglob("*")}
    again = unpack(there, source=packed.shards)
    assert (again.frames.restored, again.frames.right, again.report.restored, again.report.right) == (0, 6, 0, 6)
    assert {path: (path.stat().st_ino, path.stat().st_ctime_ns) for path in there.sequences.rglob("*")} == before


def test_over_the_store_it_was_packed_from_nothing_is_written(packed: Layout) -> None:
    done = unpack(packed)
    assert (done.frames.restored, done.frames.right, done.report.right) == (0, 6, 6)


def test_a_changed_missing_or_longer_file_is_put_right(packed: Layout, tmp_path: Path) -> None:
    there = Layout(tmp_path / "there")
    unpack(there, source=packed.shards)
    images = sorted(there.sequences.rglob("*.jpg"))
    flipped = bytearray(images[0].read_bytes())
    flipped[50] ^= 1
    images[0].write_bytes(flipped)  # the same size: only the bytes tell
    images[4].unlink()
    images[8].write_bytes(images[8].read_bytes() + b"x")
    (there.reports / VARIANT / "details" / "pyro-annotator_2.json").write_text("{}")
    (there.reports / VARIANT / "review.json").write_text("{}")
    done = unpack(there, source=packed.shards)
    assert (done.frames.restored, done.frames.right, done.report.restored) == (3, 3, 1)
    assert tree(there.sequences) == tree(packed.sequences)
    assert tree(there.reports) == tree(packed.reports)


def test_a_sequence_with_more_frames_here_is_left_alone(packed: Layout) -> None:
    add(packed, 1, frames=5, organization="Forêt d'Ardèche", camera="Cam 1")
    before = tree(packed.sequences)
    done = unpack(packed)
    assert (done.frames.newer, done.frames.right) == (1, 5)
    assert tree(packed.sequences) == before


def test_a_sequence_that_lies_under_an_older_name_of_its_camera_stays_there(packed: Layout, tmp_path: Path) -> None:
    there = Layout(tmp_path / "there")
    unpack(there, source=packed.shards)
    old = next(there.sequences.glob("*/*/seq_2"))
    new = there.sequences / "elsewhere" / "renamed" / "seq_2"
    new.parent.mkdir(parents=True)
    old.rename(new)
    (new / "images" / "detection_200.jpg").unlink()
    unpack(there, source=packed.shards)
    assert (new / "images" / "detection_200.jpg").exists()
    assert not old.exists()


def test_pages_of_sequences_that_the_report_no_longer_has_go(packed: Layout, tmp_path: Path) -> None:
    there = Layout(tmp_path / "there")
    unpack(there, source=packed.shards)
    stray = there.reports / VARIANT / "details" / "pyro-annotator_99.json"
    stray.write_text("{}")
    unpack(there, source=packed.shards)
    assert tree(there.reports) == tree(packed.reports)


def test_what_a_kill_left_of_an_aggregate_goes(packed: Layout, tmp_path: Path) -> None:
    there = Layout(tmp_path / "there")
    unpack(there, source=packed.shards)
    (there.reports / VARIANT / ".part-4711-3fbf0411-dropped.json").write_text("[")
    assert unpack(there, source=packed.shards).failed == []
    assert tree(there.reports) == tree(packed.reports)


def test_one_organization_alone(packed: Layout, tmp_path: Path) -> None:
    there = Layout(tmp_path / "there")
    done = unpack(there, source=packed.shards, organizations=["Forêt d'Ardèche"])
    assert done.frames.restored == 3
    assert [path.name for path in there.sequences.iterdir()] == ["foret-d-ardeche"]
    assert len(list((there.reports / VARIANT / "details").iterdir())) == 3
    with pytest.raises(BadInput, match=r"--organization nobody: expected one of foret-d-ardeche, org-a"):
        unpack(there, source=packed.shards, organizations=["nobody"])


def test_what_is_damaged_is_named_and_all_else_restored(packed: Layout, tmp_path: Path) -> None:
    shard = packed.shards / "frames" / manifest(packed)["items"]["2"]
    data = bytearray(shard.read_bytes())
    inside = data.index((next(packed.sequences.glob("*/*/seq_2")) / "images" / "detection_201.jpg").read_bytes())
    data[inside + 30] ^= 1
    shard.write_bytes(data)
    there = Layout(tmp_path / "there")
    done = unpack(there, source=packed.shards)
    assert [problem.keys for problem in done.failed] == [("pyro-annotator_2",)]
    assert "detection_201.jpg" in done.failed[0].what
    assert done.frames.restored == 5
    assert not list(there.sequences.glob("*/*/seq_2/*"))


@pytest.mark.parametrize("keep", [0, 700, 20_000])
def test_a_shard_that_is_cut_gives_what_lies_before_the_cut(tmp_path: Path, keep: int) -> None:
    layout, there = world(tmp_path / "here"), Layout(tmp_path / "there")
    pack(layout, target_bytes=TARGET)
    os.truncate(layout.shards / "frames" / "shard_0001.tar", keep)
    done = unpack(there, source=layout.shards)
    assert done.frames.restored + done.frames.failed_sequences == 6
    assert (done.frames.restored > 0) == (keep == 20_000)
    for made in there.sequences.rglob("*.jpg"):
        assert made.read_bytes() == (layout.sequences / made.relative_to(there.sequences)).read_bytes()


def test_a_missing_shard_names_its_sequences(packed: Layout, tmp_path: Path) -> None:
    shard = manifest(packed)["items"]["2"]
    lost = {f"pyro-annotator_{each}" for each, name in manifest(packed)["items"].items() if name == shard}
    (packed.shards / "frames" / shard).unlink()
    done = unpack(Layout(tmp_path / "there"), source=packed.shards)
    (problem,) = done.failed
    assert set(problem.keys) == lost
    assert "expected a file, found none; fetch it" in problem.what
    assert done.frames.restored == 6 - len(lost)


def test_no_shards_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"expected a shard set, found none; run `triage fetch`"):
        unpack(Layout(tmp_path))


def test_unpack_waits_for_no_pack(packed: Layout) -> None:
    with lock(lock_path(packed.shards)), pytest.raises(Busy):
        unpack(packed)


# -- the earlier tool


def earlier_set(root: Path, *, images_first: bool = False) -> dict[str, bytes]:
    """A set as the earlier tool left it, by tarfile alone: clock times, names of users, a bare manifest. Returns the store it holds."""
    store: dict[str, bytes] = {}
    frames = root / "frames"
    frames.mkdir(parents=True)
    items = {}
    for number, shard in ((11, 1), (12, 1), (13, 2)):
        place = f"sdis-07/brison/seq_{number}"
        files = {f"{place}/images/detection_{number}{at}.jpg": jpeg(number * 10 + at) for at in range(2)}
        meta = {
            "key": f"pyro-annotator_{number}",
            "sequence_id": number,
            "source": "pyro-annotator",
            "label": "unknown",
            "camera_name": "Brison",
            "organization_name": "SDIS 07",
            "started_at": "2025-08-01T10:00:00",
            "frames": [{"file": name.split("/", 3)[3], "detection_id": 1, "recorded_at": None, "bucket_key": "x"} for name in files],
        }
        ordered = {f"{place}/meta.json": json.dumps(meta).encode()}
        ordered = {**files, **ordered} if images_first else {**ordered, **files}
        with tarfile.open(frames / f"shard_{shard:04d}.tar", "a") as tar:
            for name, data in ordered.items():
                info = tarfile.TarInfo(name)
                info.size, info.mtime, info.uname, info.gname, info.uid = len(data), 1722506400.25, "alice", "staff", 1000
                tar.addfile(info, io.BytesIO(data))
        store |= ordered
        items[str(number)] = f"shard_{shard:04d}.tar"
    (frames / "manifest.json").write_text(json.dumps({"next_index": 3, "items": items}))
    return store


@pytest.mark.parametrize("images_first", [False, True])
def test_a_set_of_the_earlier_tool_unpacks(tmp_path: Path, images_first: bool) -> None:
    store = earlier_set(tmp_path / "shards", images_first=images_first)
    there = Layout(tmp_path / "there")
    done = unpack(there, source=tmp_path / "shards")
    assert (done.frames.restored, done.failed) == (3, [])
    assert tree(there.sequences) == store
    assert unpack(there, source=tmp_path / "shards").frames.right == 3


def test_a_report_of_the_earlier_tool_unpacks(tmp_path: Path) -> None:
    earlier_set(tmp_path / "shards")
    report = tmp_path / "shards" / "report"
    report.mkdir()
    with tarfile.open(report / "shard_0001.tar", "w") as tar:
        for number in (11, 12, 13):
            for folder in ("details", "sequences"):
                data = json.dumps({"key": f"pyro-annotator_{number}"}).encode()
                info = tarfile.TarInfo(f"{folder}/pyro-annotator_{number}.json")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    (tmp_path / "shards" / "results.json").write_text("[]")
    (tmp_path / "shards" / "model_config.json").write_text('{"variant": "vit_dinov2_small"}')
    there = Layout(tmp_path / "there")
    done = unpack(there, source=tmp_path / "shards")
    assert (done.report.restored, done.variant) == (3, "vit-dinov2-small")
    assert sorted(path.name for path in (there.reports / "vit-dinov2-small").iterdir()) == [
        "details", "model_config.json", "results.json", "sequences",
    ]  # fmt: skip
    assert json.loads((there.reports / "latest.json").read_text())["variant"] == "vit-dinov2-small"


def test_packing_goes_on_from_a_set_of_the_earlier_tool(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    earlier_set(layout.shards)
    before = tree(layout.shards / "frames")
    unpack(layout)
    add(layout, 50)
    done = pack(layout, target_bytes=TARGET)
    assert (done.frames.new, done.frames.unchanged, done.frames.shards) == (1, 3, ["shard_0003.tar"])
    after = tree(layout.shards / "frames")
    assert {name: after[name] for name in before if name.endswith(".tar")} == {n: d for n, d in before.items() if n.endswith(".tar")}
    there = Layout(tmp_path / "there")
    assert unpack(there, source=layout.shards).frames.restored == 4
    assert verify_shards(layout.shards) == []
    assert tree(there.sequences) == tree(layout.sequences)
