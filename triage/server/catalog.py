"""Which reports there are, and opening each once: loose ones under 08_reporting, the packed one under 02_shards."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from triage.config import Layout
from triage.errors import BadFile, TriageError
from triage.files import read_json, sha256_bytes, sha256_file
from triage.report.reader import LATEST, MARKER, ReportReader
from triage.sequences import slug
from triage.server.guarded import leads_out, require_inside
from triage.server.opened import OpenReport, ReportSource, Source
from triage.server.packed import open_shards
from triage.server.problems import NotServed
from triage.server.schemas import ReportSummary
from triage.shards.reader import ShardReport

__all__ = ["Catalog"]

_VARIANT = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$")
_PACKED = "packed"


@dataclass(frozen=True, slots=True)
class _Place:
    """A report that could be opened. stamp: of its done-marker; changes when the report is written again."""

    variant: str
    source: Source
    root: Path
    stamp: str
    written_ns: int

    def is_current(self) -> bool:
        """Is the report still the one that was found?"""
        try:
            return _stamp(_marker(self.source, self.root))[0] == self.stamp
        except OSError:
            return False


class Catalog:
    """The reports of one data directory. It is looked at anew for every question; a report is read again only when it changed."""

    def __init__(self, layout: Layout, first: str | None = None) -> None:
        self._layout = layout
        self._asked_for = first
        self._lock = threading.Lock()
        self._packed_name = ("", "")
        self._opened: dict[str, tuple[_Place, OpenReport]] = {}

    def problems(self) -> list[str]:
        """Reports that are there but cannot be opened, one line each."""
        lines = []
        for place in self._places().values():
            try:
                self._open(place)
            except BadFile as error:
                lines.append(str(error))
        return lines

    def summaries(self) -> list[ReportSummary]:
        """Every report that can be opened, the one to open first in front; `problems` names the others."""
        places = self._places()
        first = self._first(places)
        found: list[ReportSummary] = []
        for place in sorted(places.values(), key=lambda place: (place.variant != first, place.variant)):
            try:
                report = self._open(place)
            except BadFile:
                continue
            found.append(
                ReportSummary(
                    variant=report.variant,
                    model_version=report.model_version,
                    threshold=report.threshold,
                    counts=report.counts,
                    num_rows=len(report.table),
                    num_dropped=report.num_dropped,
                    source=report.source,
                    is_latest=not found,
                    labelled=report.labelled,
                    version=report.version,
                )
            )
        return found

    def get(self, variant: str) -> OpenReport:
        """The report that /api/reports lists under `variant`. Raises NotServed when there is none, BadFile when it is damaged."""
        held = self._opened.get(variant)
        if held is not None and held[0].is_current():
            return held[1]
        places = self._places()
        place = places.get(variant)
        if place is None:
            raise NotServed(
                "no such report",
                expected=f"one of {', '.join(sorted(places))}" if places else "a report; there is none yet",
                found=variant[:200],
                next_step="GET /api/reports lists them; `triage score` writes one",
            )
        return self._open(place)

    def _open(self, place: _Place) -> OpenReport:
        with self._lock:
            held = self._opened.get(place.variant)
            if held is not None and held[0].stamp == place.stamp:
                return held[1]
            report = OpenReport(place.variant, place.source, _reader(place), place.stamp, place.root)
            self._opened[place.variant] = (place, report)
            return report

    def _places(self) -> dict[str, _Place]:
        """By the name in URLs. The packed report stands for the loose one it was packed from; one of other rows is a report of its own."""
        loose = {place.variant: place for place in self._loose()}
        packed = self._packed_place()
        if packed is None:
            return loose
        twin = loose.get(packed.variant)
        if twin is not None and _rows_digest(twin) != _rows_digest(packed):
            packed = _Place(f"{packed.variant}-{_PACKED}", packed.source, packed.root, packed.stamp, packed.written_ns)
        return {**loose, packed.variant: packed}

    def _loose(self) -> list[_Place]:
        root = self._layout.reports
        if not root.is_dir():
            return []
        return [
            _Place(directory.name, "loose", directory, *_stamp(_marker("loose", directory)))
            for directory in sorted(root.iterdir())
            if _VARIANT.match(directory.name) and (directory / MARKER).is_file() and not leads_out(directory / MARKER, root)
        ]

    def _packed_place(self) -> _Place | None:
        """The packed report; None = there is none, or it cannot be read (then `problems` says so)."""
        root = self._layout.shards
        if not (root / MARKER).is_file() or not _marker("shards", root).is_file():
            return None
        stamp, written_ns = _stamp(_marker("shards", root))
        with self._lock:
            if self._packed_name[0] != stamp:
                self._packed_name = stamp, _packed_variant(root)
        return _Place(self._packed_name[1], "shards", root, stamp, written_ns)

    def _first(self, places: dict[str, _Place]) -> str | None:
        """The one asked for, else the report written last: what latest.json names, unless the packed one is younger."""
        if not places:
            return None
        if self._asked_for in places:
            return self._asked_for
        packed = next((place for place in places.values() if place.source == "shards"), None)
        try:
            named = places.get(str(read_json(self._layout.reports / LATEST).get("variant")))
        except (BadFile, AttributeError):
            named = None
        candidates = [place for place in (named, packed) if place is not None] or list(places.values())
        return max(candidates, key=lambda place: (place.written_ns, place.variant)).variant


def _marker(source: Source, root: Path) -> Path:
    """What is written last: newer than all the rest of the report."""
    return root / MARKER if source == "loose" else root / "report" / "manifest.json"


def _stamp(marker: Path) -> tuple[str, int]:
    found = marker.stat()
    return sha256_bytes(f"{found.st_mtime_ns}-{found.st_size}-{found.st_ino}".encode())[:16], found.st_mtime_ns


@lru_cache(maxsize=16)
def _rows_digest(place: _Place) -> str:
    """Of the rows as written; equal digests = the same report in two places."""
    return sha256_file(place.root / "results.parquet")


def _reader(place: _Place) -> ReportSource:
    """Raises BadFile when a file of the report is a link that leads out, or is damaged."""
    if place.source == "shards":
        open_shards(place.root, "report")
        return ShardReport(place.root)
    for name in (MARKER, "results.parquet", "dropped.json"):
        require_inside(place.root / name, place.root)
    return ReportReader(place.root)


def _packed_variant(root: Path) -> str:
    """The name of the packed report: its own, else one made from what scored it."""
    try:
        report = ShardReport(root)
        config = report.model_config()
        name = report.variant or slug(f"{config.get('variant') or ''} {config.get('model_version') or ''}")
    except TriageError:
        name = _PACKED
    return name if _VARIANT.match(name) else _PACKED
