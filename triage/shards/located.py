"""Where every sequence of a set lies: from the index, or, in a set of the earlier tool, from the tars. For unpack and the readers.

Names are judged here in both cases, so that nobody who holds an `Entry` has to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import groupby

from triage.shards.entries import Entry, Piece
from triage.shards.files import ShardFiles
from triage.shards.index import Index, Row
from triage.shards.manifest import INDEX, Manifest
from triage.shards.members import MAX_MEMBERS, Kind, collision_key, parse_name, quoted
from triage.shards.sets import Trouble, scan_shard

__all__ = ["entries_of", "entry_of", "load_index"]


def load_index(files: ShardFiles, kind: Kind, manifest: Manifest) -> Index | None:
    """The index of a set; None = the set has none (the earlier tool's). Raises BadShard when it is damaged."""
    if manifest.index is None:
        return None
    name = f"{kind}/{INDEX}"
    return Index.from_bytes(files.read(name, manifest.index), files.path(name))


def entries_of(
    files: ShardFiles, kind: Kind, manifest: Manifest, index: Index | None, shard: str, wanted: Collection[int]
) -> Iterator[Entry | Trouble]:
    """The sequences `wanted` of one shard, in the order they lie, and what is refused in it.

    A sequence with anything refused is not among them. Raises BadShard when the shard cannot be read at all.
    """
    if index is not None:
        for sequence_id, group in groupby(index.shard_rows(shard), key=lambda row: row.sequence_id):
            if sequence_id in wanted:
                yield entry_of(kind, list(group))
        return
    rows, refused = list[Row](), set[int]()
    for found in scan_shard(files, kind, shard, hashes=False):
        if isinstance(found, Trouble):
            if found.sequence_id is not None:
                refused.add(found.sequence_id)
            yield found
        elif found.sequence_id in wanted:
            rows.append(found)
    for sequence_id, group in groupby(rows, key=lambda row: row.sequence_id):
        if sequence_id not in refused:
            yield entry_of(kind, list(group))


def entry_of(kind: Kind, rows: list[Row]) -> Entry | Trouble:
    """The sequence that `rows` of one shard describe, or why it is refused. `rows` is not empty."""
    first = rows[0]
    pieces, seen, directory = [], set[str](), None
    if len(rows) > MAX_MEMBERS:
        return Trouble(first.shard, f"a sequence of {len(rows)} files, expected at most {MAX_MEMBERS}", first.sequence_id)
    for row in rows:
        name = parse_name(kind, row.member)
        if isinstance(name, str):
            return Trouble(row.shard, f"member {quoted(row.member)} {name}", first.sequence_id)
        directory = name.directory if directory is None else directory
        key = collision_key(name.file)
        if name.sequence_id != first.sequence_id or name.directory != directory or key in seen:
            return Trouble(row.shard, f"member {quoted(row.member)} is there twice, or is of another sequence", first.sequence_id)
        if row.offset < 0 or row.size < 0:
            return Trouble(row.shard, f"member {quoted(row.member)} lies at {row.offset} with {row.size} bytes", first.sequence_id)
        seen.add(key)
        pieces.append(Piece(name.file, row.offset, row.size, row.sha256))
    return Entry(first.sequence_id, first.shard, directory or "", tuple(pieces))
