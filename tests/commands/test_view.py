"""`triage view` as it is typed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from triage.server.static import built_page

TRIAGE = [sys.executable, "-m", "triage", "view"]
needs_page = pytest.mark.skipif(built_page() is None, reason="the page is not built; `make view` or `npm run build` in viewer/ builds it")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*TRIAGE, *arguments], capture_output=True, text=True, timeout=60, check=False)


def test_help_says_that_it_stays_on_this_machine() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert "--allow-remote" in done.stdout
    assert "nothing leaves this machine unless" in " ".join(done.stdout.split())


def test_another_address_needs_leave() -> None:
    done = run("--host", "0.0.0.0", "--no-browser")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "error: --host 0.0.0.0: other machines could see the frames; add --allow-remote to allow it, or leave --host out\n"
    )


def test_a_path_that_is_not_there_is_one_line() -> None:
    done = run("no/such/place", "--no-browser")
    assert done.returncode == 1
    assert done.stderr.startswith("error: no/such/place: expected a data directory")
    assert done.stderr.count("\n") == 1


@needs_page
def test_a_taken_port_is_one_line_with_a_free_one(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run("--data", str(tmp_path), "--no-browser", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 1
    assert "is taken" in done.stderr
    assert "would work" in done.stderr


@needs_page
def test_an_empty_data_directory_opens_and_ctrl_c_is_no_error(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*TRIAGE, "--data", str(tmp_path / "none"), "--port", "0", "--no-browser", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout
    try:
        lines = [process.stdout.readline() for _ in range(3)]
        url = json.loads("".join(lines))["url"]
        assert httpx.get(f"{url}api/reports").json() == []
        assert httpx.get(url).headers["content-type"].startswith("text/html")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert (process.returncode, out, err) == (0, "", "")


@pytest.mark.skipif(built_page() is not None, reason="the page is built")
def test_without_the_page_the_next_command_is_said(tmp_path: Path) -> None:
    done = run("--data", str(tmp_path), "--no-browser")
    assert done.returncode == 1
    assert "the viewer's page is not built; `make view`" in done.stderr


@needs_page
def test_the_browser_is_opened_where_there_is_a_screen_and_asked_for(tmp_path: Path) -> None:
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" >> {opened}\n')
    browser.chmod(0o755)
    for arguments, display, expected in (([], ":9", True), ([], "", False), (["--no-browser"], ":9", False)):
        opened.unlink(missing_ok=True)
        environment = {**os.environ, "BROWSER": f"{browser} %s", "DISPLAY": display, "WAYLAND_DISPLAY": ""}
        command = [*TRIAGE, "--data", str(tmp_path / "none"), "--port", "0", *arguments]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
            assert process.stdout
            try:
                url = process.stdout.readline().split()[4]
                deadline = time.monotonic() + (20 if expected else 0.5)
                while not opened.exists() and time.monotonic() < deadline:
                    time.sleep(0.02)
                process.send_signal(signal.SIGINT)
                process.wait(20)
            finally:
                process.kill()
        assert (opened.read_text() if opened.exists() else None) == (f"{url}\n" if expected else None)
