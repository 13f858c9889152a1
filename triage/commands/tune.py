"""`triage tune`: the largest threshold that can be certified."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Literal

import click

from triage.commands._run import Run, option_help, with_run
from triage.commands.audit import share_of

__all__ = ["command"]


@click.command()
@click.option("--max-loss", default="5%", show_default=True, help="The share of all smokes that may be lost.")
@click.option("--confidence", default="95%", show_default=True, help="How sure the certificate must be.")
@click.option(
    "--method",
    type=click.Choice(["audit", "rate", "sample", "clusters", "means"]),
    default="audit",
    show_default=True,
    help="audit: this audit and a decided To Review. rate: share of the discarded. sample: a random sample of everything (--labels). "
    "clusters, means: old labels, for new data; a cluster is a camera and a day.",
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=None,
    help="A CSV with the columns key and label, on top of the decisions.",
)
@click.option("--seconds", type=float, default=10.0, show_default=True, help="What a reviewer needs for one sequence, for hours saved.")
@click.option("--variant", default=None, help="Which report; default, the one written last.")
@click.option("--reviewer", default=None, help=option_help("reviewer"))
@with_run
def command(
    run: Run,
    max_loss: str,
    confidence: str,
    method: Literal["audit", "rate", "sample", "clusters", "means"],
    labels: Path | None,
    seconds: float,
    variant: str | None,
    reviewer: str | None,
) -> None:
    """Find the largest threshold that keeps the loss within a limit, with proof; "not certifiable, needs n = ..." is an answer."""
    from triage.review.audit_inputs import read_labels
    from triage.review.desk import Desk
    from triage.review.rows import open_rows
    from triage.review.tuning import tune

    tuned = tune(
        run.layout,
        open_rows(run.layout, variant),
        Desk(run.layout, reviewer).state,
        method=method,
        max_loss=float(share_of(max_loss)),
        confidence=float(share_of(confidence)),
        given=None if labels is None else read_labels(labels),
        seconds_per_sequence=seconds,
    )
    lines = [tuned.text]
    if tuned.curve is not None:
        lines += ["", "threshold   lost (best guess)   band at all thresholds   hours saved"]
        rows = list(zip(tuned.curve.thresholds, tuned.curve.lost, tuned.curve.band, tuned.curve.hours, strict=True))
        lines += [f"{t:9.4f}   {lost:17.1f}   {band:22d}   {hours:11.2f}" for t, lost, band, hours in rows[:: max(1, len(rows) // 12)]]
        saved = [(hours, lost) for _, lost, _, hours in rows if hours > 0]
        if saved:
            lines.append(f"Break-even: {saved[-1][1] / saved[-1][0]:.2f} smokes lost per hour of review saved at the present threshold.")
    run.done(asdict(tuned), "\n".join(lines))
