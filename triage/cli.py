"""The click group `triage`, and the one place where exceptions become exit codes.

0 done; 1 an error (one line; `--debug` for the traceback); 2 usage; 3 done, but some sequences failed and are listed;
130 interrupted, state kept. Commands are found by their file name in `triage.commands` and imported only when asked for.
"""

from __future__ import annotations

import errno
import importlib
import logging
import pkgutil
import sys

import click

import triage
import triage.commands
from triage.errors import TriageError

__all__ = ["cli", "main"]


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        names = (module.name for module in pkgutil.iter_modules(triage.commands.__path__))
        return sorted(name.replace("_", "-") for name in names if not name.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"triage.commands.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(triage.__version__, prog_name="triage")
def cli() -> None:
    """Clear annotation backlogs of camera-image sequences: pull, score, report, pack, view, decide.

    The usual job is `triage pull && triage score && triage pack`; `triage status` says what comes next.
    """


def main() -> None:
    """Run the command line and exit with the code that says how it went."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    debug = "--debug" in sys.argv
    try:
        code = cli.main(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except (click.exceptions.Abort, KeyboardInterrupt):
        _say("interrupted; what was finished is kept, run the same command again to go on")
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except TriageError as error:
        if debug:
            raise
        _say(f"error: {error}")
        sys.exit(1)
    except OSError as error:
        if debug:
            raise
        if error.errno == errno.EPIPE:
            sys.exit(1)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            _say(f"error: {error.filename or 'a file'}: the disk is full; free some space and run the same command again")
            sys.exit(1)
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
            _say(f"error: {error.filename or 'a file'}: {error.strerror}; check who owns it, or choose another place with --data")
            sys.exit(1)
        raise


def _say(line: str) -> None:
    click.echo(line, err=True)
