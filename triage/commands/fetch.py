"""`triage fetch`: published shards, all or a part, and unpack them."""

from __future__ import annotations

import click

from triage.commands._run import EXIT_SOME_FAILED, Run, with_run

__all__ = ["command"]


@click.command()
@click.option("--organization", "organizations", multiple=True, help="Only the shards of this organization; may be given again.")
@click.option("--previews", is_flag=True, help="Only the small pictures and the table of results; nothing is unpacked.")
@with_run
def command(run: Run, organizations: tuple[str, ...], previews: bool) -> None:
    """Pull what a producer published (`dvc pull`), and unpack it. Needs read access to the bucket and nothing else."""
    from triage.shards.fetch import fetch
    from triage.shards.text import fetch_summary, fetch_text

    done = fetch(run.layout, organizations=organizations, previews=previews)
    failed = done.unpacked is not None and done.unpacked.failed
    run.done(fetch_summary(done), fetch_text(done), exit_code=EXIT_SOME_FAILED if failed else 0)
