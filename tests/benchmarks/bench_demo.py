"""The annotator at home as a measuring instrument: it must be faster than what is measured against it; and what a synthetic frame costs.

Baselines in the same run: the standard library's ThreadingHTTPServer with a constant answer, and rendering each frame from nothing.
"""

from __future__ import annotations

import http.client
import json
import multiprocessing
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection

from triage.demo.scenes import synthetic_world
from triage.demo.server import AnnotatorServer
from triage.demo.world import plain_world

QUICK = bool(os.environ.get("BENCH_QUICK"))
REQUESTS = 400 if QUICK else 3000
ROWS = 20_000 if QUICK else 200_000
FRAME = b"\xff\xd8" + bytes(86_000)


class _Constant(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet: without it the baseline waits for delayed acknowledgements
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        body = b'{"url":"http://127.0.0.1/annotation-api/detections/sequence_1/20260501_080000_det1.jpg"}'
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
        pass


def _serve_ours(pipe: Connection, rows: int, frames: int) -> None:
    with AnnotatorServer(plain_world(rows, frames=frames, image=FRAME)) as server:
        pipe.send((server.url, server.login, server.password))
        pipe.recv()


def _serve_baseline(pipe: Connection, rows: int, frames: int) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Constant)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    pipe.send((f"http://127.0.0.1:{server.server_port}", "", ""))
    pipe.recv()
    server.shutdown()


@contextmanager
def _running(serve: Callable[[Connection, int, int], None], rows: int = 300, frames: int = 14) -> Iterator[tuple[str, str, str]]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, rows, frames), daemon=True)
    process.start()
    try:
        yield ours.recv()
        ours.send(None)
    finally:
        process.join(timeout=10)
        process.kill()


def _token(url: str, login: str, password: str) -> str:
    connection = http.client.HTTPConnection(url.removeprefix("http://"))
    connection.request("POST", "/api/v1/auth/login", json.dumps({"username": login, "password": password}))
    return str(json.loads(connection.getresponse().read())["access_token"])


def _rate(url: str, token: str, path: Callable[[int], str], count: int, threads: int = 8) -> float:
    """Requests a second over `threads` keep-alive connections."""

    def ask(begin: int) -> None:
        connection = http.client.HTTPConnection(url.removeprefix("http://"))
        for number in range(begin, begin + count // threads):
            connection.request("GET", path(number), headers={"Authorization": f"Bearer {token}"})
            connection.getresponse().read()

    workers = [threading.Thread(target=ask, args=(number * count // threads,)) for number in range(threads)]
    begin = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return count / (time.perf_counter() - begin)


def _median_rate(url: str, token: str, path: Callable[[int], str], count: int) -> float:
    return statistics.median(_rate(url, token, path, count) for _ in range(3))


def _scenes() -> tuple[float, float]:
    """Milliseconds of processor time per frame: as served, and with everything painted anew for each frame."""
    world = synthetic_world(5, 4 if QUICK else 12)
    keys = [frame.bucket_key or "" for sequence in world.sequences for frame in sequence.frames]
    world.image(keys[0])  # the tiles of noise are made once per process
    begin = time.process_time()
    for key in keys:
        world.image(key)
    served = (time.process_time() - begin) / len(keys)
    few = keys[:: max(1, len(keys) // 6)]
    begin = time.process_time()
    for key in few:
        synthetic_world(5, 4 if QUICK else 12).image(key)
    return served * 1000, (time.process_time() - begin) / len(few) * 1000


def main() -> str:
    """Measure and return the section."""
    lines = ["## The annotator at home", "", "| what | requests a second | beside the baseline |", "| --- | ---: | ---: |"]
    with _running(_serve_baseline) as (url, _, _):
        baseline = _median_rate(url, "none", lambda _: "/", REQUESTS)
    lines.append(f"| baseline: ThreadingHTTPServer, one constant answer | {baseline:,.0f} | 1.0 |")
    with _running(_serve_ours) as (url, login, password):
        token = _token(url, login, password)
        for what, path, count in (
            ("link of a frame", lambda n: f"/api/v1/detections/{n % 4200 + 1}/url", REQUESTS),
            ("frames of a sequence", lambda n: f"/api/v1/detections/?sequence_id={n % 300 + 1}&size=100", REQUESTS),
        ):
            rate = _median_rate(url, token, path, count)
            lines.append(f"| {what} | {rate:,.0f} | {rate / baseline:.1f} |")
    with _running(_serve_ours, ROWS, 0) as (url, login, password):
        token = _token(url, login, password)
        query = "/api/v1/sequences/?processing_stage=ready_to_annotate&order_by=recorded_at&order_direction=asc&size=100&page="
        rate = _rate(url, token, lambda n: f"{query}{n + 1}", ROWS // 100)
        lines.append(f"| pages of a queue of {ROWS:,} rows, 100 rows each | {rate:,.0f} | {rate / baseline:.1f} |")
    served, anew = _scenes()
    lines += [
        "",
        "Eight connections, server and client in two processes on the same cores. ",
        f"A synthetic frame of 1280x720 costs {served:.0f} ms of processor time, landscapes and light included; "
        f"painted from nothing each time it would be {anew:.0f} ms ({anew / served:.0f} times as much).",
    ]
    return "\n".join(lines)
