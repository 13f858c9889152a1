"""Sequences as the model takes them: what is there, what cannot be scored at all, and frames that are what meta.json says.

Between a `SequenceSource` (the store, or shards) and `triage.model`; every sequence leaves here as an input, a Failure or a Dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
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
from triage.sequences import Box, Sequence, SequenceSource
from triage.store import Store

__all__ = ["Detect", "Survey", "directory_of", "inputs_for", "open_source", "relative", "survey"]


#: Finds the boxes in one image. Raises BadFrame when it does not decode.
Detect = Callable[[bytes], tuple[Box, ...]]


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


def survey(source: SequenceSource, *, boxes_needed: bool = True) -> Survey:
    """Read every meta.json once. Images are opened only where their hashes are not known (stores of the earlier tool).

    boxes_needed: False = a detector will look for boxes, those of meta.json play no part.
    """
    result = Survey()
    keys = source.keys()
    with Progress("read", total=len(keys), unit="sequence") as progress:
        for key in keys:
            progress.advance()
            try:
                sequence = source.record(key)
            except BadFile as error:
                result.dropped[key] = Dropped(key, "bad_meta", relative(str(error), source))
                continue
            if not sequence.frames:
                result.dropped[key] = Dropped(key, "no_images", "its meta.json lists no frame")
            elif boxes_needed and any(frame.boxes is None for frame in sequence.frames):
                detail = "meta.json says nothing of boxes (a store of the earlier tool); pull the sequence again, or score with --detector"
                result.failures[key] = Failure("boxes_unknown", detail)
            else:
                hashes = _hashes(source, sequence)
                if isinstance(hashes, Failure):
                    result.failures[key] = hashes
                else:
                    result.digests[key] = content_digest(sequence, hashes, with_boxes=boxes_needed)
    return result


def inputs_for(
    source: SequenceSource, keys: Iterable[str], failures: dict[str, Failure], detect: Detect | None = None
) -> Iterator[SequenceInput]:
    """The sequences `keys` as the model takes them, lazily; one with a frame that is not as it should be goes into `failures` instead.

    detect: finds boxes in an image, instead of those of meta.json. All frames are checked, also those that no tube looks at: the promise
    is about the sequence. Their pixels are left to the model.
    """
    for key in keys:
        sequence = source.sequence(key)
        boxes = _boxes(source, sequence, detect)
        if isinstance(boxes, Failure):
            failures[key] = boxes
            continue
        # A queue of sequences must not hold their images: the model asks again for those it looks at.
        frames = (
            FrameInput(frame.file, partial(source.frame, key, index), found)
            for index, (frame, found) in enumerate(zip(sequence.frames, boxes, strict=True))
        )
        yield SequenceInput(key, tuple(frames))


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


def _boxes(source: SequenceSource, sequence: Sequence, detect: Detect | None) -> list[tuple[Box, ...]] | Failure:
    """The boxes of every frame, once each image is found to be whole and what meta.json says it is; else the first that is not."""
    boxes = []
    for frame, data in zip(sequence.frames, source.frames(sequence.key), strict=True):
        if isinstance(data, BadFile):
            return Failure("frame_missing", f"{frame.file}: {relative(str(data), source)}")
        if frame.sha256 is not None and sha256_bytes(data) != frame.sha256:
            return Failure("frame_unreadable", f"{frame.file}: its sha256 is not the one in meta.json; remove it and pull again")
        try:
            check_frame(data)
            boxes.append(frame.boxes or () if detect is None else detect(data))
        except BadFrame as error:
            return Failure("frame_unreadable", f"{frame.file}: {error}")
    return boxes


def relative(message: str, source: SequenceSource) -> str:
    """What is shared names no place on this machine: a store's paths are shortened to what lies below it."""
    return message.replace(f"{source.root}/", "") if isinstance(source, Store) else message
