"""`triage views list | save | assign`: saved filters with their names, and who works on which part of which."""

from __future__ import annotations

import click

from triage.commands._run import Run, option_help, with_run

__all__ = ["command"]

_reviewer = click.option("--reviewer", default=None, help=option_help("reviewer"))


@click.group()
def command() -> None:
    """Save filters under a name, and give them to reviewers whole or in parts.

    `triage decide --view NAME --part 2/5` decides in one; the viewer opens it under Views.
    """


@command.command("list")
@click.option("--variant", default=None, help="Count in this report; default, the one written last.")
@_reviewer
@with_run
def list_(run: Run, variant: str | None, reviewer: str | None) -> None:
    """List the saved views, who got them, and how many sequences are in each now and still undecided."""
    from triage.review.desk import Desk
    from triage.review.rows import open_rows
    from triage.review.where import part_where

    desk, rows = Desk(run.layout, reviewer), open_rows(run.layout, variant)
    found, lines = [], []
    for name, view in sorted(desk.views().items()):
        given = [one for one in desk.assignments() if one["view"] == name]
        for one in given or [{"to": None, "part": None, "by": None}]:
            where = desk.view(name)["where"]
            if one["part"]:
                where = f"({where}) and {part_where(one['part'], one['by'])}"
            count, left = (
                len(desk.select(rows, expression, threshold=view.get("threshold")).ids)
                for expression in (where, f"({where}) and not decided")
            )
            found.append(
                {"view": name, "where": where, **{key: one[key] for key in ("to", "part", "by")}, "count": count, "undecided": left}
            )
            whose = f" -> {one['to']}" if one["to"] else ""
            lines.append(f"{name}{whose}: {left} of {count} undecided, where {where}")
    run.done({"views": found}, "\n".join(lines) or "no view is saved yet; `triage views save NAME --where ...` saves one")


@command.command()
@click.argument("name")
@click.option("--where", required=True, help="Which sequences, such as 'bucket = unlabeled and not decided'.")
@click.option("--threshold", type=float, default=None, help="Cut the buckets here instead of at the report's threshold.")
@click.option("--variant", default=None, help="The report that the expression is tried on; default, the one written last.")
@_reviewer
@with_run
def save(run: Run, name: str, where: str, threshold: float | None, variant: str | None, reviewer: str | None) -> None:
    """Save an expression as the view NAME; the last of one name is the one shown."""
    from triage.review.desk import Desk
    from triage.review.rows import open_rows

    desk = Desk(run.layout, reviewer)
    count = len(desk.select(open_rows(run.layout, variant), where, threshold=threshold).ids)
    receipt = desk.save_view(name, {"where": where, "threshold": threshold})
    run.done({"event": receipt.event, "view": name, "count": count}, f"{receipt.text}: {count} sequences now")


@command.command()
@click.argument("view")
@click.option("--to", required=True, metavar="REVIEWER", help="Who gets it.")
@click.option("--part", default=None, metavar="K/N", help="Only this part, such as 2/5; default, all of it.")
@click.option(
    "--by", type=click.Choice(["sequence", "camera"]), default="sequence", show_default=True, help="What a part keeps together, by hash."
)
@_reviewer
@with_run
def assign(run: Run, view: str, to: str, part: str | None, by: str, reviewer: str | None) -> None:
    """Give VIEW to a reviewer, or one part of it."""
    from triage.review.desk import Desk

    receipt = Desk(run.layout, reviewer).assign(view, to, part, by)
    run.done({"event": receipt.event, "view": view, "to": to, "part": part, "by": by}, receipt.text)
