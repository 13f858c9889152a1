"""`triage shards merge`: what two producers packed becomes one set."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from triage.commands._run import Run, with_run

__all__ = ["command"]

_DIRECTORY = click.Path(path_type=Path, file_okay=False)


@click.group()
def command() -> None:
    """Work on shard sets as a whole."""


@command.command()
@click.argument("first", type=_DIRECTORY)
@click.argument("second", type=_DIRECTORY)
@click.argument("out", type=_DIRECTORY)
@with_run
def merge(run: Run, first: Path, second: Path, out: Path) -> None:
    """Merge two shard directories that were packed from one base into OUT, a new directory.

    No input is changed. The report is FIRST's; frames and previews are those of both.
    """
    from triage.shards.merge import merge as merge_sets
    from triage.shards.text import merge_text

    done = merge_sets(first, second, out)
    run.done(asdict(done), merge_text(done))
