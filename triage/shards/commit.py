"""Old state or new state, never a mixture, for a set whose manifest is its last word.

New shards get new numbers, so they disturb nobody until a manifest names them. Files of fixed name (index.parquet, results.json, ...)
cannot be swapped together with a manifest in one step; so they are first written beside their place under a name that carries their
hash, then the manifest is written (from here on the new state holds: readers look for the staged name first), then they are renamed.
After a kill, the next writer finishes the renames or removes what no manifest names. See docs/specs/2026-11-21-sharding-design.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from triage.files import TEMPORARY_PREFIX, write_bytes
from triage.shards.files import STAGED_PREFIX, staged_name
from triage.shards.manifest import INDEX, MANIFEST, Manifest, digest_of, is_shard_name, shard_number
from triage.shards.sets import ShardSet

__all__ = ["commit", "recover"]


def commit(directory: Path, current: ShardSet, aggregates: Mapping[str, bytes] | None = None) -> ShardSet:
    """Make `current` the state of the set in `directory` and return it. Its shards must be in place.

    `aggregates` lie in the parent directory; their digests must be those in the manifest.
    """
    index = current.index.to_bytes()
    manifest = replace(current.manifest, index=digest_of(index))
    for path, data in {directory / INDEX: index, **{directory.parent / name: data for name, data in (aggregates or {}).items()}}.items():
        staged = Path(staged_name(str(path), digest_of(data)))
        if not staged.exists():
            write_bytes(staged, data)
    write_bytes(directory / MANIFEST, manifest.to_bytes())
    recover(directory, manifest)
    return replace(current, manifest=manifest)


def recover(directory: Path, manifest: Manifest) -> None:
    """Finish the renames that `manifest` asks for, then remove what it does not name.

    That is: staged and temporary files, orphaned shards, old aggregates.

    Shards below `next_index` that nobody names are not ours to judge unless the manifest lists its shards (the earlier tool's does not).
    """
    if not directory.exists():
        return
    names = {INDEX: manifest.index} if manifest.index is not None else {}
    for place, digests in ((directory, names), (directory.parent, dict(manifest.aggregates))):
        for name, digest in digests.items():
            staged = place / staged_name(name, digest)
            if staged.exists():
                staged.replace(place / name)
    for path in directory.iterdir():
        if path.name.startswith((STAGED_PREFIX, TEMPORARY_PREFIX)) or _is_orphan(path.name, manifest):
            path.unlink()
    if manifest.variant is not None:
        for path in directory.parent.iterdir():
            stale = path.suffix in (".json", ".parquet") and path.name not in manifest.aggregates
            if path.is_file() and (stale or path.name.startswith((STAGED_PREFIX, TEMPORARY_PREFIX))):
                path.unlink()


def _is_orphan(name: str, manifest: Manifest) -> bool:
    if not is_shard_name(name) or name in manifest.shards or name in manifest.items.values():
        return False
    return bool(manifest.shards) or shard_number(name) >= manifest.next_index
