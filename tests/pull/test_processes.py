"""Pulls as processes: killed, interrupted, on a full disk, and over a queue that must not fit into memory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from triage.demo.faults import Faults
from triage.demo.server import AnnotatorServer
from triage.demo.world import plain_jpeg, plain_world
from triage.files import TEMPORARY_PREFIX
from triage.store import Store


def environment(server: AnnotatorServer) -> dict[str, str]:
    access = {"ANNOTATOR_API_URL": server.url, "ANNOTATOR_API_LOGIN": server.login, "ANNOTATOR_API_PASSWORD": server.password}
    return {**os.environ, **access, "PYTHONDONTWRITEBYTECODE": "1"}


def start(server: AnnotatorServer, data: Path, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "triage", "pull", "--data", str(data), *options]
    return subprocess.Popen(command, env=environment(server), stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def wait_for_sequences(data: Path, least: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if len(Store(data / "01_raw" / "sequences")) >= least:
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    raise AssertionError("the pull stored nothing")


def finish(server: AnnotatorServer, data: Path, sequences: int) -> None:
    """The same command once more: everything is there, whole, and nothing is left lying about."""
    process = start(server, data, "--json")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    summary = json.loads(out)
    assert summary["listed"] == sequences == summary["stored"] + summary["already_there"]
    assert summary["already_there"] > 0
    store = Store(data / "01_raw" / "sequences")
    assert len(store) == sequences
    assert [problem for number in range(1, sequences + 1) for problem in store.check(f"pyro-annotator_{number}")] == []
    assert list(data.rglob(f"{TEMPORARY_PREFIX}*")) == []


def test_kill_9_in_the_middle_loses_nothing_and_the_next_run_ends_right(tmp_path: Path) -> None:
    with AnnotatorServer(plain_world(120, frames=6), faults=Faults(latency=0.005)) as server:
        process = start(server, tmp_path, "--workers", "4")
        wait_for_sequences(tmp_path, 5, process)
        process.kill()
        process.communicate()
        there = len(Store(tmp_path / "01_raw" / "sequences"))
        assert 5 <= there < 120
        # What a kill between opening and renaming leaves behind.
        unfinished = next((tmp_path / "01_raw" / "sequences").rglob("meta.json")).parent
        (unfinished / "meta.json").unlink()
        (unfinished / "images" / f"{TEMPORARY_PREFIX}1-ab-detection_1.jpg").write_bytes(b"half")
        finish(server, tmp_path, 120)
        assert server.writes == []


def test_ctrl_c_keeps_what_is_there_and_says_so(tmp_path: Path) -> None:
    with AnnotatorServer(plain_world(120, frames=6), faults=Faults(latency=0.005)) as server:
        process = start(server, tmp_path, "--workers", "4")
        wait_for_sequences(tmp_path, 5, process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
        assert process.returncode == 130
        assert b"interrupted; what was finished is kept" in err
        counts = json.loads((tmp_path / "01_raw" / "queue.json").read_bytes())["counts"]
        assert counts["listed"] == 120 == counts["stored"] + counts["not_tried"]
        assert counts["stored"] >= 5
        finish(server, tmp_path, 120)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(place)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"mounting a small tmpfs is not permitted here: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_ends_the_pull_in_one_line_and_more_room_ends_it_right(small_disk: Path) -> None:
    image = plain_jpeg((640, 360)) + b"\0" * 60_000
    with AnnotatorServer(plain_world(30, frames=3, image=image)) as server:
        process = start(server, small_disk, "--workers", "4")
        _, err = process.communicate(timeout=60)
        assert process.returncode == 1
        *_, last = err.decode().strip().splitlines()
        assert last.startswith("error: ")
        assert "the disk is full; free some space and run the same command again" in last
        store = Store(small_disk / "01_raw" / "sequences")
        keys = store.keys()
        assert 0 < len(keys) < 30
        assert [problem for key in keys for problem in store.check(key)] == []
        subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
        finish(server, small_disk, 30)


@pytest.mark.slow
def test_a_listing_of_200000_rows_fits_into_300_megabytes(tmp_path: Path) -> None:
    # The rows have no frames to fetch: what is measured is the listing, the ledger and queue.json. Fetching holds only open sequences.
    script = """
import json, sys
from pathlib import Path
from triage.annotator import Client, SequencePage, SequenceQuery, SequenceRow
from triage.config import Layout
from triage.errors import BadAnswer
from triage.pull import PullOptions, pull
from datetime import UTC, datetime, timedelta

START, COUNT = datetime(2026, 1, 1, tzinfo=UTC), 200_000

def row(number):
    when = START + timedelta(minutes=number // 3)
    return SequenceRow(
        id=number + 1, source_api="pyronear_french", recorded_at=when, last_seen_at=when + timedelta(minutes=7), camera_id=number % 90,
        camera_name=f"tour-de-guet-{number % 90}", organisation_id=number % 30, organisation_name=f"sdis-{number % 30}", azimuth=45,
        lat=44.1, lon=4.2, platform_alert_id=1000 + number // 3,
    )

class Endless(Client):
    def sequences(self, query, *, page=1, size=100, order_by="recorded_at", descending=False):
        first = 0 if query.since is None else max(0, int((query.since - START).total_seconds() // 60) * 3)
        if query.until is not None:
            return SequencePage((), 1)
        count = COUNT - first
        begin = COUNT - size if descending else first
        return SequencePage(tuple(row(number) for number in range(begin, min(begin + size, COUNT))), count)

    def detections(self, sequence_id):
        raise BadAnswer(f"sequence {sequence_id}: no frames in this test")

try:
    pull(Endless("http://127.0.0.1:9", "a", "b"), Layout(Path(sys.argv[1])), PullOptions(SequenceQuery("ready_to_annotate")))
except BadAnswer as error:
    assert "all 200000 sequences failed" in str(error), error
# Not ru_maxrss: the kernel lets a child inherit that from the process that started it.
print(next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2]
    )
    assert done.returncode == 0, done.stderr
    kilobytes = int(done.stdout)
    print(f"{kilobytes / 1000:.0f} MB")
    assert kilobytes < 300_000
    assert json.loads((tmp_path / "01_raw" / "queue.json").read_bytes())["counts"]["listed"] == 200_000
