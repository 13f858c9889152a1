"""The docs say what the code does: generated pages are fresh, and what is named exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.generate_docs import DOCS, PAGES, commands

ROOT = DOCS.parent
WRITTEN = [ROOT / "README.md", *sorted(DOCS.glob("*.md")), *sorted((DOCS / "specs").glob("*.md"))]
NAMES = {name for name, _ in commands()}


def typed(page: Path) -> str:
    """The fenced blocks of a page: what a reader types."""
    return "\n".join(re.findall(r"^```\w*\n(.*?)^```", page.read_text(), re.M | re.S))


@pytest.mark.parametrize("page", PAGES)
def test_generated_pages_are_fresh(page: str) -> None:
    assert (DOCS / page).read_text() == PAGES[page](), f"docs/{page} is stale: run `make docs`"


def test_every_command_says_what_it_does_and_every_option_has_help() -> None:
    for name, command in commands():
        assert (command.help or "").strip(), f"{name} has no help"
        for option in command.params:
            if option.param_type_name == "option":
                assert getattr(option, "help", None), f"{name} {option.opts[0]} has no help"


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}, which is not there"


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_commands_that_are_named_exist(page: Path) -> None:
    for line in re.findall(r"`triage ([a-z][a-z-]*)", page.read_text()) + re.findall(r"^triage ([a-z][a-z-]*)", typed(page), re.M):
        assert f"triage {line}" in NAMES, f"{page.name} names `triage {line}`, which is no command"


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_make_targets_that_are_named_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.M))
    for name in re.findall(r"`make ([a-z0-9-]+)`", page.read_text()) + re.findall(r"^make ([a-z0-9-]+)", typed(page), re.M):
        assert name in targets, f"{page.name} names `make {name}`, which the Makefile does not have"


def test_every_page_is_reachable_from_the_readme() -> None:
    reached, queue = set(), [ROOT / "README.md"]
    while queue:
        page = queue.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        queue += [(page.parent / target).resolve() for target in re.findall(r"\]\(([^)#]+)", page.read_text()) if "://" not in target]
    missing = {page.name for page in DOCS.glob("*.md")} - {page.name for page in reached}
    assert not missing, f"no link leads to {', '.join(sorted(missing))}"
