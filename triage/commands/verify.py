"""`triage verify [PATH]`: options -> `triage.verify.verify` -> a list of what is wrong; exit 3 when there is any."""

from __future__ import annotations

from pathlib import Path

import click

from triage.commands._run import EXIT_SOME_FAILED, Run, with_run

__all__ = ["command"]

_SHOWN = 50


@click.command()
@click.argument("path", type=click.Path(path_type=Path), required=False)
@with_run
def command(run: Run, path: Path | None) -> None:
    """Check a store, a report or shards against the contract; without PATH, all of the data directory.

    Exit code 3 and a list when something is wrong.
    """
    from triage.verify import verify

    checked = verify(run.layout, path)
    wrong = sum(len(item.problems) for item in checked)
    lines = []
    for item in checked:
        verdict = f"{len(item.problems)} problems" if item.problems else "good"
        lines.append(f"{item.kind:<7} {item.path}: {verdict}")
        lines += [f"  {problem}" for problem in item.problems[:_SHOWN]]
        if len(item.problems) > _SHOWN:
            lines.append(f"  ... and {len(item.problems) - _SHOWN} more; --json lists them all")
    content = {
        "format": 1,
        "problems": wrong,
        "checked": [
            {
                "kind": item.kind,
                "path": str(item.path),
                "problems": [{"path": problem.path, "what": problem.what, "keys": list(problem.keys)} for problem in item.problems],
            }
            for item in checked
        ],
    }
    run.done(content, "\n".join(lines), exit_code=EXIT_SOME_FAILED if wrong else 0)
