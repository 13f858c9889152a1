"""The sequence store on disk: `<root>/<org>/<camera>/seq_<id>/{images/*.jpg, meta.json}`, read and written.

`meta.json` is written last: a directory without one is not a sequence yet, only a pull that was interrupted. Pulling and unpacking write
here; scoring, packing, verifying, the demo and the server read. Nothing here speaks to the network or decodes pixels.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from triage.errors import BadFile, BadFrame
from triage.files import TEMPORARY_PREFIX, disk_errors, read_json, sha256_bytes, write_bytes, write_json
from triage.jpeg import check_frame
from triage.sequences import META_FORMAT, Frame, Sequence, key_of, sequence_id_of

__all__ = ["META", "Store"]

META = "meta.json"
_PREFIX = "seq_"
#: Sequences are asked for frame by frame: so many are remembered, each until its meta.json changes.
_RECENT = 64
#: Inode, bytes and nanoseconds: what tells that a meta.json is the one that was read.
_Stamp = tuple[int, int, int]


class Store:
    """A store directory as a `SequenceSource`. It need not exist yet.

    The directory tree is walked once, when first asked, and remembered; what this object writes is added to it, what others write is seen
    after `refresh()`. Damaged sequences never hide the others: they raise when they themselves are read, and `problems` lists them.
    Symbolic links, temporary files and directories of other names are not sequences. Safe to use from several threads.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = threading.Lock()
        self._index: dict[int, str] | None = None  # sequence id -> directory relative to root
        self._duplicates: list[tuple[int, str]] = []
        self._recent: dict[str, tuple[_Stamp, Sequence]] = {}  # the last few that were read

    # -- reading: triage.sequences.SequenceSource

    def keys(self) -> list[str]:
        """Every key there is, ascending by sequence id. No meta.json is opened."""
        return [key_of(sequence_id) for sequence_id in sorted(self._directories())]

    def __contains__(self, key: str) -> bool:
        return sequence_id_of(key) in self._directories()

    def __len__(self) -> int:
        return len(self._directories())

    def directory(self, key: str) -> Path:
        """Where the sequence lies. Raises BadFile when it is not there."""
        found = self._directories().get(sequence_id_of(key))
        if found is None:
            raise BadFile(f"{self.root}: no sequence {key}; `triage status` says what is there")
        return self.root / found

    def sequence(self, key: str) -> Sequence:
        """One sequence. Raises BadFile when its meta.json is damaged or not there."""
        path = self.directory(key) / META
        stamp = _stamp(path)
        with self._lock:
            known = self._recent.get(key)
        if known is not None and known[0] == stamp:
            return known[1]
        meta = read_json(path, expect_format=META_FORMAT)
        sequence = Sequence.from_meta(meta, str(path))
        if sequence.key != key:
            raise BadFile(f"{path}: expected {key}, found {sequence.key}; remove this directory and pull again")
        if stamp is not None:
            with self._lock:
                self._recent[key] = (stamp, sequence)
                if len(self._recent) > _RECENT:
                    del self._recent[next(iter(self._recent))]
        return sequence

    def record(self, key: str) -> Sequence:
        """What `sequence` gives: here the frames are files of their own."""
        return self.sequence(key)

    def frames(self, key: str) -> list[bytes | BadFile]:
        """The JPEG bytes of all its frames, aligned with `sequence(key).frames`; one that cannot be read is its BadFrame."""
        directory = self.directory(key)
        return [_frame_or_error(directory, frame) for frame in self.sequence(key).frames]

    def frame(self, key: str, index: int) -> bytes:
        """The JPEG bytes of one frame (0-based index). Raises BadFrame when it is missing."""
        frames = self.sequence(key).frames
        if not 0 <= index < len(frames):
            raise BadFrame(f"{key}: expected a frame index from 0 to {len(frames) - 1}, found {index}")
        return _read_frame(self.directory(key), frames[index])

    # -- checking

    def problems(self) -> Iterator[BadFile]:
        """What in the tree is not as it should be: a damaged meta.json, one id twice. Frames are not opened."""
        for key in self.keys():
            try:
                self.sequence(key)
            except BadFile as error:
                yield error
        for sequence_id, found in sorted(self._duplicates):
            used = self._directories()[sequence_id]
            yield BadFile(f"{self.root / found}: {key_of(sequence_id)} is there twice; {self.root / used} is used, remove the other")

    def check(self, key: str) -> list[BadFile]:
        """Open every frame of one sequence: each must be there, whole, and of the size and hash that meta.json gives. Empty = all is well.

        A damaged meta.json is the only problem in the list.
        """
        try:
            sequence, directory = self.sequence(key), self.directory(key)
        except BadFile as error:
            return [error]
        problems: list[BadFile] = []
        if not sequence.frames:
            problems.append(BadFile(f"{directory / META}: expected at least one frame, found none; pull it again"))
        for frame in sequence.frames:
            path = directory / frame.file
            data = _frame_or_error(directory, frame)
            if isinstance(data, BadFile):
                problems.append(data)
            elif frame.size is not None and frame.size != len(data):
                problems.append(BadFrame(f"{path}: expected {frame.size} bytes, found {len(data)}; remove {directory} and pull again"))
            elif frame.sha256 is not None and frame.sha256 != sha256_bytes(data):
                problems.append(BadFrame(f"{path}: its sha256 is not the one in meta.json; remove {directory} and pull again"))
            else:
                try:
                    check_frame(data, str(path))
                except BadFrame as error:
                    problems.append(error)
        return problems

    # -- writing

    def target(self, sequence: Sequence) -> str:
        """Its directory relative to the root: where it lies already (its camera may have been renamed), else where its names say."""
        return self._directories().get(sequence.sequence_id, sequence.directory)

    def write_frame(self, sequence: Sequence, file: str, data: bytes) -> None:
        """One image, before the sequence's meta.json. `file` is relative to the sequence's directory."""
        path = self.root / self.target(sequence) / file
        with disk_errors(path):
            write_bytes(path, data)

    def write_meta(self, sequence: Sequence) -> None:
        """The last step: from here on the sequence exists. Its frames must be there already."""
        target = self.target(sequence)
        path = self.root / target / META
        with disk_errors(path):
            write_json(path, sequence.to_meta())
        with self._lock:
            if self._index is not None:
                self._index.setdefault(sequence.sequence_id, target)

    def write_sequence(self, sequence: Sequence, frames: Iterable[bytes]) -> None:
        """All of it: the images in the order of `sequence.frames`, then meta.json. Raises ValueError when the numbers differ."""
        for frame, data in zip(sequence.frames, frames, strict=True):
            self.write_frame(sequence, frame.file, data)
        self.write_meta(sequence)

    def sweep(self, sequence: Sequence) -> int:
        """Remove what a killed process left in the sequence's directory: temporary files. Returns how many."""
        directory = self.root / self.target(sequence)
        left = [path for pattern in (f"{TEMPORARY_PREFIX}*", f"images/{TEMPORARY_PREFIX}*") for path in directory.glob(pattern)]
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)

    # -- the index

    def refresh(self) -> None:
        """Forget the remembered tree: other processes may have written."""
        with self._lock:
            self._index = None

    def _directories(self) -> dict[int, str]:
        with self._lock:
            if self._index is None:
                self._index, self._duplicates = _walk(self.root)
            return self._index


