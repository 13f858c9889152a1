"""The previews set: one small picture per sequence, made again only when its frames, its details or the way of drawing have changed.

Append-only as the frames are; a shard of which nothing is in use any more goes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path

from triage.errors import BadFile, BadFrame
from triage.files import sha256_bytes
from triage.progress import Progress
from triage.sequences import key_of
from triage.shards.commit import commit
from triage.shards.content import in_order
from triage.shards.members import META, PREVIEW
from triage.shards.plan import Item, plan_shards
from triage.shards.reader import ShardReader, ShardReport
from triage.shards.runs import Content, Part, pack_parts
from triage.shards.sets import ShardSet, append_shards
from triage.shards.strip import DEFAULT_CONTEXT, MAX_BYTES, STRIP_VERSION, shown_of, strip
from triage.shards.tar import BLOCK

__all__ = ["PREVIEW_TARGET_BYTES", "PreviewsOutcome", "pack_previews"]

#: Small shards, so that new previews upload little.
PREVIEW_TARGET_BYTES = 64_000_000


@dataclass(slots=True)
class PreviewsOutcome:
    """Each sequence is counted once. without: their frames do not decode, so there is nothing to show (keys)."""

    made: int = 0
    kept: int = 0
    without: list[str] = field(default_factory=list)
    shards: list[str] = field(default_factory=list)


def pack_previews(root: Path, current: ShardSet, frames: ShardSet, report: ShardSet, target_bytes: int) -> tuple[ShardSet, PreviewsOutcome]:
    """Draw what is new in the sets `frames` and `report` of the shard directory `root`, and commit. Frames are read from the shards."""
    outcome = PreviewsOutcome()
    packed = ShardReport(root)
    context = _context_of(packed)
    sources = _sources(frames, report, context)
    known = current.index.sources(current.manifest.items)
    items = {each: shard for each, shard in current.manifest.items.items() if known.get(each) == sources.get(each)}
    outcome.kept = len(items)
    places = frames.index.members(f"/{META}", frames.manifest.items)
    wanted = []
    for sequence_id in sorted(set(sources) - set(items)):
        organization, camera, _ = places[sequence_id].split("/", 2)
        wanted.append(Item(organization, camera, "", sequence_id, BLOCK + MAX_BYTES))
    living = set(items.values())
    if not wanted and living == set(current.manifest.shards) and len(items) == len(current.manifest.items) and current.manifest.index:
        return current, outcome
    reader = ShardReader(root)

    def drawn(item: Item) -> Content:
        key = key_of(item.sequence_id)
        jpegs = reader.frames(key)
        whole = [data for data in jpegs if isinstance(data, bytes)]
        if not whole or len(whole) < len(jpegs):
            raise BadFrame(f"{key}: a frame is missing")
        picture = strip(whole, shown_of(packed.details(key), len(whole)), context)
        name = f"{places[item.sequence_id].removesuffix(META)}{PREVIEW}"
        return pack_parts(item.sequence_id, item.organization, [Part(name, picture)], sources[item.sequence_id])

    plan = plan_shards(wanted, min(target_bytes, PREVIEW_TARGET_BYTES))
    base = replace(
        current,
        manifest=replace(current.manifest, items=items, shards={name: current.manifest.shards[name] for name in living}),
        index=current.index.keeping(living),
    )
    with Progress("pack previews", total=len(wanted), unit="sequence") as progress:
        results = in_order(drawn, (item for shard in plan for item in shard))

        def taken(count: int, _: str) -> Iterator[Content]:
            for item, content in islice(results, count):
                progress.advance()
                if isinstance(content, BadFile):
                    outcome.without.append(key_of(item.sequence_id))
                    continue
                outcome.made += 1
                yield content

        packed_set = append_shards(root / "previews", base, (partial(taken, len(shard)) for shard in plan))
    outcome.shards = sorted(set(packed_set.manifest.shards) - living)
    return commit(root / "previews", packed_set), outcome


def _sources(frames: ShardSet, report: ShardSet, context: float) -> dict[int, str]:
    """What the picture of each packed sequence of the report is made from, as one hash."""
    metas = frames.index.digests(f"/{META}", frames.manifest.items)
    details = report.index.digests(".json", report.manifest.items, prefix="details/")
    return {
        sequence_id: sha256_bytes(f"{STRIP_VERSION} {context} {metas[sequence_id]} {details.get(sequence_id)}".encode())
        for sequence_id in report.manifest.items
        if sequence_id in metas
    }


def _context_of(report: ShardReport) -> float:
    """How much of its surroundings the model sees around a box; the package says, else the usual."""
    try:
        return float(report.model_config()["config"]["model_input"]["context_factor"])
    except (BadFile, KeyError, TypeError, ValueError):
        return DEFAULT_CONTEXT
