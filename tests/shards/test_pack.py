"""Packing: what goes into shards, what stays untouched, and what is said of the rest."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.shards.worlds import VARIANT, add, add_report, manifest, tree, world
from triage.config import Layout
from triage.errors import BadInput, BadSetting, BadShard, Busy
from triage.files import lock, read_json, write_json
from triage.shards.pack import lock_path, pack
from triage.shards.unpack import unpack

TARGET = 1_000_000_000


def test_every_file_of_a_set_has_its_size_and_hash_in_the_manifests(tmp_path: Path) -> None:
    layout = world(tmp_path)
    pack(layout, target_bytes=20_000)
    said = {}
    for kind in ("frames", "report", "previews"):
        content = manifest(layout, kind)
        said[f"{kind}/index.parquet"] = content["index"]
        said |= {f"{kind}/{name}": info for name, info in content["shards"].items()}
        said |= content.get("aggregates", {})
    there = {name: data for name, data in tree(layout.shards).items() if not name.endswith("manifest.json")}
    assert said.keys() == there.keys()
    for name, data in there.items():
        expected = {"folded_sha256": folded(data)} if name.endswith(".tar") else {"sha256": hashlib.sha256(data).hexdigest()}
        assert {**said[name], **expected, "size": len(data)} == said[name], name


def folded(data: bytes) -> str:
    """The SHA-256 of a tar with the bytes of every member replaced by their own; by the standard library's reader."""
    result = hashlib.sha256()
    at = 0
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for member in tar:
            stop = member.offset_data + member.size
            result.update(data[at : member.offset_data] + hashlib.sha256(data[member.offset_data : stop]).digest())
            at = stop
    result.update(data[at:])
    return result.hexdigest()


def test_a_tar_says_nothing_of_when_where_or_by_whom_it_was_made(tmp_path: Path) -> None:
    layout = world(tmp_path)
    pack(layout, target_bytes=TARGET)
    for path in layout.shards.rglob("*.tar"):
        with tarfile.open(path) as tar:
            for member in tar:
                assert (member.mtime, member.uid, member.gid, member.uname, member.gname, member.mode) == (0, 0, 0, "", "", 0o644)
                assert member.type == tarfile.REGTYPE
                assert not member.pax_headers


def test_a_sequence_lies_in_one_place_with_meta_json_first(tmp_path: Path) -> None:
    layout = world(tmp_path)
    pack(layout, target_bytes=TARGET)
    with tarfile.open(layout.shards / "frames" / "shard_0001.tar") as tar:
        names = tar.getnames()
    groups = [name.rsplit("/images/", 1)[0].removesuffix("/meta.json") for name in names]
    order = list(dict.fromkeys(groups))
    assert len(order) == 6
    assert groups == [group for group in order for _ in range(4)]
    assert all(names[at].endswith("/meta.json") for at in range(0, len(names), 4))
    assert order == sorted(order, key=lambda group: group.split("/")[:2])


def test_the_index_gives_every_member_its_place_and_hash(tmp_path: Path) -> None:
    layout = world(tmp_path)
    pack(layout, target_bytes=20_000)
    rows = pq.read_table(layout.shards / "frames" / "index.parquet").to_pylist()
    assert list(rows[0]) == ["key", "member", "shard", "offset", "size", "sha256"]
    assert len(rows) == 6 * 4
    for row in rows:
        data = (layout.shards / "frames" / row["shard"]).read_bytes()[row["offset"] :][: row["size"]]
        assert data == (layout.sequences / row["member"]).read_bytes()
        assert row["sha256"] == hashlib.sha256(data).hexdigest()


def test_equal_input_gives_equal_bytes_wherever_and_whenever(tmp_path: Path) -> None:
    first, second = world(tmp_path / "a"), world(tmp_path / "b")
    for path in second.sequences.rglob("*"):
        path.touch()
    pack(first, target_bytes=20_000)
    pack(second, target_bytes=20_000)
    assert tree(first.shards) == tree(second.shards)


