"""`triage status`: what lies in the data directory, and what comes next."""

from __future__ import annotations

import click

from triage.commands._run import Run, with_run

__all__ = ["command"]


@click.command()
@with_run
def command(run: Run) -> None:
    """Tell what lies in the data directory, and the next sensible command. Reads only."""
    from triage.status import status

    found = status(run.layout)
    run.done(found.to_json(), found.text())
