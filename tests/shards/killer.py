"""Runs pack or unpack over and over in children that are killed at random moments, and says what it saw as JSON. A program of its own:
it stays single-threaded and has everything imported, so that forking is safe and a child starts in no time.

    python -m tests.shards.killer pack|unpack BASE KILLS SEED PROCESSES
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import triage.shards.verify as verify
from triage import progress
from triage.config import Layout
from triage.shards.pack import pack
from triage.shards.unpack import unpack

TARGET = 20_000


def child(action: Callable[[], object], kill_after: float | None = None) -> bool:
    """Run `action` in a child; True = it ended well, False = it was killed. Anything else ends this program with its traceback."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            action()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return False
    if os.WEXITSTATUS(status):
        sys.exit("a child failed")
    return True


def nothing_named_is_missing(shards: Path) -> None:
    """Whatever a manifest names is there and whole. Files that no manifest names are what a kill leaves."""
    problems = [problem for problem in verify.verify_shards(shards) if "is not part of the set" not in problem.what]
    problems = [problem for problem in problems if "an orphan" not in problem.what and problem.path != "."]
    assert not problems, problems


def every_sequence_is_whole(there: Layout) -> None:
    """A sequence exists when its meta.json does: then its frames do, with the hashes it gives. A report with its marker is whole."""
    from triage.store import Store

    store = Store(there.sequences)
    for key in store.keys():  # noqa: SIM118
        assert store.check(key) == [], store.check(key)


def main(what: str, base: Path, kills: int, seed: int, processes: int) -> None:
    progress.quiet()
    rng = random.Random(seed)
    here = Layout(base / "data")
    work = Layout(base / "work")
    killed = runs = rounds = 0

    def action() -> object:
        if what == "pack":
            return pack(work, target_bytes=TARGET, processes=processes)
        return unpack(work, source=here.shards, processes=processes)

    def check() -> None:
        if what == "unpack":
            every_sequence_is_whole(work)
        elif work.shards.exists():
            nothing_named_is_missing(work.shards)

    def start_again() -> None:
        shutil.rmtree(work.root, ignore_errors=True)
        if what == "pack":
            # A state to go on from: what is packed already, and a store and a report that are ahead of it.
            shutil.copytree(base / "packed", work.root)

    start_again()
    started = time.perf_counter()
    child(action)
    usual = time.perf_counter() - started
    while killed < kills:
        start_again()
        rounds += 1
        # Several kills on the way of one job, then it is left to finish.
        for _ in range(rng.randint(3, 8)):
            runs += 1
            if child(action, kill_after=rng.uniform(0, usual * 1.1)):
                break
            killed += 1
            child(check)
        child(action)
        child(check)
        compared = (work.shards, base / "expected-shards") if what == "pack" else (work.root, base / "expected-data")
        assert contents(compared[0]) == contents(compared[1]), "the re-run differs from an undisturbed run"
    print(json.dumps({"killed": killed, "runs": runs, "rounds": rounds, "usual_s": round(usual, 3)}))


def contents(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file() and not path.name.endswith(".lock")
    }


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:6]))
