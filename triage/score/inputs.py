"""Sequences as the model takes them: what is there, what cannot be scored at all, and frames that are what meta.json says.

Between a `SequenceSource` (the store, or shards) and `triage.model`; every sequence leaves here as an input, a Failure or a Dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from triage.errors import BadFile, BadFrame, BadSetting
from triage.files import sha256_bytes
from triage.jpeg import check_frame
from triage.model import FrameInput, SequenceInput
from triage.progress import Progress
from triage.report import Dropped, Failure
from triage.score.digest import content_digest
from triage.sequences import Sequence, SequenceSource
from triage.store import Store

__all__ = ["Survey", "directory_of", "inputs_for", "open_source", "relative", "survey"]


def open_source(place: str | Path) -> SequenceSource:
    """The store at a directory, or the shards at a `02_shards` directory or URL. Raises BadSetting when neither is there."""
    path = Path(place)
    if "://" in str(place) or (path / "frames" / "manifest.json").is_file():
        from triage.shards.reader import ShardReader

        reader: SequenceSource = ShardReader(place)
        return reader
    if not path.is_dir():
        raise BadSetting(f"{place}: expected a store or a shard directory, found nothing; run `triage pull` or `triage unpack` first")
    return Store(path)


def directory_of(source: SequenceSource, sequence: Sequence) -> str:
    """Where the sequence lies relative to the store's root; in shards, where it will lie when unpacked."""
    if isinstance(source, Store):
        return source.directory(sequence.key).relative_to(source.root).as_posix()
    return sequence.directory


@dataclass(slots=True)
class Survey:
    """Every sequence of a source, in exactly one of three places.

    digests: what can be scored, by key, with the digest of its frames and boxes. failures: held without asking the model.
    dropped: not even a row can be written.
    """

    digests: dict[str, str] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)
    dropped: dict[str, Dropped] = field(default_factory=dict)


def survey(source: SequenceSource) -> Survey:
    """Read every meta.json once. Images are opened only where their hashes are not known (stores of the earlier tool)."""
    result = Survey()
    keys = source.keys()
    with Progress("read", total=len(keys), unit="sequence") as progress:
        for key in keys:
            progress.advance()
            try:
                sequence = source.sequence(key)
            except BadFile as error:
                result.dropped[key] = Dropped(key, "bad_meta", relative(str(error), source))
                continue
            if not sequence.frames:
                result.dropped[key] = Dropped(key, "no_images", "its meta.json lists no frame")
            elif any(frame.boxes is None for frame in sequence.frames):
                detail = "meta.json says nothing of boxes (a store of the earlier tool); pull the sequence again"
                result.failures[key] = Failure("boxes_unknown", detail)
            else:
                hashes = _hashes(source, sequence)
                if isinstance(hashes, Failure):
                    result.failures[key] = hashes
                else:
                    result.digests[key] = content_digest(sequence, hashes)
    return result


def inputs_for(source: SequenceSource, keys: Iterable[str], failures: dict[str, Failure]) -> Iterator[SequenceInput]:
    """The sequences `keys` as the model takes them, lazily; one with a frame that is not as it should be goes into `failures` instead.

    All frames are checked, also those that no tube looks at: the promise is about the sequence. Their pixels are left to the model.
    """
    for key in keys:
        sequence = source.sequence(key)
        problem = _frame_problem(source, sequence)
        if problem is not None:
            failures[key] = problem
            continue
        frames = tuple(
            FrameInput(frame.file, partial(source.frame, key, index), frame.boxes or ()) for index, frame in enumerate(sequence.frames)
        )
        yield SequenceInput(key, frames)


def _hashes(source: SequenceSource, sequence: Sequence) -> list[str] | Failure:
    known = [frame.sha256 for frame in sequence.frames if frame.sha256 is not None]
    if len(known) == len(sequence.frames):
        return known
    hashes = []
    for frame, data in zip(sequence.frames, source.frames(sequence.key), strict=True):
        if isinstance(data, BadFile):
            return Failure("frame_missing", f"{frame.file}: {relative(str(data), source)}")
        hashes.append(sha256_bytes(data))
    return hashes


def _frame_problem(source: SequenceSource, sequence: Sequence) -> Failure | None:
    for frame, data in zip(sequence.frames, source.frames(sequence.key), strict=True):
        if isinstance(data, BadFile):
            return Failure("frame_missing", f"{frame.file}: {relative(str(data), source)}")
        if frame.sha256 is not None and sha256_bytes(data) != frame.sha256:
            return Failure("frame_unreadable", f"{frame.file}: its sha256 is not the one in meta.json; remove it and pull again")
        try:
            check_frame(data, frame.file)
        except BadFrame as error:
            return Failure("frame_unreadable", str(error))
    return None


def relative(message: str, source: SequenceSource) -> str:
    """What is shared names no place on this machine."""
    root = getattr(source, "root", None)
    return message.replace(f"{root}/", "") if root is not None else message
