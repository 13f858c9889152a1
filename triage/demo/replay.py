"""Replay: a World made of a store directory, so that real sequences can be pulled from an annotator at home."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from triage.demo.world import World
from triage.errors import BadInput
from triage.sequences import Frame, sequence_id_of
from triage.store import Store

__all__ = ["replay_world"]


def replay_world(store_root: Path) -> World:
    """The sequences of the store at `store_root` (the directory above `<org>/<camera>/seq_<id>`; a data directory does as well).

    Labels become the truth, hidden from whoever pulls. Frames of the earlier tool get a detection id and a bucket key when they have
    none, and an empty list of boxes when those are not known. Raises BadInput when there is no sequence, BadFile for a damaged one.
    """
    inner = store_root / "01_raw" / "sequences"
    store = Store(inner if inner.is_dir() else store_root)
    sequences = [store.sequence(key) for key in sorted(store.keys(), key=sequence_id_of)]
    if not sequences:
        raise BadInput(f"{store_root}: expected a store (<organization>/<camera>/seq_<id>/meta.json), found no sequence; check --replay")
    unused = 1 + max((frame.detection_id or 0 for sequence in sequences for frame in sequence.frames), default=0)
    where: dict[str, Path] = {}
    rows = []
    for sequence in sequences:
        directory = store.directory(sequence.key)
        frames: list[Frame] = []
        for frame in sequence.frames:
            detection_id, bucket_key = frame.detection_id, frame.bucket_key
            if detection_id is None:
                detection_id, unused = unused, unused + 1
            if bucket_key is None:
                bucket_key = f"detections/sequence_{sequence.sequence_id}/{detection_id}.jpg"
            where.setdefault(bucket_key, directory / frame.file)
            file = f"images/detection_{detection_id}.jpg"
            frames.append(replace(frame, file=file, detection_id=detection_id, bucket_key=bucket_key, boxes=frame.boxes or ()))
        rows.append(replace(sequence, frames=tuple(frames)))

    def image(bucket_key: str) -> bytes:
        try:
            return where[bucket_key].read_bytes()
        except OSError as error:  # a store may lack an image; the annotator then has none either
            raise KeyError(bucket_key) from error

    return World(tuple(rows), image)
