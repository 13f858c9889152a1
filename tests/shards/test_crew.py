"""Helping processes: the same result as without them, whatever is wrong with the input, and none outlives who wanted it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.disks import fill
from tests.shards.worlds import add, tree, world
from triage.config import Layout
from triage.errors import BadFrame, NoSpace
from triage.shards.crew import Crew, crew_size
from triage.shards.pack import pack
from triage.shards.unpack import unpack
from triage.shards.verify import verify_shards

TARGET = 60_000
ROOT = Path(__file__).parents[2]


def work(shared: str, task: int) -> str:
    """What the crews of these tests do."""
    if task == -1:
        raise BadFrame(f"{shared}: frame {task}")
    if task == -2:
        os._exit(7)
    if task % 3 == 0:
        time.sleep(0.02)
    return f"{shared}{task} {os.getpid()}"


def crew(size: int = 2) -> Crew[int, str]:
    return Crew(work, "it is ", size)


def gone(pid: int) -> bool:
    """Has the process ended? One that nobody has waited for yet has."""
    try:
        return " Z " in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True


def eventually_gone(pid: int) -> bool:
    return any(gone(pid) or time.sleep(0.02) for _ in range(250))


def test_answers_come_in_the_order_of_the_tasks_from_all_members() -> None:
    with crew() as members:
        answers = list(members.map(range(40)))
        assert [(task, answer.split()[2]) for task, answer in answers] == [(task, str(task)) for task in range(40)]
        assert len({answer.split()[3] for _, answer in answers}) == 2
        assert list(members.map([])) == []
        assert [task for task, _ in members.map([5, 6])] == [5, 6]
    assert all(eventually_gone(int(answer.split()[3])) for _, answer in answers)


def test_tasks_are_taken_as_they_are_needed() -> None:
    taken: list[int] = []

    def tasks() -> Iterator[int]:
        for task in range(1000):
            taken.append(task)
            yield task

    with crew() as members:
        for task, _ in members.map(tasks()):
            assert len(taken) <= task + 9
            if task == 20:
                break


def test_what_a_member_raises_is_raised_here() -> None:
    with crew() as members, pytest.raises(BadFrame, match="it is : frame -1"):
        list(members.map([1, 2, -1, 3]))


def test_a_member_that_dies_is_not_waited_for() -> None:
    with crew() as members, pytest.raises(BrokenProcessPool):
        list(members.map([1, -2, 3]))


def test_members_end_with_the_process_that_wanted_them() -> None:
    script = (
        "from tests.shards.test_crew import crew\n"
        "with crew() as members:\n"
        "    for task, answer in members.map(iter(int, 1)):\n"
        "        print(answer.split()[3], flush=True)\n"
    )
    wanted = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert wanted.stdout is not None
    pids = {int(wanted.stdout.readline()) for _ in range(20)}
    assert not any(gone(pid) for pid in pids)
    wanted.send_signal(signal.SIGKILL)
    wanted.wait()
    wanted.stdout.close()
    assert len(pids) == 2
    assert all(eventually_gone(pid) for pid in pids)


def test_little_work_is_done_here() -> None:
    assert crew_size(1_000_000) == 0
    assert crew_size(10_000_000_000) == (min(8, os.cpu_count() or 1) if (os.cpu_count() or 1) > 1 else 0)


def hard(root: Path) -> Layout:
    """A store in which one frame is missing, one is flipped, and one sequence has names that take longer headers."""
    layout = world(root, 30)
    add(layout, 40, organization="o" * 100, camera="c" * 100)
    add(layout, 41, organization="Org A", camera="Cam 1")
    missing, flipped = (add(layout, number, organization="Org A", camera="Cam 0") for number in (42, 43))
    (layout.sequences / missing.directory / missing.frames[1].file).unlink()
    path = layout.sequences / flipped.directory / flipped.frames[2].file
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    return layout


def test_packing_with_help_gives_the_same_bytes(tmp_path: Path) -> None:
    alone, helped = hard(tmp_path / "alone"), hard(tmp_path / "helped")
    first = pack(alone, target_bytes=TARGET, processes=0)
    second = pack(helped, target_bytes=TARGET, processes=2)
    assert tree(helped.shards) == tree(alone.shards)
    assert len(second.frames.shards) > 2
    assert (second.frames.new, len(second.failed)) == (first.frames.new, len(first.failed)) == (32, 2)
    assert [problem.keys for problem in second.failed] == [problem.keys for problem in first.failed]
    assert verify_shards(helped.shards) == []


def test_unpacking_with_help_gives_the_same_files(tmp_path: Path) -> None:
    layout = world(tmp_path / "data", 30)
    pack(layout, target_bytes=TARGET)
    path = layout.shards / "frames" / "shard_0002.tar"
    rows = [row for row in pq.read_table(layout.shards / "frames" / "index.parquet").to_pylist() if row["shard"] == path.name]
    damaged = bytearray(path.read_bytes())
    damaged[rows[5]["offset"] + 9] ^= 1
    path.write_bytes(damaged)
    alone, helped = Layout(tmp_path / "alone"), Layout(tmp_path / "helped")
    first = unpack(alone, source=layout.shards, processes=0)
    second = unpack(helped, source=layout.shards, processes=2)
    assert (second.frames, second.report) == (first.frames, first.report)
    assert [problem.keys for problem in second.failed] == [(rows[5]["key"],)]
    assert tree(helped.sequences) == tree(alone.sequences)
    assert tree(helped.reports) == tree(alone.reports) == tree(layout.reports)
    again = unpack(helped, source=layout.shards, processes=2)
    assert (again.frames.right, again.frames.restored) == (29, 0)


def test_a_full_disk_is_told_by_a_helper_too(small_disk: Path, tmp_path: Path) -> None:
    layout, there = world(tmp_path / "data", 8), Layout(small_disk / "there")
    pack(layout, target_bytes=TARGET)
    ballast = fill(small_disk, 24576)
    with pytest.raises(NoSpace, match="the disk is full"):
        unpack(there, source=layout.shards, processes=2)
    ballast.unlink()
    assert unpack(there, source=layout.shards, processes=2).failed == []
    assert tree(there.sequences) == tree(layout.sequences)


def test_packing_with_help_on_a_full_disk_leaves_the_set_as_it_was(small_disk: Path) -> None:
    layout = world(small_disk / "data", 4)
    pack(layout, target_bytes=TARGET)
    before = tree(layout.shards)
    for number in range(20, 30):
        add(layout, number)
    ballast = fill(small_disk, 24576)
    with pytest.raises(NoSpace, match="the disk is full"):
        pack(layout, target_bytes=TARGET, processes=2)
    assert tree(layout.shards) == before
    ballast.unlink()
    assert pack(layout, target_bytes=TARGET, processes=2).frames.new == 10
    assert verify_shards(layout.shards) == []
