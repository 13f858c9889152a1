"""Sequences and their images, from whichever place has them: shards first (nothing is unpacked), else the loose store."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from typing import Protocol

from triage.config import Layout
from triage.errors import BadFile, BadFrame
from triage.files import sha256_bytes
from triage.jpeg import check_frame
from triage.sequences import Sequence
from triage.server.cache import ByteCache
from triage.server.guarded import leads_out
from triage.server.packed import open_shards
from triage.shards.reader import ShardReader
from triage.store import META, Store

__all__ = ["FrameSet", "Frames", "frame_set"]

#: A sequence that is not in the remembered tree makes the store be walked again, but not more often than this.
_SECONDS_BETWEEN_WALKS = 15.0


@dataclass(frozen=True, slots=True)
class FrameSet:
    """One sequence with its frames' bytes, aligned with `sequence.frames`; one that cannot be shown is its error.

    sizes: (width, height) in pixels, None = cannot be shown. version: changes when the sequence does.
    """

    sequence: Sequence
    images: tuple[bytes | BadFile, ...]
    sizes: tuple[tuple[int, int] | None, ...]
    version: str

    @property
    def cost(self) -> int:
        """Bytes it holds."""
        return sum(len(image) for image in self.images if isinstance(image, bytes)) + 4096

    def image(self, index: int) -> bytes:
        """The JPEG of one frame (0-based). Raises BadFrame when it cannot be shown."""
        if not 0 <= index < len(self.images):
            raise BadFrame(f"{self.sequence.key}: expected a frame index from 0 to {len(self.images) - 1}, found {index}")
        image = self.images[index]
        if isinstance(image, BadFile):
            raise BadFrame(str(image)) from image
        return image


class _Place(Protocol):
    """A store or a shard set."""

    def __contains__(self, key: str) -> bool: ...

    def stamp(self, key: str) -> str:
        """Changes when the sequence may have. Raises BadFile."""
        ...

    def sequence(self, key: str) -> Sequence:
        """Without its frames. Raises BadFile."""
        ...

    def read(self, key: str) -> FrameSet:
        """With its frames. Raises BadFile."""
        ...


class Frames:
    """Every sequence that can be reached under one data directory. Bytes read lately are kept, `capacity` of them at most."""

    def __init__(self, layout: Layout, capacity: int) -> None:
        self._layout = layout
        self._store = _Loose(layout)
        self._lock = threading.Lock()
        self._packed: tuple[str, _Packed | BadFile | None] = ("", None)
        self._cache: ByteCache[FrameSet] = ByteCache(capacity, lambda found: found.cost)

    def count(self) -> int:
        """How many sequences can be reached."""
        packed = self._shards()
        if packed is None:
            return len(self._store.keys())
        return len(self._store.keys() | set(packed.reader.keys()))

    def problems(self) -> list[str]:
        """Why the shards that are there cannot be read; empty = they can, or there are none."""
        self._shards()
        found = self._packed[1]
        return [str(found)] if isinstance(found, BadFile) else []

    def get(self, key: str, *, packed_first: bool) -> FrameSet:
        """The sequence and all its frames. Raises BadFrame when it is nowhere, or is damaged wherever it is.

        packed_first: the report comes from shards, so its frames do; a loose report belongs to the loose store, which may have grown since
        it was packed. What the first place lacks or cannot read comes from the other.
        """
        problem: BadFile | None = None
        for place in self._places(key, packed_first=packed_first):
            try:
                return self._read(place, key)
            except BadFile as error:
                problem = problem or error
        if problem is None:
            raise _nowhere(key)
        raise BadFrame(str(problem)) from problem

    def _read(self, place: _Place, key: str) -> FrameSet:
        return self._cache.get((type(place), key, place.stamp(key)), lambda: place.read(key))

    def sequence(self, key: str, *, packed_first: bool) -> Sequence:
        """The sequence without its frames. Raises BadFile when it is nowhere, or its meta.json is damaged."""
        for place in self._places(key, packed_first=packed_first):
            return place.sequence(key)
        raise _nowhere(key)

    def _places(self, key: str, *, packed_first: bool) -> Iterator[_Place]:
        """Where `key` is, best first. Shards without an index had to be scanned: they come last. The store is looked at only when asked."""
        packed = self._shards()
        if packed is not None and key not in packed:
            packed = None
        before = packed is not None and packed_first and packed.indexed
        if packed is not None and before:
            yield packed
        if self._store.knows(key) if packed is not None else key in self._store:
            yield self._store
        if packed is not None and not before:
            yield packed

    def _shards(self) -> _Packed | None:
        """The shard set, opened again when its manifest changed; None = there is none that can be read."""
        manifest = self._layout.shards / "frames" / "manifest.json"
        try:
            found = manifest.stat()
        except OSError:
            return None
        stamp = f"{found.st_mtime_ns}-{found.st_size}-{found.st_ino}"
        with self._lock:
            if self._packed[0] != stamp:
                try:
                    self._packed = stamp, _Packed(self._layout, stamp)
                except BadFile as error:
                    self._packed = stamp, error
            packed = self._packed[1]
        return packed if isinstance(packed, _Packed) else None


class _Packed:
    """Frames straight out of the tars."""

    def __init__(self, layout: Layout, stamp: str) -> None:
        self.indexed = open_shards(layout.shards, "frames")
        self.reader = ShardReader(layout.shards)
        self._stamp = stamp
        self.reader.keys()  # reads manifest and index, or raises what is wrong with them

    def __contains__(self, key: str) -> bool:
        return key in self.reader

    def stamp(self, key: str) -> str:
        return self._stamp

    def sequence(self, key: str) -> Sequence:
        return self.reader.record(key)

    def read(self, key: str) -> FrameSet:
        sequence, images = self.reader.sequence(key), self.reader.frames(key)
        return frame_set(sequence, images, sha256_bytes(self.reader.meta_bytes(key))[:16])


class _Loose:
    """Frames of the store, none of which may be a link that leads out of it."""

    def __init__(self, layout: Layout) -> None:
        self._root = layout.sequences
        self._store = Store(layout.sequences)
        self._lock = threading.Lock()
        self._walked = time.monotonic()

    def keys(self) -> set[str]:
        return set(self._store.keys())

    def knows(self, key: str) -> bool:
        """Is it in the remembered tree?"""
        return key in self._store

    def __contains__(self, key: str) -> bool:
        """Is it there? The store is walked again when the remembered tree lacks it: another process may have pulled since."""
        if key in self._store:
            return True
        with self._lock:
            if time.monotonic() - self._walked >= _SECONDS_BETWEEN_WALKS:
                self._store.refresh()
                self._walked = time.monotonic()
        return key in self._store

    def stamp(self, key: str) -> str:
        meta = self._store.directory(key) / META
        try:
            found = meta.stat()
        except OSError as error:
            raise BadFile(f"{key}: its meta.json cannot be read ({error.strerror}); pull it again") from error
        return sha256_bytes(f"{found.st_mtime_ns}-{found.st_size}-{found.st_ino}".encode())[:16]

    def sequence(self, key: str) -> Sequence:
        if leads_out(self._store.directory(key) / META, self._root):
            raise BadFile(f"{key}: its meta.json is a link that leads out of the data directory; pull it again")
        return self._store.sequence(key)

    def read(self, key: str) -> FrameSet:
        sequence, directory, stamp = self.sequence(key), self._store.directory(key), self.stamp(key)
        images: list[bytes | BadFile] = []
        # The store itself does not follow a frame that is a link; the directory that it lies in may be one.
        out = {parent for parent in {(directory / frame.file).parent for frame in sequence.frames} if leads_out(parent, self._root)}
        for frame, image in zip(sequence.frames, self._store.frames(key), strict=True):
            if (directory / frame.file).parent in out:
                images.append(BadFrame(f"{key}: {frame.file}: a link that leads out of the data directory; pull it again"))
            else:
                images.append(image)
        return frame_set(sequence, images, stamp)


def frame_set(sequence: Sequence, images: Seq[bytes | BadFile], version: str) -> FrameSet:
    """Check that each image is a whole JPEG; what is not becomes its error."""
    checked: list[bytes | BadFile] = []
    sizes: list[tuple[int, int] | None] = []
    for frame, image in zip(sequence.frames, images, strict=True):
        size, kept = None, image
        if isinstance(image, bytes):
            try:
                size = check_frame(image, f"{sequence.key}: {frame.file}")
            except BadFrame as error:
                kept = error
        checked.append(kept)
        sizes.append(size)
    return FrameSet(sequence, tuple(checked), tuple(sizes), version)


def _nowhere(key: str) -> BadFrame:
    return BadFrame(f"{key}: its frames are not here; `triage fetch` or `triage unpack` brings them")
