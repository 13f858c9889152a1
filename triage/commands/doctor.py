"""`triage doctor`: is everything in place for a long job?"""

from __future__ import annotations

from pathlib import Path

import click

from triage.commands._run import Run, option_help, with_run
from triage.config import setting

__all__ = ["command"]


@click.command()
@click.option("--model", type=click.Path(path_type=Path), help=option_help("model"))
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), help=option_help("device"))
@with_run
def command(run: Run, model: Path | None, device: str | None) -> None:
    """Check API host, credentials, clock, queue, disk, model and device before a long job.

    One line each: ok, warn or fail. Exit code 1 when a line says fail.
    """
    from triage.doctor import checkup

    default = setting("model")
    package = model if model is not None else Path(default) if default else None
    found = checkup(run.layout, model=package, device=device or setting("device") or "auto")
    run.done(found.to_json(), found.text(), exit_code=0 if found.healthy else 1)
