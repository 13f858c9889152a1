"""Filling a small disk; the fixture `small_disk` of tests/conftest.py makes one."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["fill"]


def fill(place: Path, leave: int) -> Path:
    """All of the disk but `leave` bytes."""
    free = os.statvfs(place).f_bavail * os.statvfs(place).f_frsize
    ballast = place / "ballast"
    ballast.write_bytes(bytes(free - leave))
    return ballast
