"""Pulling against the annotator at home, which runs in a process of its own, beside a naive baseline in the same run.

The baseline is how such a script is usually written: sequences one after another, 16 threads inside each, a new connection per request.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import requests

from triage import progress
from triage.annotator import Client, SequenceQuery
from triage.config import Layout
from triage.pull import PullOptions, pull

WORKERS = 32
NAIVE_THREADS = 16
FRAMES = 14
QUICK = bool(os.environ.get("BENCH_QUICK"))
ROUNDS = 1 if QUICK else 3
#: Latency in ms -> (sequences of ours, sequences of the baseline): enough that starting and ending do not count.
SIZES = {0: (60, 20), 20: (100, 30), 80: (60, 15)} if QUICK else {0: (150, 60), 20: (200, 60), 80: (300, 50)}

SERVER = """
import io, sys
from PIL import Image
from triage.demo.faults import Faults
from triage.demo.server import AnnotatorServer
from triage.demo.world import plain_world
image = io.BytesIO()
Image.effect_noise((1280, 720), 10).save(image, "JPEG", quality=50)  # about 86 kB, as production's frames
world = plain_world(int(sys.argv[1]), frames=int(sys.argv[3]), image=image.getvalue())
with AnnotatorServer(world, faults=Faults(latency=float(sys.argv[2]))) as server:
    print(server.url, server.login, server.password, flush=True)
    sys.stdin.readline()
"""


@dataclass(frozen=True)
class Measured:
    """requests per second of wall time; milliseconds of CPU per request in the pulling process and in the server; cores kept busy."""

    rate: float
    client_cpu: float
    server_cpu: float
    client_busy: float
    server_busy: float


@contextmanager
def serving(sequences: int, latency: float) -> Iterator[tuple[int, str, str, str]]:
    command = [sys.executable, "-c", SERVER, str(sequences), str(latency), str(FRAMES)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url, login, password = process.stdout.readline().split()
        yield process.pid, url, login, password
    finally:
        process.communicate("\n", timeout=20)


def cpu_of(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def ours(url: str, login: str, password: str, place: Path) -> int:
    client = Client(url, login, password, workers=WORKERS)
    summary = pull(client, Layout(place), PullOptions(SequenceQuery("ready_to_annotate"), WORKERS))
    client.close()
    assert summary.clean, summary
    return summary.requests


def naive(url: str, login: str, password: str, place: Path) -> int:
    """Counts its requests, like the other."""
    answer = requests.post(f"{url}/api/v1/auth/login", json={"username": login, "password": password}, timeout=60)
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    sent, page, ids = 1, 1, []
    while True:
        query = {"processing_stage": "ready_to_annotate", "page": str(page), "size": "100"}
        content = requests.get(f"{url}/api/v1/sequences/", params=query, headers=headers, timeout=60).json()
        sent += 1
        ids += [item["id"] for item in content["items"]]
        if page >= content["pages"]:
            break
        page += 1

    def fetch(detection_id: int, directory: Path) -> None:
        link = requests.get(f"{url}/api/v1/detections/{detection_id}/url", headers=headers, timeout=60).json()["url"]
        (directory / f"{detection_id}.jpg").write_bytes(requests.get(link, timeout=60).content)

    for sequence_id in ids:
        query = {"sequence_id": str(sequence_id), "size": "100"}
        rows = requests.get(f"{url}/api/v1/detections/", params=query, headers=headers, timeout=60).json()["items"]
        directory = place / str(sequence_id)
        directory.mkdir(parents=True)
        with ThreadPoolExecutor(NAIVE_THREADS) as pool:
            for future in [pool.submit(fetch, row["id"], directory) for row in rows]:
                future.result()
        sent += 1 + 2 * len(rows)
    return sent


def measure(kind: str, sequences: int, latency: float) -> Measured:
    with serving(sequences, latency) as (pid, *access), tempfile.TemporaryDirectory() as place:
        server_before, client_before, began = cpu_of(pid), time.process_time(), time.perf_counter()
        sent = (ours if kind == "ours" else naive)(*access, Path(place))
        wall = time.perf_counter() - began
        client, server = time.process_time() - client_before, cpu_of(pid) - server_before
    return Measured(sent / wall, 1e3 * client / sent, 1e3 * server / sent, client / wall, server / wall)


def middle(rounds: list[Measured]) -> Measured:
    names = ("rate", "client_cpu", "server_cpu", "client_busy", "server_busy")
    return Measured(*(median(getattr(each, name) for each in rounds) for name in names))


def bound(found: Measured, ceiling: float | None) -> str:
    if ceiling is not None and found.rate > 0.85 * ceiling:
        return "latency"
    if found.client_busy > 0.8:
        return "the puller's interpreter (one core)"
    if found.server_busy > 0.8:
        return "the server's interpreter (one core)"
    if found.client_busy + found.server_busy > 0.8 * (os.cpu_count() or 1):
        return "the machine's cores, which both sides share"
    if os.getloadavg()[0] > 1.5 * (os.cpu_count() or 1):
        return f"waiting for a core: other work has the machine (load {os.getloadavg()[0]:.0f})"
    return "waiting: too few requests in flight"


def main() -> str:
    """The section of docs/benchmarks.md."""
    progress.quiet()
    lines = [
        "## Pull",
        "",
        f"`triage pull --workers {WORKERS}` against the annotator at home (a process of its own), {FRAMES} frames of 86 kB a",
        f"sequence, two requests a frame; beside it a naive script: sequences one after another, {NAIVE_THREADS} threads inside each,",
        f"a new connection per request. Medians of {ROUNDS}; the whole job counts, login and listing included. CPU is per request.",
        "",
        "| latency | | requests/s | of workers / latency | x naive | CPU, puller | CPU, server | bound by |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for latency, sizes in SIZES.items():
        rounds: dict[str, list[Measured]] = {"ours": [], "naive": []}
        for _ in range(ROUNDS):
            for kind, sequences in zip(rounds, sizes, strict=True):
                rounds[kind].append(measure(kind, sequences, latency / 1e3))
        found = {kind: middle(each) for kind, each in rounds.items()}
        for kind, each in found.items():
            ceiling = WORKERS / (latency / 1e3) if latency and kind == "ours" else None
            lines.append(
                f"| {latency} ms | {'triage' if kind == 'ours' else 'naive'} | {each.rate:,.0f}"
                f" | {f'{each.rate / ceiling:.0%}' if ceiling else '-'} | {each.rate / found['naive'].rate:.1f}"
                f" | {each.client_cpu:.2f} ms | {each.server_cpu:.2f} ms | {bound(each, ceiling)} |"
            )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(main())
