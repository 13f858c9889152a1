"""What lies in a data directory, and what the next sensible command is. Reads names and small files; `triage status` prints it.

Nothing is judged here (`triage verify` does that): what cannot be read is named in its line and the others are still told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from triage.config import Layout
from triage.errors import BadFile
from triage.files import read_json
from triage.report import BUCKETS, ReportReader, find_report
from triage.store import Store

__all__ = ["Place", "Status", "status"]

_PLACES = ("store", "queue", "predictions", "report", "shards", "decisions", "payloads", "audits")


@dataclass(frozen=True, slots=True)
class Place:
    """One part of the data directory. count: of its main things (sequences, rows, decisions ...); 0 = nothing there. detail: for people."""

    name: str
    count: int
    detail: str
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """places: always the same ones, in the order of the work. next: a command to type, and why."""

    data: str
    places: tuple[Place, ...]
    next: str
    why: str

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {**asdict(self), "format": 1}

    def text(self) -> str:
        """For people."""
        lines = [f"  {place.name:<12}{place.problem or place.detail}" for place in self.places]
        return "\n".join([self.data, *lines, f"next: {self.next}", f"  {self.why}"])


def status(layout: Layout) -> Status:
    """Look everywhere."""
    readers: tuple[Callable[[Layout], Place], ...] = (_store, _queue, _predictions, _report, _shards, _decisions, _payloads, _audits)
    places = tuple(_told(name, reader, layout) for name, reader in zip(_PLACES, readers, strict=True))
    command, why = _next({place.name: place.count for place in places}, published=_pointer(layout).is_file())
    return Status(str(layout.root), places, command, why)


def _told(name: str, reader: Callable[[Layout], Place], layout: Layout) -> Place:
    try:
        return reader(layout)
    except (BadFile, OSError) as error:
        return Place(name, 0, "", f"cannot be read: {error}")


def _pointer(layout: Layout) -> Path:
    """What a producer commits so that others can fetch the shards."""
    return layout.shards.with_name(f"{layout.shards.name}.dvc")


def _next(count: dict[str, int], *, published: bool) -> tuple[str, str]:
    """Rules in order: the first thing of the way that is not done yet."""
    if not count["store"] and not count["shards"] and published:
        return "triage fetch", "shards were published; fetching brings and unpacks them, without credentials of the annotator"
    if not count["store"] and not count["shards"]:
        return "triage pull", "nothing is here yet; without an annotator at hand, `triage demo` runs the whole job at home"
    if not count["report"] and count["store"]:
        return "triage score", "the store has sequences, and no report says what they are"
    if not count["report"] or not count["store"]:
        return "triage unpack", "shards are here; unpacking gives the store and the report (`triage view` also reads shards as they are)"
    if count["report"] < count["store"]:
        return "triage score", f"{count['store'] - count['report']:,} sequences of the store are not in the report"
    if not count["decisions"]:
        if count["shards"] < count["store"]:
            return "triage view", "the report is ready to be reviewed; `triage pack` makes shards of it to share"
        return "triage view", "the report is ready to be reviewed"
    if not count["payloads"]:
        return "triage plan", "decisions were made; a plan turns them into what a human sends"
    return "triage view", "decisions and a plan are here; review on, or `triage plan` again"


# -- one function for each place


def _store(layout: Layout) -> Place:
    store = Store(layout.sequences)
    keys = store.keys()
    cameras = {store.directory(key).parent for key in keys}
    organizations = {camera.parent for camera in cameras}
    detail = f"{len(keys):,} sequences of {len(cameras):,} cameras, {len(organizations):,} organizations" if keys else "empty"
    return Place("store", len(keys), detail)


def _queue(layout: Layout) -> Place:
    if not layout.queue.is_file():
        return Place("queue", 0, "never listed")
    content = read_json(layout.queue, expect_format=1)
    try:
        counts = content["counts"]
        listed = int(counts["listed"])
        words = [f"{counts[name]:,} {name.replace('_', ' ')}" for name in ("stored", "already_there", "failed", "left", "not_tried")]
        detail = f"{listed:,} listed in {content['stage']} at {content['listed_at']}: {', '.join(words)}"
    except (KeyError, TypeError, ValueError) as error:
        raise BadFile(f"{layout.queue}: expected counts, stage and listed_at ({type(error).__name__}); run `triage pull` again") from error
    return Place("queue", listed, detail)


def _predictions(layout: Layout) -> Place:
    models = sorted(path.name for path in layout.predictions.glob("*") if path.is_dir())
    sizes = [f"{name} ({_megabytes(_size(layout.predictions / name))})" for name in models]
    return Place("predictions", len(models), ", ".join(sizes) or "none")


def _report(layout: Layout) -> Place:
    if not layout.reports.is_dir():
        return Place("report", 0, "none")
    reader = ReportReader(find_report(layout.reports))
    buckets = reader.table().column("triage_bucket").to_pylist()
    dropped = len(reader.dropped())
    words = [f"{buckets.count(bucket):,} {bucket}" for bucket in BUCKETS]
    detail = f"{reader.variant}: {', '.join(words)}, {dropped:,} dropped, threshold {reader.threshold:g}"
    return Place("report", len(buckets) + dropped, detail)


def _shards(layout: Layout) -> Place:
    manifest = layout.shards / "frames" / "manifest.json"
    if not manifest.is_file():
        return Place("shards", 0, "published, not here yet" if _pointer(layout).is_file() else "none")
    content = read_json(manifest)
    items = content.get("items") if isinstance(content, dict) else None
    if not isinstance(items, dict):
        raise BadFile(f"{manifest}: expected `items`, found none; run `triage verify {layout.shards}`")
    tars = sorted((layout.shards / "frames").glob("shard_*.tar"))
    size = sum(path.stat().st_size for path in tars)
    return Place("shards", len(items), f"{len(items):,} sequences in {len(tars):,} shards, {_megabytes(size)}")


def _decisions(layout: Layout) -> Place:
    logs = {path.stem: path.read_bytes().count(b"\n") for path in sorted(layout.decisions.glob("*.jsonl"))}
    words = ", ".join(f"{name} {lines:,}" for name, lines in logs.items())
    return Place("decisions", sum(logs.values()), f"lines by reviewer: {words}" if logs else "none")


def _payloads(layout: Layout) -> Place:
    return _names("payloads", layout.payloads)


def _audits(layout: Layout) -> Place:
    return _names("audits", layout.audits)


def _names(name: str, directory: Path) -> Place:
    found = sorted(path.name for path in directory.glob("*") if not path.name.startswith("."))
    shown = ", ".join(found[:3]) + (f" and {len(found) - 3:,} more" if len(found) > 3 else "")
    return Place(name, len(found), shown or "none")


def _size(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
