"""`manifest.json` of one set: which shard holds each sequence, and the size and hash of every file that belongs to the set.

`next_index` and `items` are all that the earlier tool wrote; a manifest with only these is read as well (nothing is known of hashes then).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from triage.errors import BadShard
from triage.files import dump_json, parse_json, sha256_bytes

__all__ = [
    "INDEX",
    "MANIFEST",
    "MANIFEST_FORMAT",
    "Digest",
    "Manifest",
    "ShardInfo",
    "digest_of",
    "is_shard_name",
    "shard_name",
    "shard_number",
]

MANIFEST_FORMAT = 1
MANIFEST = "manifest.json"
INDEX = "index.parquet"
_FOLDED = "folded_sha256"

_SHARD_NAME = re.compile(r"shard_([0-9]{4,9})\.tar\Z")
_AGGREGATE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\Z")
_HEX = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class Digest:
    """What a file must be: lower-case hex SHA-256 and size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class ShardInfo:
    """One shard file. sequences: how many it holds. organizations: their directory names, ascending.

    folded: the digest is that of the tar with the bytes of every member replaced by their SHA-256 (`content.folded_digest`); False = of the
    file as it is.
    """

    digest: Digest
    sequences: int
    organizations: tuple[str, ...]
    folded: bool = True


@dataclass(frozen=True, slots=True)
class Manifest:
    """One set.

    next_index: the number of the next shard, 1-based. items: sequence id -> the shard that holds its newest form.
    shards: every shard file of the set, superseded ones included; empty in sets of the earlier tool. index: index.parquet; None = there is
    none. aggregates: files beside the sets that belong to the report, by name. variant: the report's directory name; None = not said.
    """

    next_index: int = 1
    items: Mapping[int, str] = field(default_factory=dict)
    shards: Mapping[str, ShardInfo] = field(default_factory=dict)
    index: Digest | None = None
    aggregates: Mapping[str, Digest] = field(default_factory=dict)
    variant: str | None = None

    @property
    def shard_names(self) -> list[str]:
        """Every shard that the manifest names, ascending."""
        return sorted({*self.items.values(), *self.shards}, key=shard_number)

    def without_index(self) -> Manifest:
        """The same, with nothing known but what the earlier tool knew."""
        return replace(self, shards={}, index=None)

    def to_bytes(self) -> bytes:
        """The content of manifest.json; equal manifests give equal bytes."""
        content: dict[str, Any] = {
            "format": MANIFEST_FORMAT,
            "next_index": self.next_index,
            "items": {str(sequence_id): shard for sequence_id, shard in self.items.items()},
            "shards": {
                name: {
                    _FOLDED if info.folded else "sha256": info.digest.sha256,
                    "size": info.digest.size,
                    "sequences": info.sequences,
                    "organizations": list(info.organizations),
                }
                for name, info in self.shards.items()
            },
            "index": None if self.index is None else _digest_json(self.index),
        }
        if self.variant is not None:
            content["variant"] = self.variant
            content["aggregates"] = {name: _digest_json(digest) for name, digest in self.aggregates.items()}
        return dump_json(content)

    @classmethod
    def from_bytes(cls, data: bytes, where: str) -> Manifest:
        """Read manifest.json, ours or the earlier tool's. Raises BadFile or BadShard naming what is wrong with it."""
        content = parse_json(data, where, expect_format=MANIFEST_FORMAT)
        try:
            items = {_sequence_id(key, where): _shard(name, where) for key, name in content["items"].items()}
            shards = {
                _shard(name, where): ShardInfo(
                    _digest({"sha256": info.get(_FOLDED) or info["sha256"], "size": info["size"]}, where),
                    int(info["sequences"]),
                    tuple(map(str, info["organizations"])),
                    _FOLDED in info,
                )
                for name, info in (content.get("shards") or {}).items()
            }
            index = None if content.get("index") is None else _digest(content["index"], where)
            aggregates = {_aggregate(name, where): _digest(value, where) for name, value in (content.get("aggregates") or {}).items()}
            variant = content.get("variant")
            if variant is not None and not _AGGREGATE_NAME.match(str(variant)):
                raise BadShard(f"{where}: the variant {variant!r} is not a directory name; fetch the shards again")
            highest = max((shard_number(name) for name in (*items.values(), *shards)), default=0)
            return cls(max(int(content.get("next_index", 1)), highest + 1), items, shards, index, aggregates, variant)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadShard(f"{where}: not a shard manifest ({type(error).__name__}: {error}); fetch the shards again") from error


def shard_name(number: int) -> str:
    """The file name of a shard, from its 1-based number."""
    return f"shard_{number:04d}.tar"


def is_shard_name(name: str) -> bool:
    """Is it the name of a shard file?"""
    return _SHARD_NAME.match(name) is not None


def shard_number(name: str) -> int:
    """The inverse of `shard_name`."""
    found = _SHARD_NAME.match(name)
    if found is None:
        raise ValueError(f"{name!r} is not a shard name")
    return int(found[1])


def digest_of(data: bytes) -> Digest:
    """The digest of some bytes."""
    return Digest(sha256_bytes(data), len(data))


def _digest_json(digest: Digest) -> dict[str, Any]:
    return {"sha256": digest.sha256, "size": digest.size}


def _digest(value: Any, where: str) -> Digest:
    sha256, size = str(value["sha256"]), int(value["size"])
    if not _HEX.match(sha256) or size < 0:
        raise BadShard(f"{where}: expected a sha256 and a size, found {sha256!r} and {size}; fetch the shards again")
    return Digest(sha256, size)


def _sequence_id(key: str, where: str) -> int:
    # The earlier tool wrote the bare id; a key is taken as well.
    digits = key.rpartition("_")[2]
    if not (digits.isascii() and digits.isdigit()):
        raise BadShard(f"{where}: expected a sequence id, found {key!r}; fetch the shards again")
    return int(digits)


def _shard(name: str, where: str) -> str:
    if not isinstance(name, str) or not is_shard_name(name):
        raise BadShard(f"{where}: expected a shard name as shard_0001.tar, found {name!r}; fetch the shards again")
    return name


def _aggregate(name: str, where: str) -> str:
    if not _AGGREGATE_NAME.match(name):
        raise BadShard(f"{where}: {name!r} is not the name of an aggregate; fetch the shards again")
    return name
