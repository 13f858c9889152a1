"""`triage export`: decided sequences for other tools."""

from __future__ import annotations

from pathlib import Path

import click

from triage.commands._run import EXIT_SOME_FAILED, Run, option_help, with_run

__all__ = ["command"]

_WORDS = ("csv", "labels", "parquet", "coco", "yolo", "fiftyone")


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "kind",
    type=click.Choice(_WORDS),
    default="csv",
    show_default=True,
    help="csv: corrections (sequence_id, old, new, reason, reviewer, at). labels: key,label for evaluate and audit. parquet: all of it. "
    "coco, yolo, fiftyone: frames and boxes.",
)
@click.option("--where", default="", help="Only the sequences that this expression selects.")
@click.option("--variant", default=None, help="Which report; default, the one written last.")
@click.option("--reviewer", default=None, help=option_help("reviewer"))
@with_run
def command(run: Run, out: Path, kind: str, where: str, variant: str | None, reviewer: str | None) -> None:
    """Write what reviewers decided to OUT (a file, or a directory for yolo and fiftyone).

    Exit code 3 when some sequences or frames could not be exported; they are listed.
    """
    from triage.review.desk import Desk
    from triage.review.exports import FORMATS, export
    from triage.review.rows import open_rows, open_source

    rows, desk = open_rows(run.layout, variant), Desk(run.layout, reviewer)
    chosen = frozenset(desk.select(rows, where).ids) if where else None
    word = next(known for known in FORMATS if known == kind)
    source = open_source(run.layout) if word in ("coco", "yolo", "fiftyone") else None
    done = export(word, rows, desk.state, source, out, chosen)
    lines = [f"{done.path}: {done.sequences} sequences"]
    lines += [f"  skipped {key}: {reason}" for key, reason in list(done.skipped.items())[:20]]
    summary = {"path": str(done.path), "format": kind, "sequences": done.sequences, "skipped": dict(done.skipped)}
    run.done(summary, "\n".join(lines), exit_code=EXIT_SOME_FAILED if done.skipped else 0)
