"""`triage evaluate`: how good the split is, against labels."""

from __future__ import annotations

from pathlib import Path

import click

from triage.commands._run import Run, with_run

__all__ = ["command"]


@click.command("evaluate")
@click.option(
    "--report", type=click.Path(path_type=Path, file_okay=False), help="Report directory or shard set. [default: the report written last]"
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="CSV with key,label (smoke, fp): adds to and overrides the report's labels.",
)
@click.option("--threshold", type=click.FloatRange(0, 1), help="To Review at or above. [default: the report's own]")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the resamples behind the intervals.")
@click.option(
    "--resamples", type=click.IntRange(min=0), default=1000, show_default=True, help="Resamples of cameras for the intervals; 0 = none."
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where evaluation.json and evaluation.html go, one directory per report. [default: 09_evaluation]",
)
@click.option("--allow-trained", is_flag=True, help="Measure although the model was trained on these sequences; the result says so.")
@with_run
def command(
    run: Run,
    report: Path | None,
    labels: Path | None,
    threshold: float | None,
    seed: int,
    resamples: int,
    output: Path | None,
    allow_trained: bool,
) -> None:
    """Measure a report against labels: precision, recall, curves, work saved, calibration, with intervals by camera.

    Labels come from the report (sequences pulled with --stage annotated) and from --labels. Held sequences are counted apart: they
    stay with the humans. Writes evaluation.json and a self-contained evaluation.html.
    """
    from triage import evaluation

    request = evaluation.Request(
        reports=run.layout.reports,
        evaluations=output if output is not None else run.layout.evaluations,
        report=report,
        store=run.layout.sequences if run.layout.sequences.is_dir() else None,
        labels=labels,
        threshold=threshold,
        seed=seed,
        resamples=resamples,
        allow_trained=allow_trained,
    )
    written = evaluation.run(request)
    summary = {**written.evaluation.to_json(), "files": [str(written.json), str(written.html)]}
    run.done(summary, f"{evaluation.table(written.evaluation)}\n\nPage: {written.html}")
