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
from dataclasses import dataclass
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
        _tell_time(pipe)


def _serve_baseline(pipe: Connection, rows: int, frames: int) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Constant)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    pipe.send((f"http://127.0.0.1:{server.server_port}", "", ""))
    _tell_time(pipe)
    server.shutdown()


def _tell_time(pipe: Connection) -> None:
    """Answer each question with the seconds of processor time used so far; None ends it."""
    while pipe.recv() is not None:
        pipe.send(time.process_time())


@dataclass(frozen=True)
class _Served:
    url: str
    login: str
    password: str
    pipe: Connection

    def seconds(self) -> float:
        """Processor time of the server's process so far."""
        self.pipe.send("time")
        return float(self.pipe.recv())


@contextmanager
def _running(serve: Callable[[Connection, int, int], None], rows: int = 300, frames: int = 14) -> Iterator[_Served]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, rows, frames), daemon=True)
    process.start()
    try:
        yield _Served(*ours.recv(), ours)
        ours.send(None)
    finally:
        process.join(timeout=10)
        process.kill()


def _token(served: _Served) -> str:
    connection = http.client.HTTPConnection(served.url.removeprefix("http://"))
    connection.request("POST", "/api/v1/auth/login", json.dumps({"username": served.login, "password": served.password}))
    return str(json.loads(connection.getresponse().read())["access_token"])


def _measure(served: _Served, token: str, path: Callable[[int], str], count: int, threads: int = 8) -> tuple[float, float]:
    """Requests a second over `threads` keep-alive connections, and the server's microseconds of processor time for each."""

    def ask(begin: int) -> None:
        connection = http.client.HTTPConnection(served.url.removeprefix("http://"))
        for number in range(begin, begin + count // threads):
            connection.request("GET", path(number), headers={"Authorization": f"Bearer {token}"})
            connection.getresponse().read()

    workers = [threading.Thread(target=ask, args=(number * count // threads,)) for number in range(threads)]
    used, begin = served.seconds(), time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    elapsed = time.perf_counter() - begin
    return count / elapsed, (served.seconds() - used) / count * 1e6


def _median(served: _Served, token: str, path: Callable[[int], str], count: int) -> tuple[float, float]:
    rates, costs = zip(*(_measure(served, token, path, count) for _ in range(3)), strict=True)
    return statistics.median(rates), statistics.median(costs)


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
    lines = [
        "## The annotator at home", "",
        "| what | requests a second | server, us of processor time each | beside the baseline |", "| --- | ---: | ---: | ---: |",
    ]  # fmt: skip
    with _running(_serve_baseline) as served:
        rate, floor = _median(served, "none", lambda _: "/", REQUESTS)
    lines.append(f"| baseline: ThreadingHTTPServer, one constant answer | {rate:,.0f} | {floor:.0f} | 1.0 |")
    with _running(_serve_ours) as served:
        token = _token(served)
        for what, path in (
            ("link of a frame", lambda n: f"/api/v1/detections/{n % 4200 + 1}/url"),
            ("14 frames of a sequence", lambda n: f"/api/v1/detections/?sequence_id={n % 300 + 1}&size=100"),
        ):
            rate, cost = _median(served, token, path, REQUESTS)
            lines.append(f"| {what} | {rate:,.0f} | {cost:.0f} | {cost / floor:.1f} |")
    with _running(_serve_ours, ROWS, 0) as served:
        token = _token(served)
        query = "/api/v1/sequences/?processing_stage=ready_to_annotate&order_by=recorded_at&order_direction=asc&size=100&page="
        rate, cost = _measure(served, token, lambda n: f"{query}{n + 1}", ROWS // 100)
        lines.append(f"| 100 rows of a queue of {ROWS:,} | {rate:,.0f} | {cost:.0f} | {cost / floor:.1f} |")
    once, anew = _scenes()
    lines += [
        "",
        "Eight connections, server and client in two processes on the same cores; of the rate the client takes its share. ",
        f"A synthetic frame of 1280x720 costs {once:.0f} ms of processor time, landscapes and light included; "
        f"painted from nothing each time it would be {anew:.0f} ms ({anew / once:.0f} times as much).",
    ]
    return "\n".join(lines)
