"""`triage view`: the viewer in the browser, over a report and its store or shards."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser
from pathlib import Path

import click

from triage.commands._run import Run, option_help, with_run
from triage.config import setting_int

__all__ = ["command"]


@click.command("view")
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--port", type=click.IntRange(0, 65535), default=None, help=option_help("port") + "; 0 = any free one.")
@click.option("--host", default=None, help="Address to bind to.  [default: 127.0.0.1; with --allow-remote: 0.0.0.0]")
@click.option("--allow-remote", is_flag=True, help="Let other machines connect, with the token in the printed URL.")
@click.option("--no-browser", is_flag=True, help="Print the URL, open nothing.")
@click.option("--variant", default=None, help="Open this report first.  [default: the one written last]")
@click.option("--reviewer", default=None, help=option_help("reviewer"))
@with_run
def command(
    run: Run,
    path: Path | None,
    port: int | None,
    host: str | None,
    allow_remote: bool,
    no_browser: bool,
    variant: str | None,
    reviewer: str | None,
) -> None:
    """Browse the sequences of a data directory: both buckets, every frame, the tubes and the scores.

    PATH is a data directory (like --data), its 02_shards, or the directory of one report. Nothing is written but decisions, and nothing
    leaves this machine unless --allow-remote says so.
    """
    from triage.server.serve import Exposure, locate, view
    from triage.server.static import built_page

    layout, named = (run.layout, None) if path is None else locate(path)
    exposure = Exposure.of(host, setting_int("port") if port is None else port, allow_remote=allow_remote)

    def ready(url: str) -> None:
        run.done({"url": url}, f"The viewer is at {url} (Ctrl-C stops it)")
        if not no_browser and _has_screen():
            # A thread: some browsers hold on to whoever started them, and nobody would be answered meanwhile.
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()

    view(layout, exposure, page=built_page(), variant=variant or named, ready=ready, reviewer=reviewer)


def _has_screen() -> bool:
    """Without one, `webbrowser` would start a text browser in the terminal that shows the URL (a shell on another machine)."""
    return not sys.platform.startswith("linux") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
