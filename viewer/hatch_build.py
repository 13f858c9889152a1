"""Hatchling build hook: a wheel or sdist built from a checkout carries the built page, so that an installed `triage view` needs no Node.

Runs `npm ci && npm run build` in viewer/ when the page is not there yet, or older than its source. An editable install needs no page
(`make view` builds it). Without Node a build goes on and warns, so that `pip install .` works anywhere; TRIAGE_PAGE=require (releases)
makes that an error, and TRIAGE_PAGE=skip never builds it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_OLDEST_NODE = 20


class BuildPageHook(BuildHookInterface[Any]):
    """Found by hatchling through `[tool.hatch.build.hooks.custom]`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page when this build needs it. Raises RuntimeError when it must be there and cannot be built."""
        root, wish = Path(self.root), os.environ.get("TRIAGE_PAGE", "")
        page, viewer = root / "triage" / "server" / "page" / "index.html", root / "viewer"
        if version == "editable" or wish == "skip" or (page.is_file() and not _older(page, viewer / "src")):
            return
        reason = _why_not(viewer)
        if reason is None:
            self.app.display_info("building the viewer's page: npm ci && npm run build")
            _npm(viewer, "ci", "--no-audit", "--no-fund")
            _npm(viewer, "run", "build")
            return
        state = "is older than its source" if page.is_file() else "is not built"
        message = f"the viewer's page {state}: {reason}; install Node {_OLDEST_NODE} or later and build again"
        if wish == "require":
            raise RuntimeError(message)
        self.app.display_warning(message if page.is_file() else f"{message}. Everything but `triage view` works without it")


def _older(page: Path, source: Path) -> bool:
    built = page.stat().st_mtime
    return any(path.stat().st_mtime > built for path in source.rglob("*") if path.is_file())


def _why_not(viewer: Path) -> str | None:
    """Why the page cannot be built here; None = it can."""
    if not (viewer / "package.json").is_file():
        return f"{viewer} holds no source of it"
    if shutil.which("npm") is None or shutil.which("node") is None:
        return "node and npm are not on the PATH"
    found = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout.strip()
    major = found.removeprefix("v").split(".")[0]
    if not major.isdigit() or int(major) < _OLDEST_NODE:
        return f"node is {found or 'broken'}"
    return None


def _npm(viewer: Path, *arguments: str) -> None:
    done = subprocess.run(["npm", *arguments], cwd=viewer, check=False)
    if done.returncode != 0:
        raise RuntimeError(
            f"npm {' '.join(arguments)} failed in {viewer} (exit {done.returncode}, see above); TRIAGE_PAGE=skip builds without the page"
        )
