"""`triage train`: labelled sequences in, a model package out."""

from __future__ import annotations

from pathlib import Path

import click

from triage.commands._run import EXIT_SOME_FAILED, Run, with_run

__all__ = ["command"]


@click.command("train")
@click.option(
    "--labels",
    "stores",
    type=click.Path(path_type=Path, file_okay=False),
    multiple=True,
    help="Store with labelled sequences; may be repeated. [default: the data directory's]",
)
@click.option(
    "--decided",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="CSV with key,label (smoke, fp, unknown) that overrides the stores' labels.",
)
@click.option(
    "--from", "start", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Package to go on from. [default: from scratch]"
)
@click.option(
    "--finetune", "blocks", type=click.IntRange(min=0), default=0, show_default=True, help="Backbone blocks that learn with the head."
)
@click.option(
    "--exclude", type=click.Path(path_type=Path, exists=True), multiple=True, help="Store or file of keys to leave out; may be repeated."
)
@click.option(
    "--evaluation",
    type=click.Path(path_type=Path, exists=True),
    multiple=True,
    help="Store or file of keys that the model will be evaluated on: training on any of them is refused.",
)
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), default=Path("model.zip"), show_default=True, help="Package to write."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the weights, the splits and the order.")
@click.option(
    "--held-out", type=click.FloatRange(0.05, 0.5), default=0.2, show_default=True, help="Share held out for the report, by whole cameras."
)
@click.option("--epochs", type=click.IntRange(min=1), help="At most so many. [default: 60, with --finetune 30]")
@click.option(
    "--threads", type=click.IntRange(min=1), default=1, show_default=True, help="Threads; another number gives other last digits."
)
@click.option("--variant", help="Name of the package. [default: by what it came from]")
@click.option("--model-version", "version", help="Its release. [default: by its content]")
@with_run
def command(
    run: Run,
    stores: tuple[Path, ...],
    decided: Path | None,
    start: Path | None,
    blocks: int,
    exclude: tuple[Path, ...],
    evaluation: tuple[Path, ...],
    output: Path,
    seed: int,
    held_out: float,
    epochs: int | None,
    threads: int,
    variant: str | None,
    version: str | None,
) -> None:
    """Train a package on labelled sequences, and report how it does on held-out cameras.

    With --from, the temporal head and the calibrator are fitted again on the package's own features (minutes on two cores); with
    --finetune N its last N blocks learn as well (for a GPU-sized afternoon). Without --from, the small network learns from scratch.
    """
    from triage.evaluation import table
    from triage.train import Request, train

    result = train(
        Request(
            stores=stores or (run.layout.sequences,),
            output=output,
            start=start,
            blocks=blocks,
            labels=decided,
            exclude=exclude,
            evaluation=evaluation,
            seed=seed,
            held_out=held_out,
            epochs=epochs,
            threads=threads,
            variant=variant,
            version=version,
        )
    )
    evaluated = result.written.evaluation
    summary = {
        "package": str(result.package),
        "card": str(result.card),
        "model_version": result.model_version,
        "evaluation": evaluated.to_json(),
        "failed": dict(result.problems),
    }
    failed = "".join(f"\n{key}: left out, {reason}" for key, reason in sorted(result.problems.items()))
    text = f"{table(evaluated)}\n{failed}\nPackage: {result.package}\nCard: {result.card}\nReport: {result.written.html}"
    run.done(summary, text, exit_code=EXIT_SOME_FAILED if result.problems else 0)
