"""`make docs`: the generated pages of docs/: every command's help and the table of settings. `tests/test_docs.py` compares them."""

from __future__ import annotations

from pathlib import Path

import click

from triage.cli import cli
from triage.config import SETTINGS

HELP = cli.context_settings["help_option_names"]
DOCS = Path(__file__).parents[1] / "docs"


def commands() -> list[tuple[str, click.Command]]:
    """Every command with its full name, groups before their members, by name."""
    found: list[tuple[str, click.Command]] = []

    def walk(name: str, command: click.Command) -> None:
        found.append((name, command))
        if isinstance(command, click.Group):
            context = click.Context(command)
            for child in command.list_commands(context):
                member = command.get_command(context, child)
                assert member is not None
                walk(f"{name} {child}", member)

    walk("triage", cli)
    return found


def command_page() -> str:
    lines = ["# Commands", "", "Written by `make docs` from the commands themselves.", ""]
    for name, command in commands():
        # As the group calls it: click remembers a command's help option from the first context that asks for it.
        context = click.Context(command, info_name=name, max_content_width=100, terminal_width=100, help_option_names=HELP)
        lines += [f"## {name}", "", "```", command.get_help(context), "```", ""]
    return "\n".join(lines)


def settings_page() -> str:
    lines = [
        "# Settings",
        "",
        "Written by `make docs` from `triage/config.py`. An option of a command wins over its variable, the variable over the default.",
        "",
        "| variable | default | unit | what |",
        "| --- | --- | --- | --- |",
    ]
    lines += [f"| `{row.variable}` | {f'`{row.default}`' if row.default else ''} | {row.unit} | {row.help} |" for row in SETTINGS]
    return "\n".join(lines) + "\n"


PAGES = {"commands.md": command_page, "settings.md": settings_page}

if __name__ == "__main__":
    for page, write in PAGES.items():
        (DOCS / page).write_text(write())
