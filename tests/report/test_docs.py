"""The page says what the code says."""

from __future__ import annotations

from pathlib import Path

from triage.report import DROP_REASONS, HOLD_REASONS, SCHEMA

PAGE = (Path(__file__).parents[2] / "docs" / "report.md").read_text()


def table_under(heading: str) -> list[list[str]]:
    section = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("| `")]
    assert rows
    return rows


def test_the_columns_and_their_types_are_those_of_the_schema() -> None:
    assert [(name, kind) for name, kind, _ in table_under("Columns")] == [(field.name, str(field.type)) for field in SCHEMA]


def test_every_reason_is_explained_in_the_same_words() -> None:
    assert dict(table_under("Why a sequence is held")) == HOLD_REASONS  # type: ignore[arg-type]
    assert dict(table_under("Why a sequence has no row at all")) == DROP_REASONS  # type: ignore[arg-type]
