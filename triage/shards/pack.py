"""`triage pack`: the store and one report into the sets of 02_shards. One writer at a time; each set is committed by its manifest."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from triage.config import Layout
from triage.errors import BadInput, BadSetting, BadShard
from triage.files import lock, read_json, write_bytes
from triage.problems import Problem
from triage.shards.commit import recover
from triage.shards.files import ShardFiles
from triage.shards.frames import FramesOutcome, pack_frames
from triage.shards.index import Index
from triage.shards.manifest import MANIFEST, Manifest, is_shard_name
from triage.shards.members import Kind
from triage.shards.previews import PreviewsOutcome, pack_previews
from triage.shards.report import ReportOutcome, pack_report
from triage.shards.sets import ShardSet, load_manifest, load_set, missing_shards

__all__ = ["MARKER", "PackSummary", "lock_path", "pack", "report_directory"]

LATEST_FORMAT = 1
#: Written last by whoever writes a report: one without it is not finished.
MARKER = "model_config.json"


@dataclass(frozen=True, slots=True)
class PackSummary:
    """What `pack` did. report None = there is no report. previews None = none were asked for, or there is no report."""

    frames: FramesOutcome
    report: ReportOutcome | None = None
    variant: str | None = None
    previews: PreviewsOutcome | None = None
    failed: list[Problem] = field(default_factory=list)


def lock_path(shards: Path) -> Path:
    """The lock of a shard directory. It lies beside it: what is in the directory is shared."""
    return shards.parent / f".{shards.name}.lock"


def pack(
    layout: Layout, *, target_bytes: int, variant: str | None = None, previews: bool = True, processes: int | None = None
) -> PackSummary:
    """Pack what is new in the store, and the report named `variant` (default: the one written last), into `layout.shards`.

    previews: also draw the small pictures of what is new in the report. processes: how many to start for the frames, 0 = none; None = as
    many as the amount of work is worth. Raises Busy when another pack or unpack runs, BadInput when there
    is nothing to pack, BadShard when shards that the manifest names are not here (a partial fetch): packing would lose them for everyone.
    """
    if target_bytes < 1:
        raise BadSetting(f"--target-bytes {target_bytes}: expected a positive number of bytes")
    report = report_directory(layout, variant)
    if not layout.sequences.is_dir() and report is None:
        raise BadInput(f"{layout.sequences}: expected a store, found none; run `triage pull` first")
    layout.shards.mkdir(parents=True, exist_ok=True)
    with lock(lock_path(layout.shards)):
        frames, outcome = pack_frames(layout.shards / "frames", _opened(layout.shards, "frames"), layout.sequences, target_bytes, processes)
        if report is None:
            return PackSummary(outcome, failed=list(outcome.failed))
        reported, packed = pack_report(layout.shards / "report", _opened(layout.shards, "report"), report, target_bytes)
        drawn = None
        if previews:
            _, drawn = pack_previews(layout.shards, _opened(layout.shards, "previews"), frames, reported, target_bytes)
        return PackSummary(outcome, packed, report.name, drawn, [*outcome.failed, *packed.failed])


def report_directory(layout: Layout, variant: str | None = None) -> Path | None:
    """The report to pack: `variant`, else the one that latest.json names; None = there is none. Raises BadInput when it is not there."""
    if variant is None:
        latest = layout.reports / "latest.json"
        if not latest.exists():
            return None
        variant = str(read_json(latest, expect_format=LATEST_FORMAT).get("variant"))
    path = layout.reports / variant
    if "/" in variant or variant.startswith(".") or not (path / MARKER).is_file():
        raise BadInput(f"{path}: expected a finished report, found none; run `triage score`, or name another with --variant")
    return path


def _opened(shards: Path, kind: Kind) -> ShardSet:
    """The set as it stands, ready to be added to: what a killed pack left is finished or removed first."""
    directory, files = shards / kind, ShardFiles(shards)
    directory.mkdir(exist_ok=True)
    manifest = load_manifest(files, kind)
    if manifest is None:
        if any(is_shard_name(path.name) for path in directory.iterdir()):
            raise BadShard(f"{directory}: expected {MANIFEST} beside the shards, found none; run `triage fetch`, or move the shards away")
        # Shards that a killed first pack leaves are then known to be nobody's.
        manifest = Manifest()
        write_bytes(directory / MANIFEST, manifest.to_bytes())
    recover(directory, manifest)
    if missing := missing_shards(directory, manifest):
        raise BadShard(
            f"{directory}: {', '.join(missing[:3])}{' and more' * (len(missing) > 3)}: expected what the manifest names, found nothing or "
            "another size; run `triage fetch` first, packing without would drop what is in there"
        )
    try:
        return load_set(files, kind)
    except BadShard:
        if kind == "frames":
            raise
        # Rebuilt from the report anyway; only the numbers go on.
        return ShardSet(kind, Manifest(next_index=manifest.next_index), Index.empty())