def test_packing_again_changes_no_file_and_touches_none(tmp_path: Path) -> None:
    layout = world(tmp_path)
    pack(layout, target_bytes=20_000)
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) for path in layout.shards.rglob("*") if path.is_file()}
    again = pack(layout, target_bytes=20_000)
    assert (again.frames.new, again.frames.changed, again.frames.unchanged, again.frames.shards) == (0, 0, 6, [])
    after = {path: (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) for path in layout.shards.rglob("*") if path.is_file()}
    assert after == before


def test_new_sequences_write_one_new_shard_and_touch_no_other(tmp_path: Path) -> None:
    layout = world(tmp_path)
    pack(layout, target_bytes=TARGET)
    before = (layout.shards / "frames" / "shard_0001.tar").stat()
    for number in range(20, 25):
        add(layout, number)
    done = pack(layout, target_bytes=TARGET)
    after = (layout.shards / "frames" / "shard_0001.tar").stat()
    assert done.frames.shards == ["shard_0002.tar"]
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert manifest(layout)["next_index"] == 3
    assert manifest(layout)["items"]["21"] == "shard_0002.tar"
    assert manifest(layout)["items"]["1"] == "shard_0001.tar"


def test_a_sequence_that_grew_is_packed_again_and_the_manifest_names_the_newest(tmp_path: Path) -> None:
    layout = world(tmp_path)
    pack(layout, target_bytes=TARGET)
    add(layout, 3, frames=5, organization="Forêt d'Ardèche", camera="Cam 0")
    done = pack(layout, target_bytes=TARGET)
    assert (done.frames.new, done.frames.changed, done.frames.unchanged) == (0, 1, 5)
    assert manifest(layout)["items"]["3"] == "shard_0002.tar"
    there = Layout(tmp_path / "there")
    unpack(there, source=layout.shards)
    assert tree(there.sequences) == tree(layout.sequences)


def test_a_store_that_is_behind_the_shards_packs_nothing_over_them(tmp_path: Path) -> None:
    layout = world(tmp_path, report=False)
    add(layout, 1, frames=5, organization="Forêt d'Ardèche", camera="Cam 1")
    pack(layout, target_bytes=TARGET)
    add(layout, 1, frames=3, organization="Forêt d'Ardèche", camera="Cam 1")
    done = pack(layout, target_bytes=TARGET)
    assert (done.frames.older, done.frames.changed, done.frames.shards) == (1, 0, [])


