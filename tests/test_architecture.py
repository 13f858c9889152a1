"""The rooms import only downwards (docs/architecture.md); torch lives in one room."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "triage"

#: A module may import rooms of a lower floor, and its own room. Siblings meet only through the ground floor and files.
FLOORS: dict[str, int] = {
    **dict.fromkeys(("sequences", "errors", "config", "chain", "crops", "files", "jpeg", "progress", "predictions", "problems"), 0),
    **dict.fromkeys(("annotator", "store", "model", "shards", "report", "audit", "evaluation"), 1),
    **dict.fromkeys(("pull", "score", "review", "train", "verify", "status", "doctor"), 2),
    **dict.fromkeys(("commands", "server", "demo"), 3),
    "cli": 4,
    "__main__": 5,
}
#: Siblings of one floor that may meet, each with its reason.
MEETINGS = {
    ("commands", "server"): "`triage view` starts the server",
    ("commands", "demo"): "`triage demo` starts the annotator at home",
}


def room_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def imported_rooms(path: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"triage.{alias.name}" for alias in node.names] if node.module == "triage" else [node.module]
        rooms |= {name.split(".")[1] for name in names if name.startswith("triage.")}
    return {room for room in rooms if (PACKAGE / room).exists() or (PACKAGE / f"{room}.py").exists()}


MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_downwards(path: Path) -> None:
    here = room_of(path)
    for room in imported_rooms(path) - {here}:
        if FLOORS[here] == FLOORS[room] == 0 or (here, room) in MEETINGS:
            continue
        assert FLOORS[room] < FLOORS[here], f"{path.relative_to(PACKAGE)} imports triage.{room}, which is not below it"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_model_room_imports_torch(path: Path) -> None:
    imports = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""])
    }
    assert "torch" not in imports or room_of(path) == "model"
