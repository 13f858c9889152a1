"""No file outside the data directory is ever opened for a visitor: the check against symbolic links.

A directory of the contract (the store, the reports, the shards) may itself be a link, since people put big things on big disks; below it
nothing may lead out.
"""

from __future__ import annotations

from pathlib import Path

from triage.errors import BadFile

__all__ = ["leads_out", "require_inside"]


def leads_out(path: Path, root: Path) -> bool:
    """Does `path`, every link followed, lie outside `root`? A path that does not exist leads nowhere and is judged by its name."""
    return not path.resolve().is_relative_to(root.resolve())


def require_inside(path: Path, root: Path) -> None:
    """Raise BadFile when `path` leads out of `root`."""
    if leads_out(path, root):
        raise BadFile(f"{path.relative_to(root)}: a link that leads out of the data directory; replace it by the file itself")
