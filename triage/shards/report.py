"""The report set: details/<key>.json and sequences/<key>.json in shards, the aggregates as they are. Rebuilt for each run.

A shard whose members are the same keeps its file, so that an equal report changes nothing and a changed one changes little. A shard whose
members differ gets a new number; the old one goes when the new manifest is in place.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from triage.errors import BadFile
from triage.files import parse_json, sha256_bytes
from triage.problems import Problem
from triage.progress import Progress
from triage.sequences import key_of, sequence_id_of, slug
from triage.shards.commit import commit
from triage.shards.content import in_order
from triage.shards.manifest import INDEX, Manifest, digest_of
from triage.shards.members import MEMBER_ORDER
from triage.shards.plan import Item, plan_shards
from triage.shards.runs import Content, Part, pack_parts
from triage.shards.sets import ShardSet, append_shards
from triage.shards.tar import BLOCK, padded

__all__ = ["REPORT_TARGET_BYTES", "ReportOutcome", "pack_report"]

#: Report shards are small, so that a run that changes a little uploads a little.
REPORT_TARGET_BYTES = 64_000_000


@dataclass(slots=True)
class ReportOutcome:
    """sequences: with details or a sequence page. written, kept: shard files. failed: not packed, and why."""

    sequences: int = 0
    written: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    failed: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Entry:
    """The files of one sequence as they were when listed: (name, size, sha256) each."""

    item: Item
    files: tuple[tuple[str, int, str], ...]


def pack_report(directory: Path, current: ShardSet, report: Path, target_bytes: int) -> tuple[ShardSet, ReportOutcome]:
    """Pack the report in `report` (its name is the variant) into `directory`, its aggregates beside, and commit."""
    outcome = ReportOutcome()
    entries: dict[int, _Entry] = {}
    for (sequence_id, _), entry in in_order(lambda found: _entry(report, *found), _listed(report)):
        if isinstance(entry, BadFile):
            outcome.failed.append(Problem(str(entry).split(":", 1)[0], str(entry), (key_of(sequence_id),)))
        else:
            entries[sequence_id] = entry
    outcome.sequences = len(entries)
    aggregates = _aggregates(report)
    existing = {
        _fingerprint((row.member, row.size, row.sha256) for row in current.index.shard_rows(name)): name for name in current.manifest.shards
    }
    kept: list[str] = []
    to_write: list[list[_Entry]] = []
    for shard in plan_shards((entry.item for entry in entries.values()), min(target_bytes, REPORT_TARGET_BYTES)):
        members = [entries[item.sequence_id] for item in shard]
        name = existing.get(_fingerprint(file for entry in members for file in entry.files))
        if name is not None and (directory / name).exists():
            kept.append(name)
        else:
            to_write.append(members)
    base = replace(
        current,
        manifest=replace(
            current.manifest,
            items={sequence_id: name for sequence_id, name in current.manifest.items.items() if name in kept},
            shards={name: current.manifest.shards[name] for name in kept},
            aggregates={name: digest_of(data) for name, data in aggregates.items()},
            variant=report.name,
        ),
        index=current.index.keeping(kept),
    )
    with Progress("pack report", total=sum(map(len, to_write)), unit="sequence") as progress:
        packed = append_shards(directory, base, (partial(_contents, report, members, progress) for members in to_write))
    outcome.kept, outcome.written = sorted(kept), sorted(set(packed.manifest.shards) - set(kept))
    if replace(packed.manifest, index=current.manifest.index) == current.manifest and _in_place(directory, current.manifest):
        return current, outcome
    return commit(directory, packed, aggregates), outcome


def _in_place(directory: Path, manifest: Manifest) -> bool:
    """Are the files of fixed name there, in the size that the manifest gives?"""
    if manifest.index is None:
        return False
    expected = {directory / INDEX: manifest.index, **{directory.parent / name: digest for name, digest in manifest.aggregates.items()}}
    return all(path.is_file() and path.stat().st_size == digest.size for path, digest in expected.items())


def _listed(report: Path) -> list[tuple[int, tuple[str, ...]]]:
    """Every sequence with files in details/ or sequences/, and their names."""
    found: dict[int, list[str]] = {}
    for folder in MEMBER_ORDER:
        try:
            with os.scandir(report / folder) as entries:
                names = [entry.name for entry in entries if entry.name.endswith(".json") and not entry.name.startswith(".")]
        except FileNotFoundError:
            continue
        for name in names:
            found.setdefault(sequence_id_of(name.removesuffix(".json")), []).append(f"{folder}/{name}")
    return [(sequence_id, tuple(names)) for sequence_id, names in sorted(found.items())]


def _entry(report: Path, sequence_id: int, names: tuple[str, ...]) -> _Entry:
    files, organization = [], "unknown"
    for name in names:
        data = _read(report / name)
        files.append((name, len(data), sha256_bytes(data)))
        if name.startswith("sequences/"):
            content = parse_json(data, str(report / name))
            if not isinstance(content, dict):
                raise BadFile(f"{report / name}: expected a JSON object; run `triage report` again")
            organization = slug(content.get("organization_name"))
    size = sum(BLOCK + padded(file_size) for _, file_size, _ in files)
    return _Entry(Item(organization, "", "", sequence_id, size), tuple(files))


def _contents(report: Path, entries: Iterable[_Entry], progress: Progress, _file: str) -> Iterator[Content]:
    def made(entry: _Entry) -> Content:
        parts = [Part(name, _read(report / name), size, sha256) for name, size, sha256 in entry.files]
        return pack_parts(entry.item.sequence_id, entry.item.organization, parts)

    for _, content in in_order(made, entries):
        if isinstance(content, BadFile):
            raise content  # it was whole a moment ago: someone is writing the report
        progress.advance()
        yield content


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadFile(f"{path}: cannot be read ({error.strerror}); run `triage report` again") from error


def _aggregates(report: Path) -> dict[str, bytes]:
    """The report's own tables: every JSON and parquet file at its top."""
    names = sorted(path.name for path in report.iterdir() if path.suffix in (".json", ".parquet") and not path.name.startswith("."))
    return {name: _read(report / name) for name in names}


def _fingerprint(members: Iterable[tuple[str, int, str]]) -> str:
    digest = hashlib.sha256()
    for name, size, sha256 in members:
        digest.update(f"{name}\0{size}\0{sha256}\n".encode())
    return digest.hexdigest()
