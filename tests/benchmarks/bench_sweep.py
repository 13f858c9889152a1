"""What sweep mode itself costs: keys and seconds per 1,000 sequences for a scripted reviewer who does not think, at 21,489 rows.

The browser part is tests/e2e/sweep_pace.mjs: Space, wait until the decision is acknowledged (on disk) and the next page is drawn. The
baseline is one request for each sequence over the same API.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import requests

from tests.benchmarks.synthetic_report import VARIANT, write_synthetic
from triage.config import Layout
from triage.report import ReportReader, find_report
from triage.shards.pack import pack

ROOT = Path(__file__).parents[2]


def serve(data: Path) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-m", "triage", "view", "--data", str(data), "--port", "0", "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    found = re.search(r"http://\S+", process.stdout.readline())
    assert found
    return process, found[0].rstrip("/") + "/"


def sweep(layout: Layout, tiles: int, pictures: str, most: int) -> dict[str, Any]:
    """One run in Chromium over a viewer of its own. pictures: "given" or "served". most: stop after so many sequences."""
    server, url = serve(layout.root)
    try:
        command = ["node", str(ROOT / "tests" / "e2e" / "sweep_pace.mjs"), url, str(tiles), pictures, str(most)]
        done: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout)
        return done
    finally:
        server.terminate()
        server.wait()


def main() -> str:
    quick = bool(os.environ.get("BENCH_QUICK"))
    rows, with_pictures = (2_000, 120) if quick else (21_489, 960)
    lines = [
        "## Sweep mode",
        "",
        f"A scripted reviewer at zero thinking time over {rows:,} rows in headless Chromium at 1920x1400: Space; the decision is on disk",
        "and the next page is drawn; Space. Given: every picture is there at once, so this is what deciding costs. Served: the server",
        "makes every looping strip, from ten 1280x720 frames of the store or out of the shards' previews, and nobody looks at the page for",
        "a moment, in which the next page's pictures would arrive. `python -m tests.benchmarks sweep`.",
        "",
        "| way | pictures | sequences | tiles a page | keys per 1,000 | seconds per 1,000 | a page, median (p95) |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        for tiles in (24, 48):
            layout = write_synthetic(root / f"given-{tiles}", rows, with_frames=1)
            lines.append(_line("given", sweep(layout, tiles, "given", rows)))
        lines.append(_one_by_one(layout))
        layout = write_synthetic(root / "served", rows, with_frames=1, unlabel_frames=with_pictures)
        lines.append(_line("served from frames", sweep(layout, 48, "served", with_pictures // 2)))
        pack(layout, target_bytes=1_000_000_000)
        shards = Layout(root / "shards")
        shards.root.mkdir()
        layout.shards.rename(shards.shards)
        lines.append(_line("served from previews", sweep(shards, 48, "served", with_pictures // 2)))
    lines += ["", f"Load average at the end: {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores."]
    return "\n".join(lines) + "\n"


def _line(pictures: str, done: dict[str, Any]) -> str:
    pages, thousands = done["pages"], done["sequences"] / 1000
    cost = f"{done['keys'] / thousands:.0f} | {done['seconds'] / thousands:.1f}"
    median, late = statistics.median(pages), np.percentile(pages, 95)
    whole = "" if done["left"] else ", the whole bucket"
    tiles = round(done["sequences"] / done["keys"])
    return f"| sweep | {pictures} | {done['sequences']:,}{whole} | {tiles} | {cost} | {median:.0f} ms ({late:.0f}) |"


def _one_by_one(layout: Layout) -> str:
    """Baseline: one decision after another, as a page without bulk decisions would send them."""
    ids = ReportReader(find_report(layout.reports)).table()["sequence_id"].to_pylist()[:200]
    server, url = serve(layout.root)
    try:
        session, times = requests.Session(), []
        for number in ids:
            start = time.perf_counter()
            body = {"where": f"sequence_id = {number}", "words": "dust", "expect": 1}
            session.post(f"{url}api/reports/{VARIANT}/decide", json=body, timeout=30).raise_for_status()
            times.append(time.perf_counter() - start)
    finally:
        server.terminate()
        server.wait()
    return f"| one request for each sequence (baseline) | none | {len(ids)} | - | 1000 | {1000 * statistics.fmean(times):.1f} | - |"
