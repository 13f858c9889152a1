"""`triage pack`: the store and the report into shards."""

from __future__ import annotations

import click

from triage.commands._run import EXIT_SOME_FAILED, Run, option_help, with_run
from triage.config import setting_int

__all__ = ["command"]


@click.command()
@click.option("--target-bytes", type=int, default=None, help=option_help("target_bytes"))
@click.option("--variant", default=None, help="Pack this report. [default: the one written last]")
@click.option("--previews/--no-previews", default=True, help="Also draw one small picture per sequence. [default: yes]")
@with_run
def command(run: Run, target_bytes: int | None, variant: str | None, previews: bool) -> None:
    """Pack what is new in the store, and the report, into 02_shards.

    Frame shards are append-only: what is packed already is not touched. The report is packed again; what is equal stays as it is.
    """
    from triage.shards.pack import pack
    from triage.shards.text import pack_summary, pack_text

    target = setting_int("target_bytes") if target_bytes is None else target_bytes
    summary = pack(run.layout, target_bytes=target, variant=variant, previews=previews)
    run.done(pack_summary(summary), pack_text(summary), exit_code=EXIT_SOME_FAILED if summary.failed else 0)
