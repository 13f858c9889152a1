"""`triage compare A B`: two reports -> `triage.report.compare` -> what entered and what left each bucket."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from triage.commands._run import Run, with_run

if TYPE_CHECKING:
    from triage.report import Comparison

__all__ = ["command"]

_SHOWN = 20


@click.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option("--parquet", type=click.Path(path_type=Path, dir_okay=False), help="Write every move to this file.")
@with_run
def command(run: Run, first: str, second: str, parquet: Path | None) -> None:
    """What entered and what left each bucket from report A to report B (variants of the data directory, or paths)."""
    from triage.report import ReportReader, compare, find_report, write_moves

    def table_of(name: str):  # type: ignore[no-untyped-def]  # pyarrow has no types
        root = Path(name) if (Path(name) / "model_config.json").is_file() else find_report(run.layout.reports, name)
        return ReportReader(root).table()

    comparison = compare(table_of(first), table_of(second))
    if parquet is not None:
        write_moves(comparison, parquet)
    run.done({"format": 1, "a": first, "b": second, **comparison.summary()}, _text(comparison, first, second))


def _text(comparison: Comparison, first: str, second: str) -> str:
    lines = [f"from {first} to {second}: {comparison.moves.num_rows} sequences changed their bucket", "", "bucket      entered   left"]
    lines += [f"{name:<10} {entry['entered']:>8} {entry['left']:>6}" for name, entry in comparison.summary()["buckets"].items()]
    moves = comparison.moves.to_pylist()
    if moves:
        lines += ["", "sequence                   from       to         score A   score B"]
    for row in moves[:_SHOWN]:
        scores = [f"{row[name]:.4f}" if row[name] is not None else "-" for name in ("score_a", "score_b")]
        lines.append(f"{row['key']:<26} {row['bucket_a']:<10} {row['bucket_b']:<10} {scores[0]:<9} {scores[1]}")
    if len(moves) > _SHOWN:
        lines.append(f"... and {len(moves) - _SHOWN} more; --json or --parquet FILE lists them all")
    return "\n".join(lines)
