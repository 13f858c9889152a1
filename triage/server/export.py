"""A report as plain files for any web server: the built page, its rows, and the details and pictures of its sequences.

The answers are those of the server, made by the same services; only their addresses differ, since a static host knows no queries. The page
reads them through `viewer/src/lib/data/exportedSource.ts`. What changes (decisions, audits) stays behind: an export is only looked at.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from triage.config import Layout
from triage.errors import BadFrame, BadSetting
from triage.files import disk_errors, dump_json, write_bytes
from triage.progress import Progress
from triage.server.opened import OpenReport
from triage.server.pictures import Picture
from triage.server.rows import ipc_stream
from triage.server.schemas import BucketCounts, SequenceDetail
from triage.server.security import POLICY
from triage.server.services import Services, annotator_page
from triage.server.vocabulary import VOCABULARY

__all__ = ["Exported", "export_page"]

#: Sides of the exported pictures in pixels: a tile's, and a crop's as the network saw it.
_STRIP, _CROP = 224, 224
_THREADS = 4
_INDEX = "index.html"
_HEAD = "<head>"
#: What tells the page that its data lie beside it; a page that is opened anywhere is held to the server's policy.
_MARKS = f'<meta name="triage-data" content="exported" /><meta http-equiv="Content-Security-Policy" content="{POLICY}" />'


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written. without_pictures: keys of which no frame could be shown; their details say why. num_bytes: of all files."""

    path: Path
    num_sequences: int
    num_files: int
    num_bytes: int
    without_pictures: tuple[str, ...]


def export_page(
    layout: Layout, out: Path, *, page: Path, variant: str | None = None, select: Callable[[OpenReport], Collection[str]] | None = None
) -> Exported:
    """Write the page with one report to the new or empty directory `out`; index.html comes last and says that it is whole.

    variant: which report; None = the one that the viewer opens first. select: which of its keys; None = all.
    Raises BadSetting when `out` holds something, or there is no such report; NoSpace.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadSetting(f"--export {out}: expected a new or empty directory, found something there; remove it or name another")
    services = Services(layout, first=variant, annotator_page=annotator_page())
    known = [summary.variant for summary in services.reports()]
    if not known or variant not in (None, *known):
        there = f"there is {', '.join(known)}" if known else "there is none; `triage score` writes one"
        raise BadSetting(f"--export: no report {variant or ''} under {layout.root}; {there}")
    report = services.report(known[0])
    with disk_errors(out):
        return _Export(services, report, out, None if select is None else select(report)).write(page)


class _Export:
    """One export while it is being written."""

    def __init__(self, services: Services, report: OpenReport, out: Path, keys: Collection[str] | None) -> None:
        self._services, self._report, self._out = services, report, out
        # The rows as the server gives them away: what a blind audit hides stays hidden.
        table = pa.ipc.open_stream(services.rows(report.variant, accepts_gzip=False)[0]).read_all()
        self._table = table if keys is None else table.filter(pc.is_in(table["key"], pa.array(sorted(keys), pa.string())))
        self._data = out / "data" / report.variant
        self._written: list[int] = []

    def write(self, page: Path) -> Exported:
        keys: list[str] = self._table["key"].to_pylist()
        with Progress("export", total=len(keys), unit="sequence") as progress, ThreadPoolExecutor(_THREADS, "triage-export") as pool:

            def one(key: str) -> bool:
                shown = self._sequence(key)
                progress.advance()
                return shown

            shown = list(pool.map(one, keys))
        self._write(self._data / "rows.arrow", ipc_stream(self._table))
        self._write(self._data / "model.json", self._services.model(self._report.variant).model_dump_json().encode())
        self._write(self._out / "data" / "vocabulary.json", VOCABULARY.model_dump_json().encode())
        self._write(self._out / "data" / "reports.json", dump_json([self._summary()]))
        self._page(page)
        without = tuple(key for key, drawn in zip(keys, shown, strict=True) if not drawn)
        return Exported(self._out, len(keys), len(self._written), sum(self._written), without)

    def _write(self, path: Path, content: bytes) -> None:
        write_bytes(path, content)
        self._written.append(len(content))

    def _summary(self) -> dict[str, object]:
        """As the server lists the report, with the counts of the rows that are here."""
        summary = next(one for one in self._services.reports() if one.variant == self._report.variant)
        tally = {pair["values"]: pair["counts"] for pair in pc.value_counts(self._table["triage_bucket"]).to_pylist()}
        counts = BucketCounts(review=tally.get("review", 0), unlabeled=tally.get("unlabeled", 0), hold=tally.get("hold", 0))
        return summary.model_copy(update={"counts": counts, "num_rows": len(self._table), "is_latest": True}).model_dump()

    def _sequence(self, key: str) -> bool:
        """One sequence; False = none of its frames can be shown."""
        variant, directory = self._report.variant, self._data / "sequences" / key
        detail = self._services.detail(variant, key)
        for frame in detail.frames:
            if frame.available:
                self._write(directory / "frames" / f"{frame.index}.jpg", self._services.frame(variant, key, frame.index, None).data)
        for name, picture in self._pictures(key, detail):
            self._write(directory / name, picture.data)
        self._write(directory / "detail.json", detail.model_dump_json().encode())
        return any(frame.available for frame in detail.frames)

    def _pictures(self, key: str, detail: SequenceDetail) -> Iterator[tuple[str, Picture]]:
        """The strip and the crops that the page shows; one that cannot be drawn is left out, and the page says that it is not there."""
        variant, services = self._report.variant, self._services
        with contextlib.suppress(BadFrame):
            yield "strip.jpg", services.strip(variant, key, _STRIP)
        for tube in detail.tubes:
            for crop in tube.crops:
                if crop.padded or crop.is_empty:
                    continue
                with contextlib.suppress(BadFrame):
                    yield f"crops/{tube.tube_id}-{crop.frame_idx}.jpg", services.crop(variant, key, tube.tube_id, crop.frame_idx, _CROP)

    def _page(self, page: Path) -> None:
        for path in sorted(page.rglob("*")):
            if path.is_file() and path != page / _INDEX:
                target = self._out / path.relative_to(page)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
                self._written.append(path.stat().st_size)
        index = (page / _INDEX).read_text()
        self._write(self._out / _INDEX, index.replace(_HEAD, _HEAD + _MARKS, 1).encode())
