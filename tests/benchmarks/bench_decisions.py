"""What deciding costs: folding a million events, and one bulk decision over 200,000 sequences, beside a log that names every id in JSON."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa

from triage.chain import START
from triage.config import Layout
from triage.files import sha256_bytes
from triage.report import SCHEMA, rebucket
from triage.review.decisions import parse_decision
from triage.review.desk import Desk
from triage.review.events import Event, Selected, ids_digest, line_of
from triage.review.selection import Rows

WORDS = ("antenna", "smoke", "unsure", "dust")
FOLD = """
import resource, sys, time
from pathlib import Path
from triage.review.fold import fold_events
from triage.review.log import Logs
start = time.perf_counter()
state = fold_events(Logs(Path(sys.argv[1])))
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, len(state.records))
"""


def write_logs(root: Path, events: int) -> None:
    """Single decisions of four reviewers over `events` sequences."""
    decisions = [parse_decision(words) for words in WORDS]
    for reviewer in ("ana", "bob", "eve", "tom"):
        previous = START
        with (root / f"{reviewer}.jsonl").open("wb") as file:
            for number in range(events // 4):
                ids = (number * 4 + len(reviewer),)
                chosen = Selected("demo", 0.35, f"sequence_id = {ids[0]}", (), 1, ids_digest(ids), ids)
                at = "2026-11-21T08:00:00.000Z"
                event = Event(f"{reviewer}{number:013d}", at, reviewer, "decide", chosen, decisions[number % 4], seconds=1.25)
                line = line_of(event, previous)
                previous = sha256_bytes(line)
                file.write(line + b"\n")


def rows_of(count: int) -> Rows:
    number = pa.array(range(count), pa.int64())
    score = pa.array([(i * 7919 % 1000) / 1000 for i in range(count)])
    filled = {
        "key": pa.array([f"pyro-annotator_{i}" for i in range(count)]), "sequence_id": number, "triage_score": score, "probability": score,
        "num_tubes_kept": pa.array([1] * count, pa.int32()), "num_frames": pa.array([8] * count, pa.int32()),
        "camera_name": pa.array([f"cam-{i % 300}" for i in range(count)]),
        "organization_name": pa.array([f"org-{i % 20}" for i in range(count)]),
    }  # fmt: skip
    constant = {"source": "pyro-annotator", "label": "unknown", "decision": "keep", "outcome": "n/a", "triage_bucket": "hold",
                "model_version": "0.1.0", "started_at": "2026-06-01T08:00:00Z"}  # fmt: skip
    columns = [filled.get(field.name, pa.array([constant.get(field.name)] * count, field.type)).cast(field.type) for field in SCHEMA]
    return Rows(rebucket(pa.Table.from_arrays(columns, schema=SCHEMA), 0.35), "demo", 0.35)


def main() -> str:
    events, count, runs = (50_000, 20_000, 3) if os.environ.get("BENCH_QUICK") else (1_000_000, 200_000, 5)
    lines = ["## Decisions", "", "| what | median | limit |", "| --- | --- | --- |"]
    with tempfile.TemporaryDirectory() as scratch:
        logs = Path(scratch) / "logs"
        logs.mkdir()
        write_logs(logs, events)
        folds = [
            subprocess.run([sys.executable, "-c", FOLD, str(logs)], capture_output=True, check=True, text=True).stdout.split()
            for _ in range(3)
        ]
        seconds, megabytes = statistics.median(float(f[0]) for f in folds), max(float(f[1]) for f in folds)
        lines.append(f"| fold {events:,} events of four reviewers | {seconds:.1f} s, {megabytes:,.0f} MB | 10 s, 1,000 MB |")

        rows, desk = rows_of(count), Desk(Layout(Path(scratch) / "data"), "ana")
        ours, undo, naive = [], [], []
        for run in range(runs):
            start = time.perf_counter()
            desk.decide(rows, desk.select(rows, "score >= 0.0", [run]), parse_decision("antenna"))
            ours.append(time.perf_counter() - start)
            start = time.perf_counter()
            desk.undo()
            undo.append(time.perf_counter() - start)
            start = time.perf_counter()
            text = json.dumps({"ids": [f"pyro-annotator_{i}" for i in rows.ids.tolist()], "decision": "antenna"})
            with (Path(scratch) / "naive.jsonl").open("a") as file:
                file.write(text + "\n")
                file.flush()
                os.fsync(file.fileno())
            naive.append(time.perf_counter() - start)
        size = (Path(scratch) / "data" / "03_decisions" / "ana.jsonl").stat().st_size / (2 * runs)
        lines.append(f"| decide {count:,} sequences: resolve, write, fsync, fold | {statistics.median(ours):.2f} s | 2 s |")
        lines.append(f"| undo it | {statistics.median(undo):.2f} s | |")
        lines.append(f"| baseline: one JSON line with every key, written and not folded | {statistics.median(naive):.2f} s | |")
        share = size / ((Path(scratch) / "naive.jsonl").stat().st_size / runs)
        lines.append(f"| bytes of log for one bulk decision or undo, against the baseline's | {size:,.0f} ({share:.5f}) | |")
    lines += ["", f"Peak memory of the bulk decision's process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB."]
    return "\n".join(lines) + "\n"
