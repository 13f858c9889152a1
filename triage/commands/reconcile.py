"""`triage reconcile`: what became of a plan after a human sent it. GET only."""

from __future__ import annotations

from collections.abc import Mapping

import click

from triage.commands._run import EXIT_SOME_FAILED, Run, with_run

__all__ = ["command"]

#: Reasons printed of each kind; receipt.json has them all.
_SHOWN = 20


@click.command()
@click.argument("plan", required=False)
@with_run
def command(run: Run, plan: str | None) -> None:
    """Read back what the annotator says of PLAN's sequences: applied, not sent yet, skipped and why, changed by someone else.

    Writes receipt.json and reverse.json beside the plan. Exit code 3 when some were not applied as planned.
    """
    from triage.annotator import Client
    from triage.review.handover import find_plan, reconcile
    from triage.review.remote import Questions, labels_now, queue_ids, span_of
    from triage.review.rows import open_rows

    planned = find_plan(run.layout.payloads, plan)
    span = span_of(open_rows(run.layout, planned.basis.variant), planned.labels)
    client = Client.from_settings(workers=1)
    try:
        # The queue first: what leaves it meanwhile is then found among the labelled, never lost between the two listings.
        queue = queue_ids(client, span)
        receipt = reconcile(planned, queue, labels_now(client, span), Questions(client, span))
    finally:
        client.close()
    lines = [
        f"{len(receipt.applied):6d} applied as planned",
        f"{len(receipt.waiting):6d} still in the queue: not sent yet",
        *_told("skipped", receipt.skipped),
        *_told("changed by someone else", receipt.changed),
        *_told("neither in the queue nor annotated", receipt.unknown),
        f"Receipt: {receipt.directory / 'receipt.json'}; what would take it back: {receipt.directory / 'reverse.json'}",
    ]
    summary = {
        "plan": planned.directory.name,
        "applied": list(receipt.applied),
        "waiting": list(receipt.waiting),
        "skipped": {str(number): reason for number, reason in receipt.skipped.items()},
        "changed": {str(number): reason for number, reason in receipt.changed.items()},
        "unknown": {str(number): reason for number, reason in receipt.unknown.items()},
    }
    run.done(summary, "\n".join(lines), exit_code=EXIT_SOME_FAILED if len(receipt.applied) < len(planned.labels) else 0)


def _told(what: str, reasons: Mapping[int, str]) -> list[str]:
    return [f"{len(reasons):6d} {what}", *(f"       {number}: {reason}" for number, reason in list(reasons.items())[:_SHOWN])]
