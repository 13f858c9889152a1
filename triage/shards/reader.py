"""Sequences, details and previews straight out of shards, from a directory or any URL that fsspec opens; nothing is unpacked.

`ShardReader` is a `SequenceSource`, so what takes a store takes shards; `ShardReport` answers as the report's own reader does. A sequence
costs one range read; the last few stay in memory, so that asking for its record and then for its frames is still one read.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from triage.errors import BadFile, BadFrame, BadShard
from triage.files import parse_json
from triage.sequences import META_FORMAT, Sequence, key_of, sequence_id_of
from triage.shards.entries import Entry, Piece
from triage.shards.files import ShardFiles
from triage.shards.index import Index, Row
from triage.shards.located import entry_of, load_index
from triage.shards.manifest import MANIFEST, Manifest
from triage.shards.members import META, PREVIEW, Kind
from triage.shards.restore import read_entry
from triage.shards.sets import Trouble, load_manifest, scan_shard

__all__ = ["Previews", "ShardReader", "ShardReport"]

_KEPT_BYTES = 64 * 1024**2


class _Located:
    """One set: its manifest and where its sequences lie. Loaded when first asked for; a set without index is scanned then."""

    def __init__(self, root: str | Path, kind: Kind) -> None:
        self.files, self.kind = ShardFiles(root), kind
        self._lock = threading.Lock()
        self._loaded: tuple[Manifest, Index] | None = None

    def load(self) -> tuple[Manifest, Index]:
        with self._lock:
            if self._loaded is None:
                manifest = load_manifest(self.files, self.kind)
                if manifest is None:
                    where = self.files.path(f"{self.kind}/{MANIFEST}")
                    raise BadShard(f"{where}: expected a shard set, found none; run `triage fetch` or `triage pack` first")
                index = load_index(self.files, self.kind, manifest)
                self._loaded = manifest, self._scanned(manifest) if index is None else index
            return self._loaded

    def _scanned(self, manifest: Manifest) -> Index:
        rows = [
            row for shard in manifest.shard_names for row in scan_shard(self.files, self.kind, shard, hashes=False) if isinstance(row, Row)
        ]
        return Index.from_rows(rows)

    def keys(self) -> list[str]:
        return [key_of(sequence_id) for sequence_id in sorted(self.load()[0].items)]

    def __contains__(self, key: str) -> bool:
        return sequence_id_of(key) in self.load()[0].items

    def entry(self, key: str) -> Entry:
        manifest, index = self.load()
        sequence_id = sequence_id_of(key)
        shard = manifest.items.get(sequence_id)
        if shard is None:
            raise BadFile(f"{self.files.path(self.kind)}: no sequence {key}; `triage status` says what is there")
        rows = index.rows(shard, sequence_id)
        found = entry_of(self.kind, rows) if rows else Trouble(shard, f"expected {key}, as the manifest says, found nothing of it")
        if isinstance(found, Trouble):
            raise BadShard(f"{self.files.path(f'{self.kind}/{shard}')}: {found.what}; `triage verify` says more")
        return found

    def read(self, entry: Entry, pieces: tuple[Piece, ...] | None = None) -> dict[str, bytes | memoryview]:
        return read_entry(self.files, self.kind, entry, entry.pieces if pieces is None else pieces)


class ShardReader:
    """The sequences of a shard set, as a `SequenceSource`. `root`: a 02_shards directory or its URL. Safe to use from several threads."""

    def __init__(self, root: str | Path) -> None:
        self._set = _Located(root, "frames")
        self._lock = threading.Lock()
        self._recent: OrderedDict[str, dict[str, bytes | memoryview]] = OrderedDict()

    def keys(self) -> list[str]:
        """Every key there is, ascending by sequence id. Reads the manifest and the index once."""
        return self._set.keys()

    def __contains__(self, key: str) -> bool:
        return key in self._set

    def __len__(self) -> int:
        return len(self._set.load()[0].items)

    def sequence(self, key: str) -> Sequence:
        """One sequence; its frames come along in the same read. Raises BadFile when it is not there, BadShard when its bytes are not what
        the index says.
        """
        return _sequence(key, self._whole(key))

    def record(self, key: str) -> Sequence:
        """What `sequence` gives, for those who will not ask for its frames: only meta.json is read, a hundredth of the bytes."""
        with self._lock:
            known = self._recent.get(key)
        if known is None:
            entry = self._set.entry(key)
            known = self._set.read(entry, tuple(piece for piece in entry.pieces if piece.file == META) or None)
        return _sequence(key, known)

    def frames(self, key: str) -> list[bytes | BadFile]:
        """The JPEG bytes of all its frames, aligned with `sequence(key).frames`; a missing one is its error."""
        files = self._whole(key)
        return [bytes(files[frame.file]) if frame.file in files else _missing(key, frame.file) for frame in _sequence(key, files).frames]

    def frame(self, key: str, index: int) -> bytes:
        """The JPEG bytes of one frame (0-based index). Raises BadFrame when it is missing."""
        files = self._whole(key)
        frames = _sequence(key, files).frames
        if not 0 <= index < len(frames):
            raise BadFrame(f"{key}: expected a frame index from 0 to {len(frames) - 1}, found {index}")
        if frames[index].file not in files:
            raise _missing(key, frames[index].file)
        return bytes(files[frames[index].file])

    def meta_bytes(self, key: str) -> bytes:
        """The sequence's meta.json as it was packed."""
        return bytes(self._whole(key)[META])

    def _whole(self, key: str) -> dict[str, bytes | memoryview]:
        """All members of the sequence, by file, in one range read; the last ones asked for are remembered."""
        with self._lock:
            if key in self._recent:
                self._recent.move_to_end(key)
                return self._recent[key]
        files = self._set.read(self._set.entry(key))
        with self._lock:
            self._recent[key] = files
            while len(self._recent) > 1 and sum(len(data) for kept in self._recent.values() for data in kept.values()) > _KEPT_BYTES:
                self._recent.popitem(last=False)
        return files


