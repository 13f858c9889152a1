"""`triage unpack`: shards back into a store and a report."""

from __future__ import annotations

import click

from triage.commands._run import EXIT_SOME_FAILED, Run, with_run

__all__ = ["command"]


@click.command()
@click.option("--from", "source", default=None, help="Shards elsewhere: a directory or a URL as s3://bucket/path. [default: 02_shards]")
@click.option("--organization", "organizations", multiple=True, help="Only this organization; may be given again.")
@with_run
def command(run: Run, source: str | None, organizations: tuple[str, ...]) -> None:
    """Restore the store and the report from shards, byte for byte.

    Verifies hashes where they are known, skips what is right already, and restores all that is whole.
    """
    from triage.shards.text import unpack_summary, unpack_text
    from triage.shards.unpack import unpack

    summary = unpack(run.layout, source=source, organizations=organizations)
    run.done(unpack_summary(summary), unpack_text(summary), exit_code=EXIT_SOME_FAILED if summary.failed else 0)
