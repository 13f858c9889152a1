"""Is there a shard set that may be read where it lies? The check before `triage.shards.reader` is given one."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from triage.errors import BadShard
from triage.server.guarded import leads_out
from triage.shards.files import ShardFiles
from triage.shards.sets import load_manifest

__all__ = ["open_shards"]

_DVC_CACHE = (".dvc", "cache")


def open_shards(shards: Path, kind: Literal["frames", "report", "previews"]) -> bool:
    """Has the set an index, so that a sequence is one read? False = its tars have to be scanned first (the earlier tool's sets).

    Raises BadShard when there is no set, it is damaged, or a file of it is a link that leads out of the data directory. DVC may keep the
    tars as links into its own cache: those are followed.
    """
    manifest = load_manifest(ShardFiles(shards), kind)
    if manifest is None:
        raise BadShard(f"{shards / kind}: no shards here; `triage fetch` or `triage pack` brings them")
    for path in sorted((shards / kind).iterdir()):
        if leads_out(path, shards) and not _in_dvc_cache(path.resolve()):
            raise BadShard(f"{kind}/{path.name}: a link that leads out of the data directory; replace it by the file itself")
    return manifest.index is not None


def _in_dvc_cache(target: Path) -> bool:
    parts = target.parts
    return any(parts[at : at + 2] == _DVC_CACHE for at in range(len(parts) - 1))
