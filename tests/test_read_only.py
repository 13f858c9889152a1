"""Whatever is typed, the annotator is only read: every command of the CLI, run for real against a server that records what arrives.

The commands are taken from the CLI itself: one that is not in ROWS fails the test, so a new command cannot be forgotten. Beside the
server's record, an audit hook of the interpreter sees every address that any library connects to.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from tests.model.small import write_small
from triage.cli import cli
from triage.demo.server import AnnotatorServer, Seen
from triage.demo.world import World, plain_jpeg, plain_world

LOGIN = ("POST", "/api/v1/auth/login")
SERVES = frozenset({"view"})  # runs until it is told to stop: started as a process of its own


@dataclass(frozen=True)
class Row:
    """One invocation. codes: how it may end. speaks: whether it has any business with the annotator."""

    command: str
    arguments: tuple[str, ...] = ()
    codes: tuple[int, ...] = (0,)
    speaks: bool = False

    @property
    def name(self) -> str:
        return " ".join((self.command, *self.arguments))


#: In the order of the work: each finds what those before it left. {tmp} is a directory beside the data.
ROWS = (
    Row("doctor", speaks=True),
    Row("pull", ("--dry-run",), speaks=True),
    Row("pull", speaks=True),
    Row("pull", ("--stage", "annotated", "--page-size", "3"), speaks=True),
    Row("pull", ("--limit", "2", "--since", "2026-05-01"), speaks=True),
    Row("status"),
    Row("score", ("--threshold", "1", "--device", "cpu")),
    Row("report", ("--threshold", "0.999")),
    Row("verify"),
    Row("pack"),
    Row("unpack", ("--data", "{tmp}/consumer", "--from", "{data}/02_shards")),
    Row("fetch"),
    Row("shards merge", ("{data}/02_shards", "{data}/02_shards", "{tmp}/merged")),
    Row("evaluate", ("--resamples", "5")),
    Row("compare", ("{variant}", "{variant}")),
    Row("decide", ("--where", "all", "--as", "antenna", "--reviewer", "ana")),
    Row("views save", ("all of it", "--where", "all", "--reviewer", "ana")),
    Row("views assign", ("all of it", "--to", "bob", "--part", "1/2", "--by", "camera", "--reviewer", "ana")),
    Row("views list", ("--reviewer", "ana")),
    Row("plan", ("--reviewer", "ana", "--without-certificate"), codes=(0, 3)),
    Row("preflight", codes=(0, 3), speaks=True),
    Row("reconcile", codes=(0, 3), speaks=True),
    Row("export", ("{tmp}/decided.csv", "--reviewer", "ana")),
    Row("audit plan", ("--max-miss", "1/5", "--reviewer", "ana"), codes=(0, 10)),
    Row("audit report", ("--reviewer", "ana", "--labels", "{tmp}/labels.csv"), codes=(0, 10)),
    Row("audit rehearse", ("--max-miss", "1/5", "--runs", "2", "--labels", "{tmp}/labels.csv")),
    Row("audit days", ("--reviewer", "ana"), codes=(0, 1)),
    Row("tune", ("--reviewer", "ana", "--labels", "{tmp}/labels.csv"), codes=(0, 10)),
    Row("train", ("--from", "{tmp}/small.zip", "--output", "{tmp}/trained.zip", "--epochs", "8")),
    Row("demo", ("--sequences", "3", "--no-view", "--data", "{tmp}/demo"), codes=(0, 3)),
    Row("view", ("--no-browser", "--port", "0")),
)


@dataclass
class Ran:
    """What one row did. connected: every address that was connected to while it ran."""

    row: Row
    code: int
    text: str
    seen: list[Seen] = field(default_factory=list)
    connected: list[Any] = field(default_factory=list)


def names_of(group: click.Group, prefix: str = "") -> Iterator[str]:
    """Every command, subcommands included, as it is typed."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from names_of(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}"


class Ear:
    """Hears every connect of this process. An audit hook cannot be taken away again, so there is one, which can be told to sleep."""

    def __init__(self) -> None:
        self.heard: list[Any] | None = None
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect" and self.heard is not None:
            self.heard.append(arguments[1])


