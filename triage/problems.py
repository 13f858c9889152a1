"""Problem: one thing that is wrong with files on disk, as `triage verify` lists them. A record; no I/O.

Made by the checks of the store, the report and the shards; printed by `triage verify`.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Problem"]


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One finding.

    path: the file or directory that is wrong, relative to what was checked ("." = the whole). what: one line, what was expected and
    what was found. keys: the sequences it concerns, ascending; empty = not tied to a sequence.
    """

    path: str
    what: str
    keys: tuple[str, ...] = ()

    def __str__(self) -> str:
        shown = ", ".join(self.keys[:3]) + (f" and {len(self.keys) - 3} more" if len(self.keys) > 3 else "")
        return f"{self.path}: {self.what}" + (f" ({shown})" if shown else "")
