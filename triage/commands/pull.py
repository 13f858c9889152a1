"""`triage pull`: annotator -> store."""

from __future__ import annotations

from datetime import datetime, timedelta

import click

from triage.commands._run import EXIT_SOME_FAILED, Run, option_help, with_run
from triage.config import setting_int
from triage.errors import BadSetting
from triage.sequences import STAGES

__all__ = ["command"]


def _moment(text: str | None, option: str, *, end_of_day: bool) -> datetime | None:
    """A date or a timestamp in UTC; a date alone is its first or its last moment."""
    if text is None:
        return None
    from triage.annotator import parse_time

    try:
        when = parse_time(text)
    except ValueError as error:
        raise BadSetting(f"{option} {text!r}: expected a date such as 2026-05-01 or a time such as 2026-05-01T11:05:00Z") from error
    return when + timedelta(days=1, microseconds=-1) if end_of_day and len(text.strip()) <= len("2026-05-01") else when


@click.command()
@click.option(
    "--stage",
    type=click.Choice(STAGES),
    default="ready_to_annotate",
    show_default=True,
    help="Which queue. `annotated` brings labels along: food for evaluation and training.",
)
@click.option("--limit", type=click.IntRange(min=1), help="At most so many sequences, the oldest first: for a small try.")
@click.option("--since", metavar="TIME", help="Recorded at or after: 2026-05-01 or 2026-05-01T11:05:00Z (UTC).")
@click.option("--until", metavar="TIME", help="Recorded at or before; a date alone includes that day.")
@click.option("--organization", metavar="NAME", help="Only this organization: its exact name, or its id.")
@click.option("--camera", metavar="NAME", help="Only this camera: its exact name, or its id.")
@click.option("--workers", type=click.IntRange(1, 256), default=None, help=option_help("workers"))
@click.option("--page-size", type=click.IntRange(1, 100), default=None, help=option_help("page_size"))
@click.option("--dry-run", is_flag=True, help="List, count, and estimate bytes and time; fetch no image, write nothing.")
@with_run
def command(
    run: Run,
    stage: str,
    limit: int | None,
    since: str | None,
    until: str | None,
    organization: str | None,
    camera: str | None,
    workers: int | None,
    page_size: int | None,
    dry_run: bool,
) -> None:
    """Fetch the annotator's queue into the store: new sequences, and the new frames of those that grew.

    Needs ANNOTATOR_API_URL, ANNOTATOR_API_LOGIN and ANNOTATOR_API_PASSWORD. Only reads there. May be interrupted and run again.
    """
    from triage import pull
    from triage.annotator import Client, SequenceQuery

    query = SequenceQuery(
        stage=stage,
        since=_moment(since, "--since", end_of_day=False),
        until=_moment(until, "--until", end_of_day=True),
        organization=organization,
        camera=camera,
    )
    in_flight = workers if workers is not None else setting_int("workers")
    options = pull.PullOptions(query, in_flight, page_size if page_size is not None else setting_int("page_size"), limit)
    client = Client.from_settings(workers=in_flight)
    try:
        if dry_run:
            preview = pull.preview(client, run.layout, options)
            run.done(preview.to_json(), preview.text())
            return
        summary = pull.pull(client, run.layout, options)
    finally:
        client.close()
    run.done(summary.to_json(), summary.text(), exit_code=0 if summary.clean else EXIT_SOME_FAILED)
