"""Two viewers, a command line and a git pull at once on one data directory, killed at random: what was acknowledged is never lost.

Everything is the real thing: processes of `triage view` and `triage decide`, HTTP, git, kill -9.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pyarrow as pa
import pytest

from tests.benchmarks.synthetic_report import VARIANT, write_synthetic
from triage.config import Layout
from triage.review.fold import State, fold_events
from triage.review.log import Logs
from triage.review.rows import open_rows

ROOT = Path(__file__).parents[2]
TRIAGE = [sys.executable, "-m", "triage"]
KILLS = 6
#: Every writer has sequences of its own, so that what stands for each of them is known.
PARTS = 6
WORDS = ("antenna", "tree", "smoke:industrial", "unsure")


class Said(NamedTuple):
    """One decision that was acknowledged."""

    event: str
    reviewer: str
    sequence_id: int
    words: str


class Viewer:
    """A `triage view` that can be killed and started again."""

    def __init__(self, data: Path, reviewer: str) -> None:
        self._data, self._reviewer = data, reviewer
        self._process: subprocess.Popen[str] | None = None
        self.url = ""
        self._client = httpx.Client(timeout=30)

    def start(self) -> None:
        command = [*TRIAGE, "view", "--data", str(self._data), "--port", "0", "--no-browser", "--reviewer", self._reviewer]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert self._process.stdout is not None
        found = re.search(r"http://[^\s]+", self._process.stdout.readline())
        assert found is not None
        self.url = found[0].rstrip("/")

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.communicate()

    def close(self) -> None:
        self.kill()
        self._client.close()

    def decide(self, where: str, words: str, reviewer: str | None = None) -> str:
        body = {"where": where, "words": words, "expect": 1, "reviewer": reviewer}
        answer = self._client.post(f"{self.url}/api/reports/{VARIANT}/decide", json=body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["event"])

    def rows(self) -> int:
        """How many rows somebody has an opinion about, as the page would be told."""
        answer = self._client.get(f"{self.url}/api/reports/{VARIANT}/decisions.arrow")
        return int(pa.ipc.open_stream(answer.content).read_all().num_rows)


def git(*words: str, cwd: Path) -> str:
    who = {"GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@t", "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@t"}
    done = subprocess.run(["git", *words], cwd=cwd, capture_output=True, text=True, env=os.environ | who, check=False)
    assert done.returncode == 0, f"git {words}: {done.stdout}{done.stderr}"
    return done.stdout


def share(clone: Path) -> None:
    """What a person does: commit the logs, take in those of the others, hand one's own over."""
    for _ in range(20):
        git("add", "--all", ".", cwd=clone)
        if git("diff", "--cached", "--name-only", cwd=clone):
            git("commit", "-q", "-m", "Decisions", cwd=clone)
        git("pull", "-q", "--no-rebase", "--no-edit", "origin", "main", cwd=clone)
        with contextlib.suppress(AssertionError):  # the other clone pushed in between
            git("push", "-q", "origin", "HEAD:main", cwd=clone)
            return
    raise AssertionError(f"{clone} could not push")


@pytest.fixture
def clones(tmp_path: Path) -> tuple[Path, Path]:
    """One data directory for three people on one machine, and a clone of its decisions on another machine."""
    layout = write_synthetic(tmp_path / "first", 2_000, with_frames=1)
    git("init", "-q", "--bare", "-b", "main", str(tmp_path / "origin"), cwd=tmp_path)
    (layout.root / ".gitignore").write_text("01_raw/\n08_reporting/\n")
    git("init", "-q", "-b", "main", cwd=layout.root)
    git("remote", "add", "origin", str(tmp_path / "origin"), cwd=layout.root)
    git("add", ".gitignore", cwd=layout.root)
    git("commit", "-q", "-m", "Begin", cwd=layout.root)
    git("push", "-q", "origin", "main", cwd=layout.root)
    git("clone", "-q", str(tmp_path / "origin"), str(tmp_path / "second"), cwd=tmp_path)
    second = Layout(tmp_path / "second")
    second.reports.parent.mkdir(parents=True)
    second.reports.symlink_to(layout.reports)
    return layout.root, second.root


