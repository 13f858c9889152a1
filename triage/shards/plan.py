"""Which sequence goes into which shard. Pure: records in, records out.

Sequences go in the order organization, camera, time. A shard is closed before it would pass its target; a sequence is never split. An
organization that fills a shard of its own never shares one, so that a consumer of one organization fetches little else; organizations too
small for that share.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

__all__ = ["Item", "plan_shards"]


@dataclass(frozen=True, slots=True)
class Item:
    """What the plan must know of one sequence. time: ISO 8601, "" = unknown. size: bytes it takes in a tar."""

    organization: str
    camera: str
    time: str
    sequence_id: int
    size: int

    @property
    def order(self) -> tuple[str, str, str, int]:
        """The order in which sequences are packed."""
        return self.organization, self.camera, self.time, self.sequence_id


def plan_shards(items: Iterable[Item], target_bytes: int) -> list[list[Item]]:
    """Groups of items, one per shard, none empty. Equal items give an equal plan, whatever order they come in."""
    plan: list[list[Item]] = []
    shared: list[Item] = []
    for _, group in groupby(sorted(items, key=lambda item: item.order), key=lambda item: item.organization):
        members = list(group)
        if sum(item.size for item in members) >= target_bytes:
            plan += _closed(members, target_bytes)
        else:
            shared += members
    plan += _closed_by_organization(shared, target_bytes)
    return sorted(plan, key=lambda shard: shard[0].order)


def _closed(items: Iterable[Item], target_bytes: int) -> Iterator[list[Item]]:
    shard: list[Item] = []
    size = 0
    for item in items:
        if shard and size + item.size > target_bytes:
            yield shard
            shard, size = [], 0
        shard.append(item)
        size += item.size
    if shard:
        yield shard


def _closed_by_organization(items: Iterable[Item], target_bytes: int) -> Iterator[list[Item]]:
    """Small organizations side by side; one that no longer fits opens the next shard rather than being cut."""
    shard: list[Item] = []
    size = 0
    for _, group in groupby(items, key=lambda item: item.organization):
        members = list(group)
        needed = sum(item.size for item in members)
        if shard and size + needed > target_bytes:
            yield shard
            shard, size = [], 0
        shard += members
        size += needed
    if shard:
        yield shard
