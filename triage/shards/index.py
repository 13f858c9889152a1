"""`index.parquet` of one set: one row per member, so that any of them can be read straight out of its tar.

Columns: key, member, shard, offset (of the content, not of its header), size, sha256; in previews also source (what it was made from).
Kept as arrow columns, since a set has hundreds of thousands of rows; only the rows that are asked for become Python objects.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from triage.errors import BadShard
from triage.sequences import key_of, sequence_id_of
from triage.shards.manifest import shard_number

__all__ = ["Index", "Row"]

_SCHEMA = pa.schema(
    [
        pa.field("key", pa.string()),
        pa.field("member", pa.string()),
        pa.field("shard", pa.string()),
        pa.field("offset", pa.int64()),
        pa.field("size", pa.int64()),
        pa.field("sha256", pa.string()),
    ]
)
_SOURCE = pa.field("source", pa.string())


@dataclass(frozen=True, slots=True)
class Row:
    """One member. offset: 0-based, of its content. sha256: lower-case hex; "" = not known. source: "" = not said."""

    sequence_id: int
    member: str
    shard: str
    offset: int
    size: int
    sha256: str
    source: str = ""


class Index:
    """Rows in the order shard, offset. The rows of one sequence in one shard are neighbours."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table.combine_chunks()
        keys = self._table["key"].combine_chunks()
        shards = self._table["shard"].combine_chunks()
        self._start: dict[tuple[str, str], tuple[int, int]] = {}
        self._shards: dict[str, tuple[int, int]] = {}
        if len(self._table):
            key_codes, shard_codes = keys.dictionary_encode(), shards.dictionary_encode()
            key_index, shard_index = np.asarray(key_codes.indices), np.asarray(shard_codes.indices)
            key_names, shard_names = key_codes.dictionary.to_pylist(), shard_codes.dictionary.to_pylist()
            for start, stop in _runs(shard_index):
                self._shards.setdefault(shard_names[shard_index[start]], (start, stop))
            for start, stop in _runs(key_index.astype(np.int64) * len(shard_names) + shard_index):
                self._start.setdefault((shard_names[shard_index[start]], key_names[key_index[start]]), (start, stop))

    def __len__(self) -> int:
        return len(self._table)

    @property
    def table(self) -> pa.Table:
        """The columns."""
        return self._table

    @property
    def shard_names(self) -> list[str]:
        """Every shard it has rows of, ascending."""
        return sorted(self._shards, key=shard_number)

    def rows(self, shard: str, sequence_id: int) -> list[Row]:
        """The members of a sequence in a shard, in the order they lie; [] = it has none there."""
        span = self._start.get((shard, key_of(sequence_id)))
        return [] if span is None else list(self._slice(*span))

    def shard_rows(self, shard: str) -> Iterator[Row]:
        """Every member of one shard, in the order they lie."""
        span = self._shards.get(shard)
        return iter(()) if span is None else self._slice(*span)

    def digests(self, suffix: str, items: Mapping[int, str], *, prefix: str = "") -> dict[int, str]:
        """For each of `items` (sequence id -> shard) the sha256 of its member that ends (and begins) so. One pass over the columns."""
        return self._column("sha256", suffix, items, prefix)

    def members(self, suffix: str, items: Mapping[int, str]) -> dict[int, str]:
        """For each of `items` (sequence id -> shard) the name of its member that ends with `suffix`."""
        return self._column("member", suffix, items)

    def sources(self, items: Mapping[int, str]) -> dict[int, str]:
        """For each of `items` what its preview was made from; only those that say so."""
        return self._column("source", "", items) if "source" in self._table.column_names else {}

    def _column(self, column: str, suffix: str, items: Mapping[int, str], prefix: str = "") -> dict[int, str]:
        members = self._table["member"]
        mask = pc.and_(pc.ends_with(members, suffix), pc.starts_with(members, prefix))
        found = self._table.select(["key", "shard", column]).filter(mask)
        values: dict[int, str] = {}
        for key, shard, value in zip(*(found[name].to_pylist() for name in found.column_names), strict=True):
            sequence_id = sequence_id_of(key)
            if items.get(sequence_id) == shard:
                values[sequence_id] = value
        return values

    def _slice(self, start: int, stop: int) -> Iterator[Row]:
        part = self._table.slice(start, stop - start)
        columns = [part[name].to_pylist() for name in part.column_names]
        for key, *rest in zip(*columns, strict=True):
            yield Row(sequence_id_of(key), *rest)

    def keeping(self, shards: Iterable[str]) -> Index:
        """The rows of these shards only."""
        wanted = pa.array(sorted(shards), pa.string())
        return Index(self._table.filter(pc.is_in(self._table["shard"], value_set=wanted)))

    def joined(self, others: Iterable[Index]) -> Index:
        """With the rows of `others`, of later shards, behind."""
        tables = [self._table, *(other.table for other in others)]
        if any(_SOURCE.name in table.column_names for table in tables):
            tables = [
                table if _SOURCE.name in table.column_names else table.append_column(_SOURCE, pa.array([""] * len(table), pa.string()))
                for table in tables
            ]
        return Index(pa.concat_tables(tables))

    def to_bytes(self) -> bytes:
        """The content of index.parquet: equal rows, equal bytes (with one release of pyarrow)."""
        buffer = io.BytesIO()
        pq.write_table(self._table, buffer, compression="zstd", row_group_size=1 << 17)
        return buffer.getvalue()

    @classmethod
    def empty(cls) -> Index:
        """No rows."""
        return cls(_SCHEMA.empty_table())

    @classmethod
    def from_rows(cls, rows: Iterable[Row]) -> Index:
        """From rows in the order shard, offset."""
        found = list(rows)
        schema = _SCHEMA.append(_SOURCE) if any(row.source for row in found) else _SCHEMA
        columns = {name: [getattr(row, name) for row in found] for name in schema.names[1:]}
        return cls(pa.table({"key": [key_of(row.sequence_id) for row in found], **columns}, schema=schema))

    @classmethod
    def from_bytes(cls, data: bytes, where: str) -> Index:
        """Read index.parquet. Raises BadShard when it is damaged or has other columns."""
        try:
            table = pq.read_table(io.BytesIO(data))
            schema = _SCHEMA.append(_SOURCE) if "source" in table.column_names else _SCHEMA
            table = table.select(schema.names).cast(schema)
        except (pa.ArrowException, KeyError, ValueError, OSError) as error:
            raise BadShard(f"{where}: not an index of shards ({str(error).splitlines()[0]}); pack again, or fetch it again") from error
        if any(table[name].null_count for name in schema.names):
            raise BadShard(f"{where}: not an index of shards (a value is missing); pack again, or fetch it again")
        return cls(table)


def _runs(codes: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Iterator[tuple[int, int]]:
    """(start, stop) of every run of equal values."""
    edges = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist(), len(codes)]
    return pairwise(edges)
