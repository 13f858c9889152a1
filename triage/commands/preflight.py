"""`triage preflight`: which ids of a plan are still in the annotator's queue. GET only."""

from __future__ import annotations

import click

from triage.commands._run import Run, with_run

__all__ = ["command"]


@click.command()
@click.argument("plan", required=False)
@with_run
def command(run: Run, plan: str | None) -> None:
    """Re-read the queue and write the payloads of PLAN again without what left the stage since; PLAN may be left out when there is one.

    Needs the ANNOTATOR_API_* variables. Only reads there.
    """
    from triage.annotator import Client
    from triage.review.handover import find_plan, preflight
    from triage.review.remote import queue_ids, span_of
    from triage.review.rows import open_rows

    planned = find_plan(run.layout.payloads, plan)
    span = span_of(open_rows(run.layout, planned.basis.variant), planned.labels)
    client = Client.from_settings(workers=1)
    try:
        checked = preflight(planned, queue_ids(client, span))
    finally:
        client.close()
    summary = {"plan": planned.directory.name, "directory": str(checked.directory), "still": checked.still, "gone": list(checked.gone)}
    run.done(
        summary,
        f"{checked.still} of {len(planned.labels)} sequences are still in the queue, {len(checked.gone)} left it and were dropped\n"
        f"Ready to send by a human: {checked.directory}; afterwards `triage reconcile {planned.directory.name}`",
    )
