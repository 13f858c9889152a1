"""`triage score`: options -> `triage.score.score` -> what became of every sequence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from triage.commands._report import buckets_summary, buckets_text
from triage.commands._run import EXIT_SOME_FAILED, Run, option_help, with_run
from triage.config import setting, setting_float

__all__ = ["command"]

_FILE = click.Path(path_type=Path)


@click.command()
@click.option("--model", "models", type=_FILE, multiple=True, help=option_help("model") + " Several: the first decides the buckets.")
@click.option("--head", type=_FILE, help="Score the kept features with this package's head and calibrator; no image is touched.")
@click.option("--from", "source", metavar="PATH", help="A store or shards to score; default, the data directory's store.")
@click.option("--threshold", type=float, help=option_help("threshold"))
@click.option("--no-tube", type=click.Choice(["hold", "unlabel"]), default="hold", help="Sequences without a kept tube. [default: hold]")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), help=option_help("device"))
@click.option(
    "--precision",
    type=click.Choice(["fp32", "bf16"]),
    default="fp32",
    help="Of the backbone; bf16 changes scores, by how much depends on the model. [default: fp32]",
)
@click.option(
    "--decode",
    type=click.Choice(["auto", "pillow", "simplejpeg"]),
    default="auto",
    help="auto: simplejpeg, which is faster, where it gives the pixels of Pillow. [default: auto]",
)
@click.option("--batch-size", type=click.IntRange(min=1), help="Patches per batch; default, by device and model.")
@click.option("--workers", type=click.IntRange(min=1), help="Threads; default, one per core.")
@click.option(
    "--detector", is_flag=True, help="Find boxes with the package's own YOLO, instead of the annotator's; needs triage[detector]."
)
@click.option("--limit", type=click.IntRange(min=1), help="Compute at most so many sequences now; the others are listed as not_scored.")
@click.option("--rescore", is_flag=True, help="Forget this model's predictions and start over.")
@click.option("--no-trigger", is_flag=True, help="Do not search for the frame at which the model fires.")
@click.option(
    "--keep-every", type=click.FloatRange(min=0), default=15.0, metavar="SECONDS", help="How much work a kill may lose. [default: 15]"
)
@click.option("--allow-uncalibrated", is_flag=True, help="Accept a model without calibrator; everything it scores is held.")
@with_run
def command(
    run: Run, models: tuple[Path, ...], threshold: float | None, device: str | None, no_trigger: bool, head: Path | None, **options: Any
) -> None:
    """Score the store with a model and write the report.

    Predictions are kept: an interrupted run goes on where it stopped, a second run computes only what is new or changed.
    """
    from triage.score import ScoreRequest, score

    default = setting("model")
    request = ScoreRequest(
        layout=run.layout,
        models=models or ((Path(default),) if default and head is None else ()),
        head=head,
        threshold=setting_float("threshold") if threshold is None else threshold,
        device=device or setting("device") or "auto",
        trigger=not no_trigger,
        **options,
    )
    summary = score(request)
    report = summary.report
    lines = [f"computed {summary.computed}, cached {summary.cached}", *buckets_text(report)]
    if summary.bundled_model:
        lines.append("This is the bundled model, for trying the tool out: give your own with --model for real work.")
    if summary.failures:
        lines.append(f"{summary.failures} failed ({', '.join(f'{reason} {number}' for reason, number in summary.failed)}): see hold.json")
        lines.append("and dropped.json for the names; `triage verify` checks the files.")
    content = {
        **buckets_summary(report),
        "computed": summary.computed,
        "cached": summary.cached,
        "bundled_model": summary.bundled_model,
        "failed": dict(summary.failed),
    }
    run.done(content, "\n".join(lines), exit_code=EXIT_SOME_FAILED if summary.failures else 0)
