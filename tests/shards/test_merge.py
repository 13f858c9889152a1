"""Two producers from one base: everything of both, in one set, whichever is named first."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.shards.test_unpack import earlier_set
from tests.shards.worlds import add, manifest, tree, world
from triage.config import Layout
from triage.errors import BadInput, BadShard
from triage.shards.merge import merge
from triage.shards.pack import pack
from triage.shards.reader import Previews, ShardReader
from triage.shards.unpack import unpack
from triage.shards.verify import verify_shards

TARGET = 1_000_000_000


@pytest.fixture
def two(tmp_path: Path) -> tuple[Layout, Layout]:
    """Both packed 1 to 6; then the one 20, and more of 3; the other 30, and yet more of 3."""
    one = world(tmp_path / "one")
    pack(one, target_bytes=TARGET)
    shutil.copytree(one.root, tmp_path / "other")
    other = Layout(tmp_path / "other")
    add(one, 20)
    add(other, 30, organization="Org B")
    add(one, 3, frames=4, organization="Forêt d'Ardèche", camera="Cam 0")
    add(other, 3, frames=5, organization="Forêt d'Ardèche", camera="Cam 0")
    pack(one, target_bytes=TARGET)
    pack(other, target_bytes=TARGET)
    return one, other


def test_the_merged_set_has_the_sequences_of_both(two: tuple[Layout, Layout], tmp_path: Path) -> None:
    one, other = two
    done = merge(one.shards, other.shards, tmp_path / "merged")
    assert (done.sequences, done.shared, done.from_first, done.from_second, done.conflicts) == (8, 1, 1, 1, 1)
    assert verify_shards(tmp_path / "merged") == []
    reader = ShardReader(tmp_path / "merged")
    assert reader.keys() == [f"pyro-annotator_{number}" for number in (1, 2, 3, 4, 5, 6, 20, 30)]
    assert len(reader.frames("pyro-annotator_3")) == 5
    assert Previews(tmp_path / "merged").keys() == [f"pyro-annotator_{number}" for number in range(1, 7)]
    there = Layout(tmp_path / "there")
    assert unpack(there, source=tmp_path / "merged").failed == []
    assert tree(there.reports) == tree(one.reports)


def test_it_does_not_matter_which_is_named_first(two: tuple[Layout, Layout], tmp_path: Path) -> None:
    one, other = two
    merge(one.shards, other.shards, tmp_path / "ab")
    merge(other.shards, one.shards, tmp_path / "ba")
    assert tree(tmp_path / "ab") == tree(tmp_path / "ba")


def test_the_inputs_stay_as_they_were_and_the_base_keeps_its_shards(two: tuple[Layout, Layout], tmp_path: Path) -> None:
    one, other = two
    before = tree(one.shards), tree(other.shards)
    merge(one.shards, other.shards, tmp_path / "merged")
    assert (tree(one.shards), tree(other.shards)) == before
    base = (tmp_path / "merged" / "frames" / "shard_0001.tar").read_bytes()
    assert base == (one.shards / "frames" / "shard_0001.tar").read_bytes()


def test_packing_goes_on_from_a_merged_set(two: tuple[Layout, Layout], tmp_path: Path) -> None:
    one, other = two
    merge(one.shards, other.shards, tmp_path / "merged")
    shutil.rmtree(one.shards)
    (tmp_path / "merged").rename(one.shards)
    unpack(one)
    add(one, 40)
    done = pack(one, target_bytes=TARGET)
    assert (done.frames.new, done.frames.unchanged, done.frames.shards) == (1, 8, ["shard_0004.tar"])
    assert manifest(one)["next_index"] == 5


def test_a_set_merged_with_itself_is_itself(two: tuple[Layout, Layout], tmp_path: Path) -> None:
    one, _ = two
    merge(one.shards, one.shards, tmp_path / "merged")
    assert tree(tmp_path / "merged") == tree(one.shards)


def test_a_set_of_the_earlier_tool_merges(tmp_path: Path) -> None:
    earlier_set(tmp_path / "earlier")
    layout = world(tmp_path / "new", 2)
    pack(layout, target_bytes=TARGET)
    assert merge(tmp_path / "earlier", layout.shards, tmp_path / "merged").sequences == 5
    assert verify_shards(tmp_path / "merged") == []


def test_what_cannot_be_merged_says_why(two: tuple[Layout, Layout], tmp_path: Path) -> None:
    one, other = two
    (tmp_path / "there").mkdir()
    with pytest.raises(BadInput, match="expected a new directory"):
        merge(one.shards, other.shards, tmp_path / "there")
    with pytest.raises(BadInput, match="expected a shard set, found none"):
        merge(one.shards, tmp_path / "there", tmp_path / "merged")
    (other.shards / "frames" / "shard_0002.tar").unlink()
    with pytest.raises(BadShard, match=r"shard_0002.tar: expected what the manifest names"):
        merge(one.shards, other.shards, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()
