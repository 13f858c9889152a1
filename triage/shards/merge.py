"""`triage shards merge`: two sets that two producers packed from one base become one. Neither input is changed.

The shards of the base keep their names; those that only one has follow, ordered by their hash, so that merging A with B and B with A give
equal bytes. Where both packed a sequence, the form with more frames wins (then the larger one, then the shard with the larger hash).
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from triage.errors import BadInput, BadShard
from triage.files import disk_errors, lock
from triage.shards.commit import commit
from triage.shards.files import ShardFiles
from triage.shards.index import Index, Row
from triage.shards.manifest import Digest, Manifest, ShardInfo, shard_name, shard_number
from triage.shards.members import Kind
from triage.shards.pack import lock_path
from triage.shards.sets import ShardSet, load_manifest, load_set, missing_shards

__all__ = ["MergeSummary", "merge"]


@dataclass(frozen=True, slots=True)
class MergeSummary:
    """sequences: in the result. shared: shards that both had. from_first, from_second: shards that only one had.

    conflicts: sequences that both packed in different forms. variant: of the report, which is the first set's; None = it has none.
    """

    sequences: int
    shared: int
    from_first: int
    from_second: int
    conflicts: int
    variant: str | None


def merge(first: Path, second: Path, out: Path) -> MergeSummary:
    """Write the merged set to `out`, which must not exist. The frames and previews of both, the report of `first` (else of `second`).

    Raises BadInput when `out` exists or an input is no shard set, BadShard when an input lacks shards that its manifest names.
    """
    if out.exists():
        raise BadInput(f"{out}: expected a new directory, found one that exists; name another, or remove it")
    with lock(lock_path(out)):
        pair = (_loaded(first, "frames", required=True), _loaded(second, "frames", required=True))
        part = out.with_name(f".part-{out.name}")
        shutil.rmtree(part, ignore_errors=True)
        with disk_errors(out):
            shared, own, conflicts, frames = _merged(pair, (first, second), part)
            if _has(first, "previews") or _has(second, "previews"):
                _merged((_loaded(first, "previews"), _loaded(second, "previews")), (first, second), part)
            variant = _report(first if _has(first, "report") else second, part)
            part.replace(out)
    return MergeSummary(len(frames.manifest.items), shared, own[0], own[1], conflicts, variant)


def _has(root: Path, kind: Kind) -> bool:
    return load_manifest(ShardFiles(root), kind) is not None


def _loaded(root: Path, kind: Kind, *, required: bool = False) -> ShardSet:
    """A set with nothing missing; empty when there is none."""
    files = ShardFiles(root)
    manifest = load_manifest(files, kind)
    if manifest is None:
        if required:
            raise BadInput(f"{root / kind}: expected a shard set, found none; name a 02_shards directory")
        return ShardSet(kind, Manifest(), Index.empty())
    if missing := missing_shards(root / kind, manifest):
        raise BadShard(
            f"{root / kind}: {', '.join(missing[:3])}: expected what the manifest names, found nothing or another size; fetch it"
        )
    return load_set(files, kind)


def _merged(pair: tuple[ShardSet, ShardSet], roots: tuple[Path, Path], out: Path) -> tuple[int, tuple[int, int], int, ShardSet]:
    """(shards that both have, shards that only each has, sequences in conflict, the merged set); its files are in `out`."""
    kind = pair[0].kind
    infos = tuple(current.manifest.shards for current in pair)
    shared = sorted((name for name in infos[0] if infos[0][name] == infos[1].get(name)), key=shard_number)
    own = sorted(
        ((info.digest.sha256, side, name) for side, shards in enumerate(infos) for name, info in shards.items() if name not in shared),
        key=lambda each: each[0],
    )
    renamed: list[dict[str, str]] = [{name: name for name in shared}, {name: name for name in shared}]
    number = max((shard_number(name) for name in shared), default=0) + 1
    placed: dict[str, str] = {}
    for sha256, side, name in own:
        if sha256 not in placed:  # both may have packed the very same shard under two numbers
            placed[sha256] = shard_name(number)
            number += 1
        renamed[side][name] = placed[sha256]
    shards: dict[str, ShardInfo] = {}
    indexes: dict[str, list[Row]] = {}
    for side, current in enumerate(pair):
        for name, new in renamed[side].items():
            rows = [replace(row, shard=new) for row in current.index.shard_rows(name)]
            if new not in shards:
                shards[new] = current.manifest.shards[name]
                _copy(roots[side] / kind / name, out / kind / new)
            # Equal pictures may have been drawn from unequal sources.
            indexes[new] = max(indexes.get(new, rows), rows, key=lambda found: [row.source for row in found])
    items, conflicts = _chosen(pair, renamed, shards)
    index = Index.empty().joined(Index.from_rows(indexes[name]) for name in sorted(indexes, key=shard_number))
    merged = commit(out / kind, ShardSet(kind, Manifest(number, items, shards), index))
    counts = [sum(1 for name in renamed[side].values() if name not in shared) for side in (0, 1)]
    return len(shared), (counts[0], counts[1]), conflicts, merged


def _chosen(pair: tuple[ShardSet, ShardSet], renamed: list[dict[str, str]], shards: Mapping[str, ShardInfo]) -> tuple[dict[int, str], int]:
    """The shard that holds each sequence of either set, and how many sequences both hold in different forms."""
    items: dict[int, str] = {}
    conflicts = 0
    for sequence_id in sorted({*pair[0].manifest.items, *pair[1].manifest.items}):
        found = []
        for side, current in enumerate(pair):
            name = current.manifest.items.get(sequence_id)
            if name is not None:
                rows = current.index.rows(name, sequence_id)
                digest: Digest = shards[renamed[side][name]].digest
                found.append((len(rows), sum(row.size for row in rows), digest.sha256, renamed[side][name]))
        conflicts += len({each[3] for each in found}) > 1
        items[sequence_id] = max(found)[3]
    return items, conflicts


def _report(root: Path, out: Path) -> str | None:
    """Copy the report of one set as it is: reports are made from all sequences at once and do not merge."""
    files = ShardFiles(root)
    if load_manifest(files, "report") is None:
        return None
    current = _loaded(root, "report")
    for name in current.manifest.shard_names:
        _copy(root / "report" / name, out / "report" / name)
    aggregates = {name: files.read(name, digest) for name, digest in current.manifest.aggregates.items()}
    commit(out / "report", current, aggregates)
    return current.manifest.variant


def _copy(source: Path, target: Path) -> None:
    """The same bytes; on one file system the same blocks, as shards are never written in place."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError):
        os.link(source.resolve(), target)
        return
    shutil.copyfile(source, target)
