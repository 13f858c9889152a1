"""`triage demo`: the whole job against an annotator at home, or only that annotator."""

from __future__ import annotations

import os
import threading
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from triage.commands._run import EXIT_SOME_FAILED, Run, option_help, with_run
from triage.config import SETTINGS, Layout, setting, setting_float, setting_int

if TYPE_CHECKING:
    from triage.demo.request import DemoRequest

__all__ = ["command"]

#: Where a demo goes unless --data or TRIAGE_DATA says otherwise: not among real work.
_DEMO_DATA = Path("demo-data")


def _layout(run: Run) -> Layout:
    variable = next(row.variable for row in SETTINGS if row.name == "data")
    given = click.get_current_context().get_parameter_source("data") is not ParameterSource.DEFAULT
    return run.layout if given or os.environ.get(variable) else Layout(_DEMO_DATA)


@click.command()
@click.option("--replay", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Serve this store instead of scenes.")
@click.option("--sequences", type=click.IntRange(min=1), default=60, show_default=True, help="How many synthetic sequences.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Of the scenes: the same seed, the same pixels.")
@click.option("--model", type=click.Path(path_type=Path), default=None, help=option_help("model"))
@click.option("--no-view", is_flag=True, help="Do not open the viewer at the end.")
@click.option("--serve", is_flag=True, help="Only serve the annotator at home, until Ctrl-C.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port of the annotator with --serve.  [default: any free one]")
@click.option("--latency", type=click.FloatRange(min=0), default=0, metavar="MS", help="With --serve: milliseconds before each answer.")
@with_run
def command(
    run: Run,
    replay: Path | None,
    sequences: int,
    seed: int,
    model: Path | None,
    no_view: bool,
    serve: bool,
    port: int,
    latency: float,
) -> None:
    """Try the whole job at home: pull, score, report, pack, unpack, against an annotator that serves synthetic scenes.

    Needs no credentials and touches no network but loopback. Writes into demo-data unless --data says otherwise; run again, it goes on.
    """
    from triage.demo.request import DemoRequest

    given = model if model is not None else Path(default) if (default := setting("model")) else None
    request = DemoRequest(_layout(run), replay, sequences, seed, given, setting_int("workers"), setting_float("threshold"))
    if serve:
        _serve(run, request, port, latency / 1000)
        return
    from triage.demo.run import run_demo

    summary = run_demo(request)
    run.done(summary.to_json(), summary.text(), exit_code=0 if summary.clean else EXIT_SOME_FAILED)
    if not no_view and not run.json:
        _view(request.layout, quiet=run.quiet)


def _serve(run: Run, request: DemoRequest, port: int, latency: float) -> None:
    from triage.demo.faults import Faults
    from triage.demo.request import world_of
    from triage.demo.server import AnnotatorServer

    with AnnotatorServer(world_of(request), faults=Faults(latency=latency), port=port) as server:
        names = {row.name: row.variable for row in SETTINGS}
        variables = {names["api_url"]: server.url, names["api_login"]: server.login, names["api_password"]: server.password}
        lines = ["The annotator at home answers (Ctrl-C stops it). In another shell:", ""]
        lines += [f"export {name}={value}" for name, value in variables.items()]
        run.done({"format": 1, **variables}, "\n".join([*lines, "triage pull"]))
        threading.Event().wait()


def _view(layout: Layout, *, quiet: bool) -> None:
    from triage.server.serve import Exposure, view
    from triage.server.static import built_page

    page = built_page()
    if page is None:
        if not quiet:
            click.echo("\nThe viewer's page is not built here: `make view` builds and opens it (needs Node 20).")
        return

    def ready(url: str) -> None:
        if not quiet:
            click.echo(f"\nThe viewer is at {url} (Ctrl-C stops it)")
        webbrowser.open(url)

    view(layout, Exposure.of(None, setting_int("port"), allow_remote=False), page=page, variant=None, ready=ready)