def _walk(root: Path) -> tuple[dict[int, str], list[tuple[int, str]]]:
    """Every `<org>/<camera>/seq_<id>` with a meta.json, by id; and the further paths of ids that are there twice (the first one wins)."""
    found: list[tuple[int, str]] = []
    for organization in _subdirectories(root):
        for camera in _subdirectories(root / organization):
            relative = f"{organization}/{camera}"
            for name in _subdirectories(root / relative):
                digits = name.removeprefix(_PREFIX)
                if name.startswith(_PREFIX) and digits.isascii() and digits.isdigit() and _is_file(f"{root}/{relative}/{name}/{META}"):
                    found.append((int(digits), f"{relative}/{name}"))
    index: dict[int, str] = {}
    duplicates = []
    for sequence_id, relative in sorted(found):
        if sequence_id in index:
            duplicates.append((sequence_id, relative))
        else:
            index[sequence_id] = relative
    return index, duplicates


def _subdirectories(path: Path) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _stamp(path: Path) -> _Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _is_file(path: str) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def _read_frame(directory: Path, frame: Frame) -> bytes:
    path = directory / frame.file
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(handle, "rb") as file:
            return file.read()
    except OSError as error:
        raise BadFrame(f"{path}: cannot be read ({error.strerror}); remove {directory} and pull again") from error


def _frame_or_error(directory: Path, frame: Frame) -> bytes | BadFile:
    try:
        return _read_frame(directory, frame)
    except BadFrame as error:
        return error
