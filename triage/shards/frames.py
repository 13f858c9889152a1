"""The frames set: what of a store is not packed yet, packed into new shards. Existing shards are never rewritten.

A store's `meta.json` is written last and names every frame with its hash; so a sequence is unchanged exactly when its `meta.json` is the
one in the index, and telling so costs one small read per sequence.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate
from pathlib import Path

import orjson

from triage.errors import BadFile, BadFrame
from triage.files import sha256_bytes
from triage.problems import Problem
from triage.progress import Progress
from triage.sequences import key_of
from triage.shards.commit import commit
from triage.shards.content import in_order
from triage.shards.crew import Crew, crew_size
from triage.shards.members import META
from triage.shards.plan import Item, plan_shards
from triage.shards.runs import Buffers, Content, Shelf, meta_of, pack_sequence, shelve
from triage.shards.sets import ShardSet, append_shards
from triage.shards.tar import BLOCK, padded

__all__ = ["FramesOutcome", "directories", "pack_frames"]

#: Sequences that a helping process is given at once.
_TOGETHER = 8

_Made = Callable[[list[Item], str], Iterator[tuple[Item, Content | BadFile]]]


@dataclass(slots=True)
class FramesOutcome:
    """What became of every sequence of the store: each is counted once.

    older: packed already with more frames than the store has (`triage unpack` brings them). failed: not packed, and why.
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    older: int = 0
    failed: list[Problem] = field(default_factory=list)
    shards: list[str] = field(default_factory=list)


def directories(sequences: Path) -> dict[int, str]:
    """Every `<org>/<camera>/seq_<id>` below `sequences` by id, finished or not. One listing per camera, none per sequence."""
    found: dict[int, str] = {}
    for organization in _subdirectories(sequences):
        for camera in _subdirectories(sequences / organization):
            for name in _subdirectories(sequences / organization / camera):
                digits = name.removeprefix("seq_")
                if name.startswith("seq_") and digits.isascii() and digits.isdigit():
                    relative = f"{organization}/{camera}/{name}"
                    known = found.get(int(digits))
                    if known is None or not (sequences / known / META).exists():
                        found[int(digits)] = relative
    return found


def _subdirectories(path: Path) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return sorted(entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False))
    except (FileNotFoundError, NotADirectoryError):
        return []


def pack_frames(
    directory: Path, current: ShardSet, sequences: Path, target_bytes: int, processes: int | None = None
) -> tuple[ShardSet, FramesOutcome]:
    """Pack what is new or has changed in the store `sequences` into new shards of `directory`, and commit.

    processes: how many to start for it, 0 = do it here; None = as many as the amount of work is worth.
    """
    outcome = FramesOutcome()
    places = directories(sequences)
    packed = current.index.digests(f"/{META}", current.manifest.items)
    items: list[Item] = []
    for sequence_id, place in places.items():
        try:
            item = _item(sequences, place, sequence_id, current, packed, outcome)
        except BadFile as error:
            outcome.failed.append(Problem(place, str(error), (key_of(sequence_id),)))
            continue
        if item is not None:
            items.append(item)
    if not items and (current.manifest.index is not None or not current.manifest.items):
        return current, outcome
    plan = plan_shards(items, target_bytes)
    before = set(current.manifest.shards)
    with Progress("pack frames", total=len(items), unit="sequence") as progress, _packer(sequences, places, plan, processes) as made:

        def taken(shard: list[Item], file: str) -> Iterator[Content]:
            for item, content in made(shard, file):
                progress.advance()
                if isinstance(content, BadFile):
                    outcome.failed.append(Problem(places[item.sequence_id], str(content), (key_of(item.sequence_id),)))
                    continue
                if item.sequence_id in current.manifest.items:
                    outcome.changed += 1
                else:
                    outcome.new += 1
                yield content

        packed_set = append_shards(directory, current, (partial(taken, shard) for shard in plan))
    outcome.shards = sorted(set(packed_set.manifest.shards) - before)
    return commit(directory, packed_set), outcome


def _item(sequences: Path, place: str, sequence_id: int, current: ShardSet, packed: dict[int, str], outcome: FramesOutcome) -> Item | None:
    """What the plan must know of a sequence that has to be packed; None = it need not be (counted), or is not finished."""
    path = sequences / place / META
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadFile(f"{path}: cannot be read ({error.strerror})") from error
    if packed.get(sequence_id) == sha256_bytes(data):
        outcome.unchanged += 1
        return None
    started, frames = _listed(data, path, sequence_id)
    shard = current.manifest.items.get(sequence_id)
    if shard is not None:
        rows = current.index.rows(shard, sequence_id)
        if frames.keys() < {row.member.split("/", 3)[3] for row in rows} - {META}:
            outcome.older += 1
            return None
    size = BLOCK + padded(len(data))
    for file, bytes_ in frames.items():
        size += BLOCK + padded(bytes_ if bytes_ is not None else _size_on_disk(sequences / place / file))
    organization, camera, _ = place.split("/")
    return Item(organization, camera, started, sequence_id, size)


def _listed(data: bytes, path: Path, sequence_id: int) -> tuple[str, dict[str, int | None]]:
    """What planning needs of a meta.json: when it started, "" = unknown, and its frames' sizes by file. Judged in full when it is packed.

    Planning waits for every sequence, packing does not: what takes a fraction of the time here is worth its own few lines.
    """
    try:
        meta = orjson.loads(data)
        return meta.get("started_at") or "", {frame["file"]: frame.get("size") for frame in meta["frames"]}
    except (ValueError, KeyError, TypeError, AttributeError):
        sequence = meta_of(data, path, sequence_id)
        return sequence.started_at or "", {frame.file: frame.size for frame in sequence.frames}


def _size_on_disk(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError as error:
        raise BadFrame(f"{path}: cannot be read ({error.strerror}); remove its sequence and pull it again") from error


@contextlib.contextmanager
def _packer(sequences: Path, places: Mapping[int, str], plan: list[list[Item]], processes: int | None) -> Iterator[_Made]:
    """What makes the contents of a shard, here or in processes of its own: (item, its content or what is wrong with it), in order."""

    def here(shard: list[Item], _: str = "") -> Iterator[tuple[Item, Content | BadFile]]:
        yield from in_order(lambda item: pack_sequence(sequences, places[item.sequence_id], item.sequence_id, buffers), shard)

    def there(shard: list[Item], file: str) -> Iterator[tuple[Item, Content | BadFile]]:
        offsets = accumulate((item.size for item in shard), initial=0)
        placed = [(item.sequence_id, places[item.sequence_id], at, item.size) for item, at in zip(shard, offsets, strict=False)]
        answers = crew.map(Shelf(file, tuple(placed[start : start + _TOGETHER])) for start in range(0, len(placed), _TOGETHER))
        contents = (content for _, several in answers for content in several)
        for number, (item, content) in enumerate(zip(shard, contents, strict=True)):
            if isinstance(content, Content):
                yield item, content
                continue
            # What follows lies too far behind now: it is packed again, once nobody writes to the file any more.
            deque(contents, maxlen=0)
            if content is not None:
                yield item, content
            yield from here(shard[number + (content is not None) :])
            return

    buffers = Buffers()
    if processes is None:
        processes = crew_size(sum(item.size for shard in plan for item in shard))
    if not processes:
        yield here
        return
    with Crew(shelve, str(sequences), processes) as crew:
        yield there
