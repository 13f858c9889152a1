"""`triage plan`: decisions -> payload files for the annotator's bulk call. Sends nothing."""

from __future__ import annotations

import click

from triage.commands._run import Run, option_help, with_run

__all__ = ["command"]


@click.command()
@click.option("--undecided-unlabel", is_flag=True, help='Also the undecided sequences of the Unlabel bucket, as "unlabeled".')
@click.option("--without-certificate", is_flag=True, help="Do so although no audit certified this bucket; the summary will say it.")
@click.option("--include", multiple=True, type=int, metavar="ID", help="Take in this held id, or one whose alert has smoke. Repeatable.")
@click.option("--variant", default=None, help="Which report; default, the one written last.")
@click.option("--reviewer", default=None, help=option_help("reviewer"))
@with_run
def command(
    run: Run, undecided_unlabel: bool, without_certificate: bool, include: tuple[int, ...], variant: str | None, reviewer: str | None
) -> None:
    """Turn decisions into payload files: at most 200 ids each, one label each, with checksums and the exact calls.

    Refuses ids that are held, contradictory, or whose alert has another sequence decided or scored as smoke. A human sends the files.
    """
    from triage.review.desk import Desk
    from triage.review.planning import plan_payloads
    from triage.review.rows import open_rows

    planned, certificate = plan_payloads(
        run.layout,
        open_rows(run.layout, variant),
        Desk(run.layout, reviewer).state,
        undecided_unlabel=undecided_unlabel,
        without_certificate=without_certificate,
        include=include,
    )
    sent = {label.name: 0 for label in planned.labels.values()}
    for label in planned.labels.values():
        sent[label.name] += 1
    lines = [f"{planned.directory}: {len(planned.labels)} sequences in {len(planned.payloads)} payloads"]
    lines += [f"  {count:6d} {name}" for name, count in sent.items()]
    lines += [f"  {count:6d} refused: {reason}" for reason, count in planned.refused.items()]
    if certificate:
        lines.append(certificate)
    lines.append(f"Nothing was sent. Next: `triage preflight {planned.directory.name}`, then the calls in {planned.directory}/summary.md")
    summary = {
        "plan": planned.directory.name,
        "directory": str(planned.directory),
        "payloads": len(planned.payloads),
        "sequences": len(planned.labels),
        "labels": sent,
        "refused": dict(planned.refused),
        "certificate": planned.basis.certificate,
        "without_certificate": planned.basis.without_certificate,
    }
    run.done(summary, "\n".join(lines))
