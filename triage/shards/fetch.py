"""`triage fetch`: the published shards through DVC, all of them or just the objects that a part needs, then unpacked.

DVC knows each file of data/02_shards as an object of its own; so a part is a list of file names, and the small manifests say which.
Credentials come from the environment that DVC's S3 client reads (AWS_ACCESS_KEY_ID, ...); nothing here sees them.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from triage.config import Layout
from triage.errors import BadInput, BadSetting
from triage.progress import Progress
from triage.sequences import slug
from triage.shards.files import ShardFiles
from triage.shards.manifest import INDEX, MANIFEST, Manifest
from triage.shards.sets import load_manifest
from triage.shards.unpack import UnpackSummary, unpack

__all__ = ["FetchSummary", "fetch", "shards_of"]

#: What a table of sequences needs beside the pictures.
_TABLE = ("results.parquet", "results.json", "model_config.json")


@dataclass(frozen=True, slots=True)
class FetchSummary:
    """What `fetch` did. pulled: the DVC targets, relative to the data directory. unpacked None = previews only, nothing to unpack."""

    pulled: tuple[str, ...]
    unpacked: UnpackSummary | None


def fetch(layout: Layout, *, organizations: Collection[str] = (), previews: bool = False) -> FetchSummary:
    """Pull the shards that `data/02_shards.dvc` names and unpack them.

    organizations: names or directory names; only the shards that hold them are pulled, and only they are unpacked. previews: only the small
    pictures and the table; nothing is unpacked. Raises BadInput when nothing was published here, or with DVC's own last line when it fails.
    """
    if organizations and previews:
        raise BadSetting("--organization and --previews: expected one of them, found both; the previews are small, fetch them all")
    pointer = layout.root / f"{layout.shards.name}.dvc"
    if not pointer.is_file():
        raise BadInput(f"{pointer}: expected what a producer commits, found none; `git pull`, or see docs/sharing.md to publish first")
    name = layout.shards.name
    if previews:
        return FetchSummary(_pull(layout.root, [f"{name}/previews", *(f"{name}/{table}" for table in _TABLE)]), None)
    if not organizations:
        return FetchSummary(_pull(layout.root, [pointer.name]), unpack(layout))
    small = [f"{name}/{kind}/{file}" for kind in ("frames", "report") for file in (MANIFEST, INDEX)]
    first = _pull(layout.root, small)
    files = ShardFiles(layout.shards)
    frames, report = load_manifest(files, "frames") or Manifest(), load_manifest(files, "report") or Manifest()
    wanted = {slug(organization) for organization in organizations}
    targets = [f"{name}/frames/{shard}" for shard in shards_of(frames, wanted)]
    targets += [f"{name}/report/{shard}" for shard in shards_of(report, wanted, required=False)]
    targets += [f"{name}/{aggregate}" for aggregate in sorted(report.aggregates)]
    return FetchSummary((*first, *_pull(layout.root, targets)), unpack(layout, organizations=organizations))


def shards_of(manifest: Manifest, organizations: Collection[str], *, required: bool = True) -> list[str]:
    """The shards that hold the newest form of any sequence of these organizations (directory names).

    Raises BadInput when there are none and `required`.
    """
    living = set(manifest.items.values())
    found = [name for name, info in manifest.shards.items() if name in living and set(organizations) & set(info.organizations)]
    if required and not found:
        known = sorted({name for info in manifest.shards.values() for name in info.organizations})
        raise BadInput(
            f"--organization {', '.join(sorted(organizations))}: expected one of {', '.join(known)}"
            if known
            else "--organization: this set does not say which organizations its shards hold; run `triage fetch` without it"
        )
    return sorted(found)


def _pull(root: Path, targets: Iterable[str]) -> tuple[str, ...]:
    wanted = tuple(targets)
    with Progress("dvc pull", total=None, unit="target") as progress:
        done = subprocess.run([sys.executable, "-m", "dvc", "pull", *wanted], cwd=root, capture_output=True, text=True, check=False)
        progress.advance(len(wanted))
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        said = next((line for line in lines if line.startswith("ERROR")), lines[-1] if lines else f"exit code {done.returncode}")
        raise BadInput(
            f"dvc pull: {said.removeprefix('ERROR: ')}; check the remote (`dvc remote list`) and your credentials, then fetch again"
        )
    return wanted
