"""Score one store twice: undisturbed, and in children that are killed with SIGKILL at random moments until the last one may end.

    python -m tests.score.killed_runs WHOLE KILLED MODEL KILLS SEED

WHOLE and KILLED are data directories. A program of its own: torch is imported once here and the children are forked before any thread
runs, so that twenty kills cost seconds. A run that ended before its kill starts over. A child's life is drawn in parts that it seals and a
random while after the last of them, not in seconds since its start, so that a machine busy with other work sees the same test. Prints one
line per child: how it ended, how many parts were sealed by then, and how many reports were there.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import pandas as pd  # pyarrow would import it in every child  # noqa: F401

from triage.config import Layout
from triage.progress import quiet
from triage.score import ScoreRequest, score


def in_child(data: Path, model: Path, keep_every: float) -> int:
    child = os.fork()
    if child == 0:
        score(ScoreRequest(Layout(data), 0.35, (model,), device="cpu", workers=1, batch_size=16, keep_every=keep_every))
        os._exit(0)
    return child


def parts_of(data: Path) -> int:
    return len(list(data.glob("07_model_output/*/part-*.arrow")))


def ended(child: int) -> bool:
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def main(whole: Path, killed: Path, model: Path, kills: int, seed: int) -> None:
    quiet()
    started = time.monotonic()
    _, status = os.waitpid(in_child(whole, model, 15.0), 0)
    took = time.monotonic() - started
    chance = random.Random(seed)
    killed_so_far = 0
    for _ in range(6 * kills):
        if killed_so_far == kills:
            break
        deep_enough = parts_of(killed) + chance.randrange(8)
        child = in_child(killed, model, took / 30)
        while parts_of(killed) < deep_enough and not ended(child):
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.1) * took)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            killed_so_far += 1
        elif killed_so_far < kills:
            # It had ended: what it kept would leave nothing for the next one to be killed in.
            for done in ("07_model_output", "08_reporting"):
                shutil.rmtree(killed / done, ignore_errors=True)
        reports = len(list(killed.glob("08_reporting/*/*/model_config.json")))
        print(f"{'killed' if os.WIFSIGNALED(status) else 'done'}, {parts_of(killed)} parts, {reports} reports", flush=True)
    _, status = os.waitpid(in_child(killed, model, 15.0), 0)
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
