"""The page in headless Chromium at 21,489 and 200,000 rows: what docs/specs/2026-11-21-viewer-design.md promises.

The browser part is tests/e2e/measure.mjs; here are the data, the server and the table.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tests.benchmarks.synthetic_report import write_synthetic

_ROOT = Path(__file__).parents[2]
_QUICK = bool(os.environ.get("BENCH_QUICK"))
_SIZES = (2_000,) if _QUICK else (21_489, 200_000)
_RUNS = 4 if _QUICK else 20
_ACTIONS = 24 if _QUICK else 600

#: sample, what it is, statistic, target at each size (ms; memory in MB), None = none was set
_LINES = (
    ("navigation", "navigation to a usable table, nothing cached", "median", (1000, 2500)),
    ("navigation", "the same", "p95", (1000, 2500)),
    ("sliderWall", "main-thread work per slider event, rows filtered by bucket", "median", (16, 50)),
    ("sliderWall", "the same", "p95", (16, 50)),
    ("sliderCpu", "the same, processor time of the thread", "p95", (16, 50)),
    ("sortCold", "sort by a column for the first time, click to drawn", "median", (30, 250)),
    ("sortCold", "the same", "p95", (30, 250)),
    ("sortWarm", "sort by a column again, click to drawn", "median", (30, 250)),
    ("filter", "filter by bucket, organization or words, event to drawn", "median", (30, 250)),
    ("filter", "the same", "p95", (30, 250)),
    ("openCold", "open any sequence, click to first frame drawn", "median", (150, 150)),
    ("openCold", "the same", "p95", (150, 150)),
    ("openNext", "open the next sequence (preloaded), key to first frame drawn", "median", (150, 150)),
    ("openNext", "the same", "p95", (150, 150)),
    ("heap", f"JS heap after {_ACTIONS} actions (ten minutes at one a second)", "median", (200, 500)),
    ("resident", "resident memory of the page's process then, columns and decoded frames included", "median", None),
)
_BYTES = ("heap", "resident")


def main() -> str:
    """Measure and return the section `## The page in Chromium`."""
    load = os.getloadavg()[1]
    measured = [_measure(rows) for rows in _SIZES]
    head = " | ".join(f"{rows:,} rows | target" for rows in _SIZES)
    lines = [
        "## The page in Chromium",
        "",
        "Headless Chromium at 1280x800 over `triage view` on this machine, synthetic report "
        "(`tests.benchmarks.synthetic_report`), "
        f"{_RUNS} runs or more of each; milliseconds, memory in MB. Work per slider event is all that the event causes on the main "
        "thread until it is idle again: cards, histogram, the deferred table, layout and paint. Times to “drawn” include waiting for the "
        "next frame of the display (up to 17 ms). The slowest slider events and filters are the first after a page load, before the "
        "browser has compiled what they run: traces show 15 to 25 ms of script for those and 4 to 5 ms from the fifth on, beside 5 ms of "
        "layout and paint. "
        f"Other work on this machine's {os.cpu_count()} cores when it began: load average {load:.0f}.",
        "",
        f"| what | | {head} |",
        "| --- | --- | " + " | ".join("---: | ---:" for _ in _SIZES) + " |",
    ]
    for name, what, statistic, targets in _LINES:
        wanted = [f"{target:,}" for target in targets] if targets else ["–"] * len(_SIZES)
        cells = [f"{_statistic(samples[name], statistic, name):,.0f} | {wanted[at]}" for at, samples in enumerate(measured)]
        lines.append(f"| {what} | {'' if name in _BYTES else statistic} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _statistic(samples: Sequence[float], statistic: str, name: str) -> float:
    values = np.array(samples) / (1e6 if name in _BYTES else 1)
    return float(np.percentile(values, 95) if statistic == "p95" else np.median(values))


def _measure(rows: int) -> dict[str, list[float]]:
    with tempfile.TemporaryDirectory() as directory:
        write_synthetic(Path(directory), rows, with_frames=200)
        command = [sys.executable, "-m", "triage", "view", "--data", directory, "--port", "0", "--no-browser"]
        with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
            try:
                url = _url(server)
                script = ["node", "tests/e2e/measure.mjs", url, str(_RUNS), str(_ACTIONS)]
                answer = subprocess.run(script, cwd=_ROOT, check=True, capture_output=True, text=True, timeout=1200)
            except subprocess.CalledProcessError as error:
                raise SystemExit(f"the browser part failed: {error.stderr}") from error
            finally:
                server.terminate()
    samples: dict[str, list[float]] = json.loads(answer.stdout)
    return samples


def _url(server: subprocess.Popen[str]) -> str:
    assert server.stdout is not None
    said = ""
    for line in server.stdout:
        said += line
        found = re.search(r"http://\S+", line)
        if found:
            return found.group()
    raise SystemExit(f"triage view ended: {said}")
