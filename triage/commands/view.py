"""`triage view`: the viewer in the browser, over a report and its store or shards."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser
from pathlib import Path

import click

from triage.commands._run import Run, option_help, with_run
from triage.config import Layout, setting_int
from triage.errors import BadSetting
from triage.sequences import key_of

__all__ = ["command"]


@click.command("view")
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--port", type=click.IntRange(0, 65535), default=None, help=option_help("port") + "; 0 = any free one.")
@click.option("--host", default=None, help="Address to bind to.  [default: 127.0.0.1; with --allow-remote: 0.0.0.0]")
@click.option("--allow-remote", is_flag=True, help="Let other machines connect, with the token in the printed URL.")
@click.option("--no-browser", is_flag=True, help="Print the URL, open nothing.")
@click.option("--variant", default=None, help="Open this report first.  [default: the one written last]")
@click.option("--reviewer", default=None, help=option_help("reviewer"))
@click.option(
    "--export",
    "out",
    type=click.Path(path_type=Path),
    default=None,
    help="Write page and data to this directory instead, for any web server.",
)
@click.option("--where", default=None, help="With --export: only the sequences that this expression selects.")
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
    out: Path | None,
    where: str | None,
) -> None:
    """Browse the sequences of a data directory: both buckets, every frame, the tubes and the scores.

    PATH is a data directory (like --data), its 02_shards, or the directory of one report. Nothing is written but decisions, and nothing
    leaves this machine unless --allow-remote says so.

    With --export nothing is served: the page, the rows, the details and every picture of the selected sequences become files that a web
    server can offer to be looked at. Decisions cannot be made there.
    """
    from triage.server.serve import Exposure, locate, view
    from triage.server.static import built_page

    layout, named = (run.layout, None) if path is None else locate(path)
    if out is not None:
        _export(run, layout, out, variant or named, reviewer, where)
        return
    if where is not None:
        raise BadSetting("--where: expected with --export only; the page itself filters what it shows")
    exposure = Exposure.of(host, setting_int("port") if port is None else port, allow_remote=allow_remote)

    def ready(url: str) -> None:
        run.done({"url": url}, f"The viewer is at {url} (Ctrl-C stops it)")
        if not no_browser and _has_screen():
            # A thread: some browsers hold on to whoever started them, and nobody would be answered meanwhile.
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()

    view(layout, exposure, page=built_page(), variant=variant or named, ready=ready, reviewer=reviewer)


def _export(run: Run, layout: Layout, out: Path, variant: str | None, reviewer: str | None, where: str | None) -> None:
    from triage.review.desk import Desk
    from triage.review.selection import Rows
    from triage.server.export import export_page
    from triage.server.opened import OpenReport
    from triage.server.static import require_page

    def select(report: OpenReport) -> list[str]:
        rows = Rows(report.table, report.variant, report.threshold)
        return [key_of(number) for number in Desk(layout, reviewer).select(rows, where or "all").ids]

    done = export_page(layout, out, page=require_page(), variant=variant, select=None if where is None else select)
    lines = [
        f"{done.path}: {done.num_sequences} sequences in {done.num_files} files, {done.num_bytes / 1e6:.1f} MB",
        *(f"  without pictures: {key}" for key in done.without_pictures[:20]),
        f"Look at it with any web server, such as `python -m http.server --directory {done.path}`",
    ]
    summary = {"path": str(done.path), "sequences": done.num_sequences, "files": done.num_files, "bytes": done.num_bytes}
    run.done({**summary, "without_pictures": list(done.without_pictures)}, "\n".join(lines))


def _has_screen() -> bool:
    """Without one, `webbrowser` would start a text browser in the terminal that shows the URL (a shell on another machine)."""
    return not sys.platform.startswith("linux") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
