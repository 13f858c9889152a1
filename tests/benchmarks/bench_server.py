"""How fast the viewer's server answers, in its own process, over loopback: rows, details, frames, crops and strips.

Each detail, frame and strip is asked for once, of another sequence each time, so that no cache of the server helps; the files are in the
page cache of the system, as they are after a pull. Baselines: an answer that is computed from nothing, and the rows as JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pyarrow.parquet as pq

from tests.benchmarks.synthetic_report import VARIANT, keys_with_tubes, write_synthetic
from triage.config import Layout
from triage.shards.pack import pack

SCRIPT = """
import sys
from pathlib import Path
from triage.config import Layout
from triage.server import create_app
from triage.server.serve import bind, serve
sock = bind("127.0.0.1", 0)
app = create_app(Layout(Path(sys.argv[1])), host="127.0.0.1", port=0, page=None)
serve(app, sock, lambda: print(sock.getsockname()[1], flush=True))
"""
REPORT = f"/api/reports/{VARIANT}"
WITH_FRAMES = 120


@contextlib.contextmanager
def served(layout: Layout) -> Iterator[tuple[httpx.Client, int]]:
    """A server in a process of its own, a client of it, and its process id."""
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(layout.root)], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{int(process.stdout.readline())}", timeout=60) as client:
            yield client, process.pid
    finally:
        process.terminate()
        process.wait(20)


@dataclass(frozen=True)
class Measured:
    """milliseconds: of each request, as its visitor saw it. cpu: processor time of the server per request, ms; None = not asked."""

    milliseconds: list[float]
    cpu: float | None = None


def processor_ms(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def timed(ask: Callable[[], object], times: int, pid: int) -> Measured:
    before = processor_ms(pid)
    taken = milliseconds(ask, times)
    return Measured(taken, (processor_ms(pid) - before) / times)


def milliseconds(ask: Callable[[], object], times: int) -> list[float]:
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        ask()
        taken.append((time.perf_counter() - start) * 1e3)
    return taken


def get(client: httpx.Client, path: str) -> bytes:
    answer = client.get(path)
    answer.raise_for_status()
    return answer.content


def measure(layout: Layout, keys: list[str]) -> dict[str, Measured]:
    """Milliseconds of each kind of request, and the server's memory in MB at the end."""
    started = time.perf_counter()
    with served(layout) as (client, pid):
        up = (time.perf_counter() - started) * 1e3
        taken = {
            "start until it answers": Measured([up]),
            "first rows.arrow after the start": timed(lambda: get(client, f"{REPORT}/rows.arrow"), 1, pid),
        }
        taken["rows.arrow again"] = timed(lambda: get(client, f"{REPORT}/rows.arrow"), 20, pid)
        taken["an answer from nothing (baseline)"] = timed(lambda: get(client, "/api/vocabulary"), 100, pid)
        third = len(keys) // 3
        details, frames, strips = keys[:third], keys[third : 2 * third], keys[2 * third :]
        get(client, f"{REPORT}/sequences/{keys[0]}")  # the look-ups are made once per report
        one = iter(details)
        taken["detail"] = timed(lambda: get(client, f"{REPORT}/sequences/{next(one)}"), third, pid)
        two = iter(details)
        taken["first frame, after its detail"] = timed(lambda: get(client, f"{REPORT}/sequences/{next(two)}/frames/0.jpg"), third, pid)
        three = iter(frames)
        taken["detail and first frame"] = timed(lambda: _open(client, next(three)), third, pid)
        four = iter(strips)
        strip = "strip of 10 crops, 160 px (from shards: out of the preview)"
        taken[strip] = timed(lambda: get(client, f"{REPORT}/sequences/{next(four)}/strip?size=160"), third, pid)
        five = iter(strips)
        taken["the same strip again"] = timed(lambda: get(client, f"{REPORT}/sequences/{next(five)}/strip?size=160"), third, pid)
        six = iter(strips)
        taken["one crop, 224 px"] = timed(lambda: get(client, f"{REPORT}/sequences/{next(six)}/tubes/0/crops/3.jpg"), third, pid)
        status = Path(f"/proc/{pid}/status").read_text()
        taken["memory of the server, MB"] = Measured([int(status.split("VmRSS:")[1].split()[0]) / 1024])
    return taken


def _open(client: httpx.Client, key: str) -> None:
    detail = json.loads(get(client, f"{REPORT}/sequences/{key}"))
    get(client, f"{REPORT}/sequences/{key}/frames/0.jpg?v={detail['version']}")


def main() -> str:
    small, large = (500, 2_000) if os.environ.get("BENCH_QUICK") else (21_489, 200_000)
    columns: dict[str, dict[str, Measured]] = {}
    as_json = {}
    with tempfile.TemporaryDirectory() as scratch:
        for rows in (small, large):
            layout = write_synthetic(Path(scratch) / str(rows), rows, with_frames=WITH_FRAMES)
            columns[f"{rows:,} rows"] = measure(layout, keys_with_tubes(layout))
            table = pq.read_table(layout.reports / VARIANT / "results.parquet")
            as_json[f"{rows:,} rows"] = Measured(milliseconds(lambda table=table: json.dumps(table.to_pylist()).encode(), 1))  # type: ignore[misc]
        layout = Layout(Path(scratch) / str(small))
        keys = keys_with_tubes(layout)
        pack(layout, target_bytes=1_000_000_000)
        shutil.rmtree(layout.root / "01_raw")
        shutil.rmtree(layout.root / "08_reporting")
        columns[f"{small:,} rows, from shards"] = measure(layout, keys)
    names = list(columns)
    lines = [
        "## Viewer: the server",
        "",
        "Milliseconds, median (95th percentile), over loopback, each request of another sequence; after the slash the processor time",
        "that the server spent on one, which does not depend on what else the machine does. `python -m tests.benchmarks server`.",
        "",
        f"| request | {' | '.join(names)} |",
        f"| --- |{' --- |' * len(names)}",
    ]
    lines += [f"| {request} | {' | '.join(_cell(columns[name][request]) for name in names)} |" for request in columns[names[0]]]
    lines.append(
        f"| all rows as JSON, to compare with rows.arrow | {' | '.join(_cell(as_json.get(name, Measured([]))) for name in names)} |"
    )
    return "\n".join(lines) + "\n"


def _cell(found: Measured) -> str:
    values, cpu = found.milliseconds, "" if found.cpu is None else f" / {found.cpu:.1f}"
    if not values:
        return ""
    if len(values) == 1:
        return f"{values[0]:,.0f}"
    return f"{np.median(values):,.1f} ({np.percentile(values, 95):,.1f}){cpu}"


if __name__ == "__main__":
    print(main())