def command_line(data: Path, reviewer: str, sequence_id: int, words: str, kill_after: float | None = None) -> str | None:
    """`triage decide`; None = it was killed before it said that it was done."""
    asked = ["decide", "--where", f"sequence_id = {sequence_id}", "--as", words, "--reviewer", reviewer, "--json", "--data", str(data)]
    process = subprocess.Popen([*TRIAGE, *asked], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    if kill_after is not None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(kill_after)
        process.kill()
    out, _ = process.communicate()
    return str(json.loads(out)["event"]) if out.endswith("}\n") else None


def numbers(ids: list[int], part: int, parts: int) -> Iterator[int]:
    yield from ids[part::parts]


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_whoever_is_killed(clones: tuple[Path, Path]) -> None:
    here, there = clones
    ids = open_rows(Layout(here)).ids.tolist()
    rng = random.Random(11)
    acknowledged: list[Said] = []
    failures: list[BaseException] = []
    stop = threading.Event()
    viewers = [Viewer(here, "ana"), Viewer(here, "bob")]
    for viewer in viewers:
        viewer.start()

    def over_http(viewer: Viewer, part: int, reviewer: str) -> None:
        # Both viewers also write the log of one reviewer: the same person with two windows open.
        for turn, number in enumerate(numbers(ids, part, PARTS)):
            if stop.is_set():
                return
            words = WORDS[turn % len(WORDS)]
            whose = reviewer if turn % 3 == 0 else "ana"
            try:
                acknowledged.append(Said(viewer.decide(f"sequence_id = {number}", words, whose), whose, number, words))
            except httpx.TransportError:
                time.sleep(0.05)  # killed: nothing was acknowledged, and nothing may be expected

    def by_command(part: int) -> None:
        for turn, number in enumerate(numbers(ids, part, PARTS)):
            if stop.is_set():
                return
            event = command_line(here, "ana", number, "dust", kill_after=rng.uniform(0.2, 2.0) if turn % 2 else None)
            if event is not None:
                acknowledged.append(Said(event, "ana", number, "dust"))

    def elsewhere(part: int) -> None:
        for number in numbers(ids, part, PARTS):
            if stop.is_set():
                return
            event = command_line(there, "eve", number, "rain")
            assert event is not None
            acknowledged.append(Said(event, "eve", number, "rain"))
            share(there)

    def pulling() -> None:
        while not stop.is_set():
            share(here)
            time.sleep(0.1)

    def watched(work: object, *given: object) -> threading.Thread:
        def run() -> None:
            try:
                work(*given)  # type: ignore[operator]
            except BaseException as error:
                failures.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    threads = [
        watched(over_http, viewers[0], 0, "ana"),
        watched(over_http, viewers[0], 1, "ana"),
        watched(over_http, viewers[1], 2, "bob"),
        watched(over_http, viewers[1], 3, "bob"),
        watched(by_command, 4),
        watched(elsewhere, 5),
        watched(pulling),
    ]
    for turn in range(KILLS):
        time.sleep(rng.uniform(0.3, 1.5))
        before = len(acknowledged)
        viewers[turn % 2].kill()
        viewers[turn % 2].start()
        deadline = time.monotonic() + 30
        while len(acknowledged) < before + 5 and time.monotonic() < deadline:
            time.sleep(0.05)
    stop.set()
    for thread in threads:
        thread.join(60)
    assert failures == []
    for clone in (here, there, here):
        share(clone)

    said_by = {who: sum(one.reviewer == who for one in acknowledged) for who in ("ana", "bob", "eve")}
    assert all(count > 3 for count in said_by.values()), said_by
    state = fold_events(Logs(here / "03_decisions"))
    assert state.problems == []
    assert_holds(state, acknowledged)
    # The other clone adds up to the same, and nothing of the machine's own travelled there.
    other = fold_events(Logs(there / "03_decisions"))
    assert list(other.all_standing()) == list(state.all_standing())
    assert not [path.name for path in (there / "03_decisions").glob(".*.lock") if "eve" not in path.name]
    # Both viewers, one of which was never told of any file, show what the logs say.
    assert [viewer.rows() for viewer in viewers] == [len(dict(state.all_standing()))] * 2
    for viewer in viewers:
        viewer.close()


def assert_holds(state: State, acknowledged: list[Said]) -> None:
    """Every acknowledged event is in a log, and stands."""
    events = {record.id: record for record in state.records}
    for said in acknowledged:
        record = events[said.event]
        assert (record.reviewer, state.ids(record)) == (said.reviewer, (said.sequence_id,))
        standing = state.standing(said.sequence_id)
        assert standing is not None
        assert (said.reviewer, said.words) in {(one.reviewer, one.decision.words) for one in standing.opinions}
