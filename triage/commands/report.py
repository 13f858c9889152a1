"""`triage report`: options -> `triage.report.rebucket_report` -> the new counts."""

from __future__ import annotations

from typing import Literal

import click

from triage.commands._report import buckets_summary, buckets_text
from triage.commands._run import Run, with_run

__all__ = ["command"]


@click.command()
@click.option("--threshold", type=float, help="To Review at or above, Unlabel below; default, the report's own.")
@click.option("--no-tube", type=click.Choice(["hold", "unlabel"]), help="Sequences without a kept tube; default, as the report has it.")
@click.option("--variant", metavar="NAME", help="Which report; default, the one written last.")
@with_run
def command(run: Run, threshold: float | None, no_tube: Literal["hold", "unlabel"] | None, variant: str | None) -> None:
    """Sort a report's sequences into buckets again, without the model."""
    from triage.report import ReportReader, find_report, rebucket_report

    root = find_report(run.layout.reports, variant)
    wanted = ReportReader(root).threshold if threshold is None else threshold
    summary = rebucket_report(run.layout.reports, root.name, wanted, no_tube)
    run.done(buckets_summary(summary), "\n".join(buckets_text(summary)))
