"""Wheels carry the page: built when it is missing, taken as it is when it is there, and never a reason to fail an install without Node."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = "triage/server/page/index.html"
NPM = """#!/bin/sh
echo "$@" >> npm.log
[ "$1" = ci ] || { mkdir -p ../triage/server/page && echo built > ../triage/server/page/index.html; }
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """As little of the tree as can be built, in the state of a fresh clone."""
    root = tmp_path / "checkout"
    for name in ("pyproject.toml", "README.md", "LICENSE", "triage/__init__.py", "triage/server/__init__.py", "viewer/hatch_build.py"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    (root / "viewer" / "src").mkdir()
    (root / "viewer" / "src" / "main.tsx").write_text("export {}")
    (root / "viewer" / "package.json").write_text("{}")
    return root


def node(tmp_path: Path, version: str = "v20.1.0") -> Path:
    """A directory with a node of that version and an npm that writes down what it was asked."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, content in {"npm": NPM, "node": f"#!/bin/sh\necho {version}\n"}.items():
        (tools / name).write_text(content)
        (tools / name).chmod(0o755)
    for name in ("sh", "mkdir"):
        (tools / name).symlink_to(f"/bin/{name}")
    return tools


def build(checkout: Path, tools: Path, **environment: str) -> tuple[subprocess.CompletedProcess[str], str | None]:
    """What the build said, and the page that the wheel carries (None = none)."""
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel"], cwd=checkout, capture_output=True, text=True, check=False,
        env={**{name: value for name, value in os.environ.items() if name != "TRIAGE_PAGE"}, "PATH": str(tools), **environment},
    )  # fmt: skip
    wheels = list((checkout / "dist").glob("*.whl"))
    if not wheels:
        return done, None
    with zipfile.ZipFile(wheels[0]) as wheel:
        return done, wheel.read(PAGE).decode() if PAGE in wheel.namelist() else None


def test_a_missing_page_is_built_into_the_wheel(checkout: Path, tmp_path: Path) -> None:
    done, page = build(checkout, node(tmp_path))
    assert (done.returncode, page) == (0, "built\n"), done.stderr
    assert (checkout / "viewer" / "npm.log").read_text() == "ci --no-audit --no-fund\nrun build\n"


def test_a_page_that_is_newer_than_its_source_is_taken_as_it_is(checkout: Path, tmp_path: Path) -> None:
    (checkout / PAGE).parent.mkdir()
    (checkout / PAGE).write_text("mine")
    done, page = build(checkout, node(tmp_path))
    assert (done.returncode, page) == (0, "mine")
    os.utime(checkout / PAGE, (1, 1))
    assert build(checkout, tmp_path / "tools")[1] == "built\n"


def test_without_node_the_rest_is_built_with_a_warning_unless_the_page_is_required(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    done, page = build(checkout, tmp_path / "nothing")
    assert (done.returncode, page) == (0, None)
    assert "node and npm are not on the PATH; install Node 20 or later" in done.stdout + done.stderr
    done, _ = build(checkout, tmp_path / "nothing", TRIAGE_PAGE="require")
    assert done.returncode != 0
    assert "the viewer's page is not built: node and npm are not on the PATH" in done.stdout + done.stderr


def test_an_old_node_is_named(checkout: Path, tmp_path: Path) -> None:
    done, page = build(checkout, node(tmp_path, "v16.20.0"))
    assert (done.returncode, page) == (0, None)
    assert "node is v16.20.0" in done.stdout + done.stderr
