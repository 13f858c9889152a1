"""What every command shares: the options --data, --json, --quiet and --debug, and how a summary is printed."""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from triage import progress
from triage.config import SETTINGS, Layout, setting
from triage.files import dump_json

__all__ = ["EXIT_SOME_FAILED", "Run", "option_help", "with_run"]

#: Done, but some sequences failed and are listed.
EXIT_SOME_FAILED = 3


def option_help(name: str) -> str:
    """The help of a setting from the one table, with its default and variable."""
    row = next(row for row in SETTINGS if row.name == name)
    default = f" [default: {row.default}]" if row.default else ""
    return f"{row.help}{default} ({row.variable})"


@dataclass(frozen=True, slots=True)
class Run:
    """The options that belong to all commands, and the way out.

    layout: the data directory. json: print the summary as JSON on standard output. quiet: no progress, no text.
    """

    layout: Layout
    json: bool
    quiet: bool
    debug: bool

    def done(self, summary: Mapping[str, Any], text: str, *, exit_code: int = 0) -> None:
        """Print `summary` (with --json) or `text`, and leave with `exit_code` (3 = done, but some sequences failed)."""
        if self.json:
            sys.stdout.buffer.write(dump_json(dict(summary)))
            sys.stdout.flush()
        elif not self.quiet:
            click.echo(text)
        if exit_code:
            click.get_current_context().exit(exit_code)


def with_run(function: Callable[..., None]) -> Callable[..., None]:
    """Decorate a command's callback: adds the shared options and passes a `Run` as its first argument."""

    @click.option("--data", type=click.Path(path_type=Path), default=None, help=option_help("data"))
    @click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON on standard output.")
    @click.option("--quiet", is_flag=True, help="No progress and no summary; errors are still shown.")
    @click.option("--debug", is_flag=True, help="Show the traceback of an error.")
    @functools.wraps(function)
    def wrapped(*args: Any, data: Path | None, as_json: bool, quiet: bool, debug: bool, **kwargs: Any) -> None:
        progress.quiet(quiet)
        logging.getLogger("triage").setLevel(logging.DEBUG if debug else logging.WARNING if quiet else logging.INFO)
        root = data if data is not None else Path(setting("data") or "data")
        function(Run(Layout(root), as_json, quiet, debug), *args, **kwargs)

    return wrapped
