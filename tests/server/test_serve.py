"""Binding, exposure, where a path leads, and the end by Ctrl-C."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.server.conftest import VARIANT
from triage.config import Layout
from triage.errors import BadFile, BadSetting
from triage.server.serve import Exposure, bind, locate, url_of, view

SCRIPT = """
import sys
from pathlib import Path
from triage.config import Layout
from triage.server.serve import Exposure, view
data, page = map(Path, sys.argv[1:])
view(Layout(data), Exposure.of(None, 0, allow_remote=False), page=page, variant=None, ready=lambda url: print(url, flush=True))
print("ended in order", flush=True)
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    directory = tmp_path / "page"
    directory.mkdir()
    (directory / "index.html").write_text("<!doctype html><title>triage</title>")
    return directory


def test_ctrl_c_ends_it_in_order(world: Layout, page: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, world.root, page], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        assert "triage" in httpx.get(url).text
        with httpx.Client() as kept_open:
            kept_open.get(f"{url}api/health")
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert (process.returncode, out, err) == (0, "ended in order\n", "")


def test_a_taken_port_names_one_that_is_free() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BadSetting, match=rf"port {port} is taken, .* `triage view --port \d+` would work") as caught:
            bind("127.0.0.1", port)
    free = int(str(caught.value).split("--port ")[1].split("`")[0])
    assert free > port
    bind("127.0.0.1", free).close()


def test_a_port_can_be_taken_again_at_once() -> None:
    first = bind("127.0.0.1", 0)
    first.listen()
    port = first.getsockname()[1]
    visitor = socket.create_connection(("127.0.0.1", port))
    accepted, _ = first.accept()
    accepted.close()
    visitor.close()
    first.close()
    time.sleep(0.01)
    bind("127.0.0.1", port).close()


@pytest.mark.parametrize("host", ["no.such.host.invalid", "8.8.8.8", "\udcff"])
def test_a_host_that_is_not_of_this_machine_is_said_to_be_none(host: str) -> None:
    with pytest.raises(BadSetting, match=r"leave it out for 127\.0\.0\.1"):
        bind(host, 0)


def test_only_loopback_goes_without_leave_and_token() -> None:
    assert Exposure.of(None, 1, allow_remote=False) == Exposure("127.0.0.1", 1, None)
    assert Exposure.of("::1", 1, allow_remote=True) == Exposure("::1", 1, None)
    with pytest.raises(BadSetting, match="add --allow-remote to allow it"):
        Exposure.of("0.0.0.0", 1, allow_remote=False)
    first, second = Exposure.of(None, 1, allow_remote=True), Exposure.of("example", 1, allow_remote=True)
    assert (first.host, second.host) == ("0.0.0.0", "example")
    assert first.token
    assert second.token
    assert first.token != second.token
    assert len(first.token) >= 32


def test_urls_can_be_typed_into_a_browser() -> None:
    assert url_of("127.0.0.1", 8765, None) == "http://127.0.0.1:8765/"
    assert url_of("::1", 1, "t") == "http://[::1]:1/?token=t"
    assert url_of("0.0.0.0", 1, "t") == f"http://{socket.gethostname()}:1/?token=t"


def test_a_path_leads_to_its_data_directory(world: Layout, tmp_path: Path) -> None:
    world.shards.mkdir(exist_ok=True)
    root = world.root.resolve()
    assert locate(world.root) == (Layout(world.root), None)
    assert locate(world.shards) == (Layout(root), None)
    assert locate(world.reports / VARIANT) == (Layout(root), VARIANT)
    with pytest.raises(BadSetting, match="expected a data directory, its 02_shards or a report's directory, found none"):
        locate(tmp_path / "none")


def test_an_unknown_report_is_named_with_those_that_are_there(world: Layout, page: Path) -> None:
    exposure = Exposure.of(None, 0, allow_remote=False)
    with pytest.raises(BadSetting, match=rf"--variant none: no such report under .*; there is {VARIANT}"):
        view(world, exposure, page=page, variant="none", ready=print)


def test_without_a_page_the_next_step_is_said(world: Layout) -> None:
    with pytest.raises(BadFile, match="the viewer's page is not built; `make view`"):
        view(world, Exposure.of(None, 0, allow_remote=False), page=None, variant=None, ready=print)
