"""A full disk: a clear error, the old state intact, and the same command ends right once there is space."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.disks import fill
from tests.shards.worlds import add, tree, world
from triage.config import Layout
from triage.errors import NoSpace
from triage.shards.pack import pack
from triage.shards.unpack import unpack
from triage.shards.verify import verify_shards

TARGET = 20_000


@pytest.mark.parametrize("leave", [0, 8192, 24576, 40960])
def test_packing_on_a_full_disk_leaves_the_set_as_it_was(small_disk: Path, tmp_path: Path, leave: int) -> None:
    layout = world(small_disk / "data", 4)
    pack(layout, target_bytes=TARGET)
    before = tree(layout.shards)
    for number in range(20, 30):
        add(layout, number)
    elsewhere = Layout(tmp_path / "data")
    shutil.copytree(layout.root, elsewhere.root)
    pack(elsewhere, target_bytes=TARGET)
    ballast = fill(small_disk, leave)
    with pytest.raises(NoSpace, match="the disk is full; free some space and run the same command again"):
        pack(layout, target_bytes=TARGET)
    assert {name: data for name, data in tree(layout.shards).items() if name in before} == before
    ballast.unlink()
    pack(layout, target_bytes=TARGET)
    assert tree(layout.shards) == tree(elsewhere.shards)
    assert verify_shards(layout.shards) == []


@pytest.mark.parametrize("leave", [0, 8192, 24576])
def test_unpacking_on_a_full_disk_goes_on_once_there_is_space(small_disk: Path, tmp_path: Path, leave: int) -> None:
    layout, there = world(tmp_path / "data", 8), Layout(small_disk / "there")
    pack(layout, target_bytes=TARGET)
    ballast = fill(small_disk, leave)
    with pytest.raises(NoSpace, match="the disk is full"):
        unpack(there, source=layout.shards)
    ballast.unlink()
    assert unpack(there, source=layout.shards).failed == []
    assert (tree(there.sequences), tree(there.reports)) == (tree(layout.sequences), tree(layout.reports))