def served_until_stopped(arguments: list[str], environment: dict[str, str]) -> tuple[int, str]:
    """Start it, wait for the address that it prints, ask for the page, and press Ctrl-C."""
    process = subprocess.Popen(
        [sys.executable, "-m", "triage", *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if "http://127.0.0.1:" in line:
            host, _, port = line.partition("http://")[2].split("/")[0].strip().partition(":")
            with socket.create_connection((host, int(port)), timeout=10) as connection:
                connection.sendall(b"GET /api/status HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                connection.recv(100)
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    return (0 if process.returncode in (0, 130) else process.returncode), line + rest


def publish(data: Path) -> None:
    """What a producer does so that there is something to fetch, with a directory as the remote."""
    commands = (["init", "--no-scm"], ["remote", "add", "-d", "here", str(data.parent / "remote")], ["add", "02_shards"], ["push"])
    for command in commands:
        subprocess.run([sys.executable, "-m", "dvc", *command, "-q"], cwd=data, check=True, env={**os.environ, "DVC_NO_ANALYTICS": "1"})


def run_all(tmp: Path) -> list[Ran]:
    """Every row, in order, over one data directory."""
    data = tmp / "data"
    package = write_small(tmp / "small.zip")
    rows = plain_world(36, frames=3)
    # Every camera sees both kinds, and they look different: training must find something to learn.
    known = tuple(
        replace(sequence, camera_id=index // 3 % 6, camera_name=f"cam-{index // 3 % 6}") for index, sequence in enumerate(rows.sequences)
    )
    smoke = {frame.bucket_key for sequence in known if sequence.label == "smoke" for frame in sequence.frames}
    stages = {sequence.sequence_id: "annotated" for sequence in known[:30]}
    (tmp / "labels.csv").write_text("key,label\n" + "".join(f"{sequence.key},{sequence.label}\n" for sequence in known))
    world = World(known, lambda key: plain_jpeg((96, 64), 230 if key in smoke else 40), stages)
    ear, done = Ear(), []
    with AnnotatorServer(world) as server:
        environment = {
            "ANNOTATOR_API_URL": server.url,
            "ANNOTATOR_API_LOGIN": server.login,
            "ANNOTATOR_API_PASSWORD": server.password,
            "TRIAGE_MODEL": str(package),
            "TRIAGE_DATA": str(data),
            "DVC_NO_ANALYTICS": "1",
        }
        for row in ROWS:
            variant = next((path.parent.name for path in (data / "08_reporting").rglob("model_config.json")), "none")
            arguments = [*row.command.split(), *(each.format(tmp=tmp, data=data, variant=variant) for each in row.arguments)]
            if row.command == "fetch":
                publish(data)
            before = len(server.requests)
            ear.heard = []
            if row.command in SERVES:
                code, text = served_until_stopped(arguments, environment)
            else:
                result = CliRunner().invoke(cli, arguments, env=environment)
                code, text = result.exit_code, f"{result.output}\n{result.exception!r}"
            connected, ear.heard = ear.heard, None
            done.append(Ran(row, code, text, server.requests[before:], connected))
        assert server.leaked == []
    return done


def test_every_command_has_a_row() -> None:
    assert {row.command for row in ROWS} == set(names_of(cli))


def complaints(done: Ran) -> Iterator[str]:
    name = done.row.name
    if done.code not in done.row.codes:
        yield f"{name}: exit code {done.code}, expected one of {done.row.codes}: {done.text}"
    for seen in done.seen:
        if seen.method != "GET" and (seen.method, seen.path) != LOGIN:
            yield f"{name}: sent {seen.method} {seen.path}"
    if bool(done.seen) != done.row.speaks:
        yield f"{name}: {len(done.seen)} requests reached the annotator, expected {'some' if done.row.speaks else 'none'}"
    hosts = {address[0] for address in done.connected if isinstance(address, tuple)} - {"127.0.0.1", "::1"}
    if hosts:
        yield f"{name}: connected to {hosts}"


@pytest.mark.slow
def test_every_command_only_reads(tmp_path: Path) -> None:
    """One test for all rows: each needs what those before it left, and running them twice would take twice the time."""
    assert [complaint for done in run_all(tmp_path) for complaint in complaints(done)] == []


def test_the_ear_hears() -> None:
    ear = Ear()
    ear.heard = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        socket.create_connection(address).close()
    assert ear.heard == [address]
    ear.heard = None


def test_no_file_of_the_package_but_the_client_knows_how_to_send() -> None:
    """Other rooms cannot go round the guard: only the annotator's room imports what speaks HTTP to other hosts."""
    package = Path(__file__).parents[1] / "triage"
    speakers = (
        "import requests",
        "import urllib3",
        "from urllib3",
        "from requests",
        "import httpx",
        "import http.client",
        "urllib.request",
    )
    found = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        for line in path.read_text().splitlines()
        if line.strip().startswith(("import ", "from ")) and any(word in line for word in speakers)
    }
    assert {name for name in found if not name.startswith("annotator/")} == set()