def test_an_organization_that_fills_a_shard_never_shares_one(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    for number in range(1, 9):
        add(layout, number, organization="Big")
    for number in range(20, 23):
        add(layout, number, organization=f"Small {number}")
    pack(layout, target_bytes=30_000)
    organizations = [info["organizations"] for _, info in sorted(manifest(layout)["shards"].items())]
    assert ["small-20", "small-21", "small-22"] in organizations
    assert all(names == ["big"] for names in organizations if "big" in names)
    assert sum(names == ["big"] for names in organizations) >= 2


def test_a_damaged_frame_is_named_and_everything_else_is_packed(tmp_path: Path) -> None:
    layout = world(tmp_path)
    bad = next(layout.sequences.glob("*/*/seq_4"))
    image = next((bad / "images").iterdir())
    data = bytearray(image.read_bytes())
    data[100] ^= 1
    image.write_bytes(data)
    (next(layout.sequences.glob("*/*/seq_5")) / "meta.json").write_text("{")
    done = pack(layout, target_bytes=TARGET)
    assert done.frames.new == 4
    assert {problem.keys for problem in done.failed} == {("pyro-annotator_4",), ("pyro-annotator_5",)}
    assert any("sha256 is not the one in meta.json" in problem.what for problem in done.failed)
    assert sorted(manifest(layout)["items"]) == ["1", "2", "3", "6"]


def test_a_pull_that_was_interrupted_is_not_a_sequence_yet(tmp_path: Path) -> None:
    layout = world(tmp_path, report=False)
    (next(layout.sequences.glob("*/*/seq_4")) / "meta.json").unlink()
    done = pack(layout, target_bytes=TARGET)
    assert (done.frames.new, done.failed) == (5, [])


def test_an_equal_report_keeps_its_shards_and_a_changed_one_gets_new_numbers(tmp_path: Path) -> None:
    layout = world(tmp_path)
    pack(layout, target_bytes=TARGET)
    first = tree(layout.shards / "report")
    report = layout.reports / VARIANT
    for path in report.rglob("*.json"):
        path.write_bytes(path.read_bytes())
    assert pack(layout, target_bytes=TARGET).report.kept == ["shard_0001.tar"]
    assert tree(layout.shards / "report") == first
    details = report / "details" / "pyro-annotator_2.json"
    content = read_json(details)
    content["tubes"]["num_candidates"] = 7
    write_json(details, content)
    changed = pack(layout, target_bytes=TARGET).report
    assert changed.written == ["shard_0002.tar"]
    assert not (layout.shards / "report" / "shard_0001.tar").exists()
    there = Layout(tmp_path / "there")
    unpack(there, source=layout.shards)
    assert tree(there.reports) == tree(layout.reports)


def test_the_report_written_last_is_packed_unless_another_is_named(tmp_path: Path) -> None:
    layout = world(tmp_path)
    made = [add(layout, 1, organization="Forêt d'Ardèche", camera="Cam 1")]
    add_report(layout, made, variant="other-0-2-0")
    assert pack(layout, target_bytes=TARGET).variant == "other-0-2-0"
    assert manifest(layout, "report")["variant"] == "other-0-2-0"
    assert pack(layout, target_bytes=TARGET, variant=VARIANT).variant == VARIANT
    with pytest.raises(BadInput, match=r"expected a finished report, found none.*--variant"):
        pack(layout, target_bytes=TARGET, variant="nowhere")


def test_an_aggregate_that_the_report_no_longer_has_goes_from_the_shards(tmp_path: Path) -> None:
    layout = world(tmp_path)
    (layout.reports / VARIANT / "extra.json").write_text("{}")
    pack(layout, target_bytes=TARGET)
    assert (layout.shards / "extra.json").exists()
    (layout.reports / VARIANT / "extra.json").unlink()
    pack(layout, target_bytes=TARGET)
    assert not (layout.shards / "extra.json").exists()


def test_a_set_without_its_shards_is_not_packed_over(tmp_path: Path) -> None:
    layout = world(tmp_path)
    pack(layout, target_bytes=TARGET)
    (layout.shards / "frames" / "shard_0001.tar").unlink()
    add(layout, 50)
    with pytest.raises(BadShard, match=r"shard_0001.tar: expected what the manifest names.*triage fetch"):
        pack(layout, target_bytes=TARGET)


def test_two_packs_at_once_one_refuses(tmp_path: Path) -> None:
    layout = world(tmp_path)
    with lock(lock_path(layout.shards)), pytest.raises(Busy, match="another triage process is writing here"):
        pack(layout, target_bytes=TARGET)
    pack(layout, target_bytes=TARGET)


def test_nothing_to_pack_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"expected a store, found none; run `triage pull` first"):
        pack(Layout(tmp_path), target_bytes=TARGET)
    with pytest.raises(BadSetting, match="expected a positive number"):
        pack(world(tmp_path), target_bytes=0)


def test_what_is_packed_here_unpacks_with_plain_tar(tmp_path: Path) -> None:
    layout = world(tmp_path)
    pack(layout, target_bytes=20_000)
    there = tmp_path / "there"
    there.mkdir()
    for shard in sorted((layout.shards / "frames").glob("*.tar")):
        done = subprocess.run(["tar", "xf", str(shard), "-C", str(there)], capture_output=True, check=True)
        assert done.stderr == b""
    assert tree(there) == tree(layout.sequences)


def test_long_and_foreign_names_survive(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    add(layout, 1, organization="o" * 120, camera="c" * 200)
    add(layout, 2, organization="o" * 90, camera="c" * 50)
    pack(layout, target_bytes=TARGET)
    with tarfile.open(fileobj=io.BytesIO((layout.shards / "frames" / "shard_0001.tar").read_bytes())) as tar:
        assert max(len(name) for name in tar.getnames()) > 200
    there = Layout(tmp_path / "there")
    unpack(there, source=layout.shards)
    assert tree(there.sequences) == tree(layout.sequences)