class ShardReport:
    """The packed report: the methods of `triage.report.reader.ReportReader`. `root`: a 02_shards directory or its URL."""

    def __init__(self, root: str | Path) -> None:
        self._set = _Located(root, "report")
        self._aggregates: dict[str, bytes] = {}

    def keys(self) -> list[str]:
        """Every key with details, ascending by sequence id."""
        return self._set.keys()

    @property
    def variant(self) -> str | None:
        """The report's name; None = the set does not say."""
        return self._set.load()[0].variant

    def table(self) -> pa.Table:
        """results.parquet: one row per sequence, ordered by key."""
        return pq.read_table(pa.BufferReader(self._aggregate("results.parquet")))

    def details(self, key: str) -> dict[str, Any] | None:
        """details/<key>.json; None = the report has none for it."""
        return self._member(key, f"details/{key}.json")

    def sequence(self, key: str) -> dict[str, Any]:
        """sequences/<key>.json. Raises BadFile when it is not there."""
        found = self._member(key, f"sequences/{key}.json")
        if found is None:
            raise BadFile(f"{self._set.files.path('report')}: no sequences/{key}.json; `triage verify` says more")
        return found

    def model_config(self) -> dict[str, Any]:
        """model_config.json."""
        return cast(dict[str, Any], self._json("model_config.json"))

    def dropped(self) -> list[dict[str, Any]]:
        """dropped.json."""
        return cast(list[dict[str, Any]], self._json("dropped.json"))

    def worklist(self, name: str) -> dict[str, Any]:
        """`review`, `unlabeled` or `hold` as written."""
        return cast(dict[str, Any], self._json(f"{name}.json"))

    def hold_details(self) -> dict[str, str]:
        """What hold.json says beyond the reasons, by key."""
        return {item["key"]: item["detail"] for item in self.worklist("hold").get("items", []) if item.get("detail")}

    @property
    def threshold(self) -> float:
        """The cut between review and unlabeled, in [0, 1]."""
        value = self.model_config().get("threshold")
        if not isinstance(value, int | float):
            raise BadShard(f"{self._set.files.path('model_config.json')}: expected a threshold, found {value!r}; pack the report again")
        return float(value)

    def _json(self, name: str) -> Any:
        return parse_json(self._aggregate(name), self._set.files.path(name))

    def _aggregate(self, name: str) -> bytes:
        if name not in self._aggregates:
            self._aggregates[name] = self._set.files.read(name, self._set.load()[0].aggregates.get(name))
        return self._aggregates[name]

    def _member(self, key: str, file: str) -> dict[str, Any] | None:
        if key not in self._set:
            return None
        entry = self._set.entry(key)
        pieces = tuple(piece for piece in entry.pieces if piece.file == file)
        if not pieces:
            return None
        return cast(dict[str, Any], parse_json(bytes(self._set.read(entry, pieces)[file]), f"{entry.shard}:{file}"))


class Previews:
    """The small pictures of a shard set: one WebP per sequence. `root`: a 02_shards directory or its URL."""

    def __init__(self, root: str | Path) -> None:
        self._set = _Located(root, "previews")

    def keys(self) -> list[str]:
        """Every key with a preview, ascending by sequence id."""
        return self._set.keys()

    def preview(self, key: str) -> bytes | None:
        """The WebP; None = this sequence has none."""
        if key not in self._set:
            return None
        return bytes(self._set.read(self._set.entry(key))[PREVIEW])


def _sequence(key: str, files: dict[str, bytes | memoryview]) -> Sequence:
    if META not in files:
        raise BadShard(f"{key}: expected its {META} among its members, found none; `triage verify` says more")
    sequence = Sequence.from_meta(parse_json(bytes(files[META]), f"{key}/{META}", expect_format=META_FORMAT), f"{key}/{META}")
    if sequence.key != key:
        raise BadShard(f"{key}/{META}: expected {key}, found {sequence.key}; `triage verify` says more")
    return sequence


def _missing(key: str, file: str) -> BadFrame:
    return BadFrame(f"{key}: expected {file} beside its {META} in the shard, found none; pack it again")
