"""`triage decide`: decide a selection, undo, redo, look back. The same expressions as the viewer's."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from triage.commands._run import Run, option_help, with_run
from triage.errors import BadSetting

if TYPE_CHECKING:
    from triage.review.desk import Pace

__all__ = ["command"]


@click.command()
@click.option("--where", default=None, help="Which sequences, such as 'bucket = unlabeled and score < 0.1'; \"all\" for every one.")
@click.option("--view", default=None, metavar="NAME", help="Which sequences: a saved view (`triage views`); with --where, both must hold.")
@click.option("--part", default=None, metavar="K/N", help="Only this part of them, such as 2/5, by hash.")
@click.option(
    "--by", type=click.Choice(["sequence", "camera"]), default="sequence", help="What a part keeps together.  [default: sequence]"
)
@click.option("--except", "exclusions", multiple=True, type=int, metavar="ID", help="Leave out this sequence id. Repeatable.")
@click.option("--as", "words", default=None, help="smoke:<type>, a false-positive type, types joined by +, unsure, later, or none.")
@click.option("--note", default="", help="A remark kept with the decision.")
@click.option("--tag", "tags", multiple=True, help="A tag kept with the decision. Repeatable.")
@click.option("--settle", is_flag=True, help="End the disagreements about these sequences: this decision stands.")
@click.option("--threshold", type=float, default=None, help="Cut the buckets here instead of at the report's threshold.")
@click.option("--variant", default=None, help="Which report; default, the one written last.")
@click.option("--reviewer", default=None, help=option_help("reviewer"))
@click.option("--expect", type=int, default=None, help="Refuse unless exactly so many sequences match.")
@click.option("--dry-run", is_flag=True, help="Count what would be decided; write nothing.")
@click.option("--undo", "undo", default=None, is_flag=False, flag_value="last", metavar="[EVENT]", help="Take back an event, anybody's.")
@click.option("--redo", "redo", default=None, is_flag=False, flag_value="last", metavar="[EVENT]", help="Bring back what was undone.")
@click.option("--history", is_flag=True, help="List the newest events of everybody.")
@click.option("--progress", is_flag=True, help="Say how far the report is decided, at what pace, and the time left.")
@click.option("--snapshot", default=None, metavar="NAME", help="Name this moment.")
@with_run
def command(
    run: Run,
    where: str | None,
    view: str | None,
    part: str | None,
    by: str,
    exclusions: tuple[int, ...],
    words: str | None,
    note: str,
    tags: tuple[str, ...],
    settle: bool,
    threshold: float | None,
    variant: str | None,
    reviewer: str | None,
    expect: int | None,
    dry_run: bool,
    undo: str | None,
    redo: str | None,
    history: bool,
    progress: bool,
    snapshot: str | None,
) -> None:
    """Decide every sequence that an expression selects, with one event that one undo takes back.

    Nothing is sent to the annotator: `triage plan` turns decisions into payload files that a human sends.
    """
    from triage.review.decisions import parse_decision
    from triage.review.desk import Desk
    from triage.review.rows import open_rows
    from triage.review.where import part_where

    asked = [name for name, given in (("--as", words), ("--undo", undo), ("--redo", redo), ("--snapshot", snapshot)) if given is not None]
    asked += [name for name, given in (("--history", history), ("--progress", progress)) if given]
    if len(asked) != 1 and not (dry_run and not asked):
        raise BadSetting(
            f"decide: expected one of --as, --undo, --redo, --history, --progress, --snapshot, found {', '.join(asked) or 'none'}"
        )
    desk = Desk(run.layout, reviewer)
    for problem in desk.state.problems:
        click.echo(f"warning: {problem}", err=True)
    if progress:
        pace = desk.pace(open_rows(run.layout, variant))
        return run.done(asdict(pace), _paced(pace))
    if history:
        records = [
            {"event": one.id, "at": one.at, "reviewer": one.reviewer, "kind": one.kind, "count": one.size, "where": one.where}
            | {"decision": one.decision.words if one.decision else None, "undone": desk.state.is_undone(one.id), "target": one.target}
            for one in desk.history()
        ]
        lines = [f"{r['event']}  {r['at']}  {r['reviewer']}: {_told(r)}" for r in records]
        return run.done({"events": records, "problems": desk.state.problems}, "\n".join(lines) or "no event yet")
    if undo is not None:
        receipt = desk.undo(None if undo == "last" else undo)
    elif redo is not None:
        receipt = desk.redo(None if redo == "last" else redo)
    elif snapshot is not None:
        receipt = desk.snapshot(snapshot)
    else:
        conditions = [] if where is None or not where.strip() else [where]
        if view is not None:
            saved = desk.view(view)
            conditions.append(saved["where"])
            threshold = saved.get("threshold") if threshold is None else threshold
        if not conditions:
            raise BadSetting("decide: expected --where or --view; type --where all to select every sequence of the report")
        if part is not None:
            conditions.append(part_where(part, by))
        where = conditions[0] if len(conditions) == 1 else " and ".join(f"({one})" for one in conditions)
        rows = open_rows(run.layout, variant)
        selection = desk.select(rows, where, exclusions, threshold=threshold)
        if dry_run:
            summary = {"count": len(selection.ids), "sequence_ids": list(selection.ids)}
            return run.done(summary, f"{len(selection.ids)} sequences match; nothing was decided")
        assert words is not None
        receipt = desk.decide(rows, selection, parse_decision(words, note=note, tags=tags), expect=expect, settle=settle)
    return run.done(asdict(receipt), f"{receipt.text}; `triage decide --undo {receipt.event}` takes it back")


def _paced(pace: Pace) -> str:
    lines = [f"{pace.decided} of {pace.total} decided, {pace.disagreements} disagreements, {pace.later} kept for later"]
    if pace.per_hour is not None and pace.seconds_left is not None:
        lines.append(f"{pace.per_hour:.0f} an hour lately, {pace.seconds_left / 3600:.1f} hours left at that pace")
    if pace.second_looks:
        lines.append(f"{pace.agreed} of {pace.second_looks} blind second looks agreed")
    return "\n".join(lines)


def _told(record: dict[str, object]) -> str:
    if record["kind"] == "undo":
        return f"undo of {record['target']}{' (undone)' if record['undone'] else ''}"
    return f"{record['decision']} for {record['count']} sequences where {record['where']!r}{' (undone)' if record['undone'] else ''}"
