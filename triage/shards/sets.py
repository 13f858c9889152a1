"""One of the three sets on disk (frames, report, previews): load it, even from the earlier tool, and add shards to it.

The earlier tool wrote neither index nor hashes; what they would say is then read from the tars themselves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from triage.errors import BadShard
from triage.shards.content import folded_digest, write_shard
from triage.shards.files import ShardFiles
from triage.shards.index import Index, Row
from triage.shards.manifest import INDEX, MANIFEST, Manifest, ShardInfo, shard_name
from triage.shards.members import MAX_MEMBERS, Kind, collision_key, parse_name, quoted
from triage.shards.runs import Content
from triage.shards.tar import Refusal, scan

__all__ = ["ShardSet", "Trouble", "append_shards", "load_manifest", "load_set", "missing_shards", "scan_shard"]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something in a shard that is refused. sequence_id: whose it is; None = nobody's."""

    shard: str
    what: str
    sequence_id: int | None = None


@dataclass(frozen=True, slots=True)
class ShardSet:
    """A set as it stands. kind: which of the three. manifest.shards and index agree."""

    kind: Kind
    manifest: Manifest
    index: Index


def load_manifest(files: ShardFiles, kind: Kind) -> Manifest | None:
    """The manifest of a set; None = there is no such set. Raises BadFile or BadShard when it is damaged."""
    name = f"{kind}/{MANIFEST}"
    if files.size(name) is None:
        return None
    return Manifest.from_bytes(files.read(name), files.path(name))


def load_set(files: ShardFiles, kind: Kind) -> ShardSet:
    """A set with its index; empty when there is none. A set of the earlier tool gets index and hashes from its tars.

    Raises BadShard when its index is not what the manifest says, or when a shard without index is hostile or damaged.
    """
    manifest = load_manifest(files, kind) or Manifest()
    if manifest.index is not None:
        name = f"{kind}/{INDEX}"
        return ShardSet(kind, manifest, Index.from_bytes(files.read(name, manifest.index), files.path(name)))
    rows: list[Row] = []
    shards = {}
    for name in manifest.shard_names:
        found: list[Row] = []
        for member in scan_shard(files, kind, name, hashes=True):
            if isinstance(member, Trouble):
                raise BadShard(f"{files.path(f'{kind}/{name}')}: {member.what}; `triage verify` lists all, nothing was written")
            found.append(member)
        rows += found
        organizations = () if kind == "report" else tuple(sorted({row.member.split("/", 1)[0] for row in found}))
        shards[name] = ShardInfo(folded_digest(files, f"{kind}/{name}"), len({row.sequence_id for row in found}), organizations)
    return ShardSet(kind, replace(manifest, shards=shards), Index.from_rows(rows))


def scan_shard(files: ShardFiles, kind: Kind, shard: str, *, hashes: bool) -> Iterator[Row | Trouble]:
    """The members of a tar as the index would list them, without trusting anything: each a Row, or a Trouble that names what is refused.

    Refused are links and devices, names that are not of the set's form, a member twice (also in another case), a sequence that does not
    lie in one place, and one with more than MAX_MEMBERS files. Without `hashes` the rows' sha256 is "".
    """
    current, names, finished = "", set[str](), set[int]()
    sequence_id = -1
    with files.open(f"{kind}/{shard}") as file:
        for member in scan(file):
            if isinstance(member, Refusal):
                parsed = parse_name(kind, member.name) if member.name else ""
                owner = None if isinstance(parsed, str) else parsed.sequence_id
                yield Trouble(shard, f"member {quoted(member.name)} {member.reason}" if member.name else member.reason, owner)
                continue
            name = parse_name(kind, member.name)
            if isinstance(name, str):
                yield Trouble(shard, f"member {quoted(member.name)} {name}")
                continue
            group = name.directory or str(name.sequence_id)
            if group != current:
                if sequence_id >= 0:
                    finished.add(sequence_id)
                current, names, sequence_id = group, set(), name.sequence_id
            if name.sequence_id in finished:
                yield Trouble(shard, f"member {quoted(member.name)} does not lie with the others of its sequence", name.sequence_id)
                continue
            key = collision_key(name.file)
            if key in names:
                yield Trouble(shard, f"member {quoted(member.name)} is there twice, or differs only by case", name.sequence_id)
                continue
            names.add(key)
            if len(names) > MAX_MEMBERS:
                if len(names) == MAX_MEMBERS + 1:
                    what = f"member {quoted(member.name)} is file {len(names)} of its sequence, expected at most {MAX_MEMBERS}"
                    yield Trouble(shard, what, name.sequence_id)
                continue
            sha256 = ""
            if hashes:
                sha256 = hashlib.sha256(files.read_range(f"{kind}/{shard}", member.offset, member.size)).hexdigest()
            path = f"{name.directory}/{name.file}" if name.directory else name.file
            yield Row(name.sequence_id, path, shard, member.offset, member.size, sha256)


def append_shards(directory: Path, current: ShardSet, shards: Iterable[Callable[[str], Iterable[Content]]]) -> ShardSet:
    """Write shards with the next numbers and return the set that names them. Not committed yet: on disk nothing names them.

    shards: each gives its contents, see `write_shard`; one without content is left out.
    """
    manifest, tables = current.manifest, []
    items, infos = dict(manifest.items), dict(manifest.shards)
    number = manifest.next_index
    for make in shards:
        name = shard_name(number)
        organizations: set[str] = set()
        digest, rows = write_shard(directory / name, partial(_noting, make, organizations))
        if digest is None:
            continue
        items.update((row.sequence_id, name) for row in rows)
        infos[name] = ShardInfo(digest, len({row.sequence_id for row in rows}), tuple(sorted(organizations)))
        tables.append(Index.from_rows(rows))
        number += 1
    return ShardSet(current.kind, replace(manifest, next_index=number, items=items, shards=infos), current.index.joined(tables))


def _noting(make: Callable[[str], Iterable[Content]], organizations: set[str], file: str) -> Iterator[Content]:
    for content in make(file):
        organizations.add(content.organization)
        yield content


def missing_shards(directory: Path, manifest: Manifest) -> list[str]:
    """The shards that the manifest names and the directory lacks, or has in another size."""
    missing = []
    for name in manifest.shard_names:
        info = manifest.shards.get(name)
        path = directory / name
        if not path.exists() or (info is not None and path.stat().st_size != info.digest.size):
            missing.append(name)
    return missing
