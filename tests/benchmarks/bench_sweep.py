"""What sweep mode itself costs: keys and seconds per 1,000 sequences for a scripted reviewer who does not think, at 21,489 rows.

The browser part is tests/e2e/sweep_pace.mjs: Space, wait until the decision is acknowledged (on disk), next page. The baseline is one
request for each sequence over the same API.
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

import numpy as np
import requests

from tests.benchmarks.synthetic_report import VARIANT, write_synthetic
from triage.config import Layout
from triage.report import ReportReader, find_report

ROOT = Path(__file__).parents[2]


def serve(data: Path) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-m", "triage", "view", "--data", str(data), "--port", "0", "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    found = re.search(r"http://\S+", process.stdout.readline())
    assert found
    return process, found[0].rstrip("/") + "/"


def main() -> str:
    rows = 2_000 if os.environ.get("BENCH_QUICK") else 21_489
    lines = [
        "## Sweep mode",
        "",
        f"A scripted reviewer at zero thinking time over {rows:,} rows: Space, acknowledged, next page; pictures are not waited for.",
        "",
        "| way | sequences | keys per 1,000 | seconds per 1,000 | a page, median (p95) |",
        "| --- | --- | --- | --- | --- |",
    ]
    for tiles in (24, 48):
        with tempfile.TemporaryDirectory() as scratch:
            layout = write_synthetic(Path(scratch) / "data", rows, with_frames=1)
            server, url = serve(layout.root)
            try:
                command = ["node", str(ROOT / "tests" / "e2e" / "sweep_pace.mjs"), url, str(tiles)]
                done = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout)
                pages, thousands = done["pages"], done["sequences"] / 1000
                cost = f"{done['keys'] / thousands:.0f} | {done['seconds'] / thousands:.1f}"
                median, late = statistics.median(pages), np.percentile(pages, 95)
                lines.append(f"| sweep, {tiles} tiles | {done['sequences']:,} | {cost} | {median:.0f} ms ({late:.0f}) |")
                if tiles == 48:
                    lines.append(_one_by_one(layout, url))
            finally:
                server.terminate()
                server.wait()
    return "\n".join(lines) + "\n"


def _one_by_one(layout: Layout, url: str) -> str:
    """Baseline: one decision after another, as a page without bulk decisions would send them."""
    table = ReportReader(find_report(layout.reports)).table()
    ids = table["sequence_id"].to_pylist()[:200]
    session, times = requests.Session(), []
    for number in ids:
        start = time.perf_counter()
        body = {"where": f"sequence_id = {number}", "words": "dust", "expect": 1}
        session.post(f"{url}api/reports/{VARIANT}/decide", json=body, timeout=30).raise_for_status()
        times.append(time.perf_counter() - start)
    return f"| one request for each sequence (baseline) | {len(ids)} | 1000 | {1000 * statistics.fmean(times):.1f} | - |"
