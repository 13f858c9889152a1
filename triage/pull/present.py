"""What the store has already, so that it is not fetched: is a sequence as the annotator has it, and which images are whole."""

from __future__ import annotations

from pathlib import Path

from triage.annotator import SequenceRow, parse_time
from triage.errors import BadFile, BadFrame
from triage.files import sha256_bytes
from triage.jpeg import check_frame
from triage.pull.records import timestamp
from triage.sequences import Frame, Sequence, key_of
from triage.store import Store

__all__ = ["is_current", "read_whole", "same_form", "shared_images", "stored_sequence", "whole_image"]


def stored_sequence(store: Store, sequence_id: int) -> Sequence | None:
    """What the store has; None when it has nothing, or something damaged, which is pulled anew."""
    key = key_of(sequence_id)
    if key not in store:
        return None
    try:
        return store.sequence(key)
    except BadFile:
        return None


def is_current(store: Store, row: SequenceRow, stored: Sequence) -> bool:
    """True when nothing has to be asked: same last_seen_at, boxes and hashes known, every image in place with its size."""
    if row.last_seen_at is None or timestamp(row.last_seen_at) != same_form(stored.last_seen_at) or not stored.frames:
        return False
    directory = store.directory(stored.key)
    return all(
        frame.boxes is not None and frame.sha256 is not None and _size(directory / frame.file) == frame.size for frame in stored.frames
    )


def whole_image(path: Path, before: Frame | None) -> tuple[str, int] | None:
    """(sha256, size) of an image on disk when it is whole; None when it has to be fetched.

    before: what meta.json says of it; one whose size is as noted is taken at its word, any other is opened.
    """
    if before is not None and before.sha256 is not None and before.size is not None and _size(path) == before.size:
        return before.sha256, before.size
    data = read_whole(path)
    if data is None:
        return None
    found = sha256_bytes(data)
    return (found, len(data)) if before is None or before.sha256 in (None, found) else None


def read_whole(path: Path) -> bytes | None:
    """An image from disk; None when it is not there, or not whole."""
    try:
        data = path.read_bytes()
        check_frame(data)
    except (OSError, BadFrame):
        return None
    return data


def shared_images(store: Store, sequence_id: int) -> list[tuple[str, str]]:
    """(bucket_key, path) of the images that a stored sequence can lend to its siblings."""
    sibling = stored_sequence(store, sequence_id)
    if sibling is None:
        return []
    directory = store.directory(sibling.key)
    return [
        (frame.bucket_key, str(directory / frame.file))
        for frame in sibling.frames
        if frame.bucket_key and frame.sha256 is not None and _size(directory / frame.file) == frame.size
    ]


def same_form(text: str | None) -> str | None:
    """A stored timestamp as pull writes them; one that is none stays as it is."""
    try:
        return None if text is None else timestamp(parse_time(text))
    except ValueError:
        return text


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
