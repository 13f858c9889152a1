"""Predictions and features on disk, `07_model_output/<model>/`: append-only parts, each written once and named by its own hash.

    model.json                                  which package and settings; its digest must fit
    part-000001-<sha256, 32 digits>.arrow       key, digest, prediction (JSON)            one row per sequence
    features-000001-<sha256, 32 digits>.arrow   key, digest, tube, rows, values (float16) one row per kept tube

Parts are Arrow IPC files without compression, so that they are memory-mapped and nothing is read that is not asked for. A part appears
by one rename after its bytes are on the disk, features before predictions; a kill loses what was not sealed yet. A part whose bytes are
not those its name promises is set aside, and its sequences are computed again. A later row for the same sequence and digest wins.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from triage.errors import BadFile
from triage.files import TEMPORARY_PREFIX, disk_errors, open_atomic, read_json, sha256_file, write_json
from triage.predictions import Prediction

__all__ = ["FORMAT", "Features", "PredictionCache"]

FORMAT = 1
#: A part is sealed at this size, however little time it took.
ROWS_PER_PART = 4096
FEATURE_BYTES_PER_PART = 64_000_000

#: One tube's features: values [R, D] float16, and per slot the row of `values` (-1 = masked).
Features = tuple[npt.NDArray[np.float16], tuple[int, ...]]

_PREDICTIONS: pa.Schema = pa.schema([("key", pa.string()), ("digest", pa.string()), ("prediction", pa.large_string())])
_FEATURES: pa.Schema = pa.schema(
    [
        ("key", pa.string()),
        ("digest", pa.string()),
        ("tube", pa.int32()),
        ("rows", pa.list_(pa.int16())),
        ("width", pa.int32()),
        ("values", pa.large_list(pa.float16())),
    ]
)
_NAME = re.compile(r"(part|features)-(\d{6})-([0-9a-f]{32})\.arrow")
_log = logging.getLogger("triage")

_Place = tuple[int, int]  # index of the table, row


class PredictionCache:
    """One model's predictions. Whoever writes holds the directory's lock (`triage.files.lock`); readers need none.

    identity: what model.json must say (package and settings); None = take it as it is, for reading. Raises BadFile when the directory
    belongs to another model. keep_every: a part is sealed after so many seconds of work; what a kill loses is at most this and the
    batches under way.
    """

    def __init__(self, root: Path, identity: Mapping[str, Any] | None = None, *, keep_every: float = 15.0) -> None:
        self.root = root
        self._keep_every = keep_every
        self._tables: list[pa.Table] = []
        self._places: dict[tuple[str, str], _Place] = {}
        self._feature_tables: list[pa.Table] = []
        self._feature_places: dict[tuple[str, str], list[_Place]] | None = None
        self._rows: list[dict[str, Any]] = []
        self._feature_rows: list[dict[str, Any]] = []
        self._feature_bytes = 0
        self._last_seal = time.monotonic()
        self._identify(identity)
        for path in self._parts("part"):
            self._open_part(path)

    def _identify(self, identity: Mapping[str, Any] | None) -> None:
        path = self.root / "model.json"
        if identity is None:
            self.identity: Mapping[str, Any] = read_json(path, expect_format=FORMAT)
            return
        self.identity = {"format": FORMAT, **identity}
        for left in self.root.glob(f"{TEMPORARY_PREFIX}*"):  # by a run that was killed: the lock says that nobody writes now
            left.unlink(missing_ok=True)
        if not path.is_file():
            with disk_errors(self.root):
                write_json(path, self.identity, durable=True)
        elif read_json(path, expect_format=FORMAT) != self.identity:
            raise BadFile(f"{path}: made by another model, other settings or another version of triage; add --rescore to start over")

    # -- reading

    def __contains__(self, place: tuple[str, str]) -> bool:
        """Is there a prediction for (key, digest)?"""
        return place in self._places

    def __len__(self) -> int:
        return len(self._places)

    def prediction(self, key: str, digest: str) -> Prediction:
        """KeyError when there is none."""
        table, row = self._places[key, digest]
        return Prediction.from_json(json.loads(self._tables[table]["prediction"][row].as_py()))

    def features(self, key: str, digest: str) -> list[Features] | None:
        """Per kept tube, in the order of `prediction.kept`; None = not kept, or damaged. The arrays are views of the mapped file."""
        if self._feature_places is None:
            self._open_features()
        assert self._feature_places is not None
        places = self._feature_places.get((key, digest))
        if places is None:
            return [] if (key, digest) in self and not self.prediction(key, digest).kept else None
        found = []
        for table, row in places:
            columns = self._feature_tables[table]
            width = columns["width"][row].as_py()
            values = columns["values"][row].values.to_numpy(zero_copy_only=True).reshape(-1, width)
            found.append((values, tuple(columns["rows"][row].as_py())))
        return found

    # -- writing

    def add(self, key: str, digest: str, prediction: Prediction, features: list[Features]) -> None:
        """One sequence. Sealed with others when enough work has come together; `seal` does it at once."""
        self._rows.append({"key": key, "digest": digest, "prediction": json.dumps(prediction.to_json(), separators=(",", ":"))})
        for tube, (values, rows) in enumerate(features):
            row = {"key": key, "digest": digest, "tube": tube, "rows": list(rows), "width": values.shape[1], "values": values.reshape(-1)}
            self._feature_rows.append(row)
            self._feature_bytes += values.nbytes
        full = len(self._rows) >= ROWS_PER_PART or self._feature_bytes >= FEATURE_BYTES_PER_PART
        if full or time.monotonic() - self._last_seal >= self._keep_every:
            self.seal()

    def seal(self) -> None:
        """Write what was added since the last part. From here on a kill does not lose it."""
        if self._rows:
            number = 1 + max((_number(path) for kind in ("part", "features") for path in self._parts(kind)), default=0)
            if self._feature_rows:
                path = self._write("features", number, pa.Table.from_pylist(self._feature_rows, schema=_FEATURES))
                if self._feature_places is not None:
                    self._open_feature_part(path)
            path = self._write("part", number, pa.Table.from_pylist(self._rows, schema=_PREDICTIONS))
            self._index(_mapped(path))
            self._rows, self._feature_rows, self._feature_bytes = [], [], 0
        self._last_seal = time.monotonic()

    @staticmethod
    def clear(root: Path) -> None:
        """Forget everything in a model's directory: `--rescore`. The lock must be held."""
        for pattern in ("model.json", "part-*", "features-*"):
            for path in root.glob(pattern):
                path.unlink()

    def _write(self, kind: str, number: int, table: pa.Table) -> Path:
        """The name holds the hash of the bytes, so that one rename makes the part appear together with its proof."""
        unnamed = self.root / f"{TEMPORARY_PREFIX}{kind}"
        with open_atomic(unnamed, durable=True) as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
        path = self.root / f"{kind}-{number:06d}-{sha256_file(unnamed)[:32]}.arrow"
        return unnamed.replace(path)

    # -- parts

    def _parts(self, kind: str) -> list[Path]:
        return sorted(path for path in self.root.glob(f"{kind}-*.arrow") if _NAME.fullmatch(path.name))

    def _open_part(self, path: Path) -> None:
        table = _checked(path, _PREDICTIONS)
        if table is None:
            _set_aside(path, "its sequences are computed again")
        else:
            self._index(table)

    def _index(self, table: pa.Table) -> None:
        at = len(self._tables)
        self._tables.append(table)
        for row, place in enumerate(zip(table["key"].to_pylist(), table["digest"].to_pylist(), strict=True)):
            self._places[place] = (at, row)

    def _open_features(self) -> None:
        self._feature_places = {}
        for path in self._parts("features"):
            self._open_feature_part(path)

    def _open_feature_part(self, path: Path) -> None:
        table = _checked(path, _FEATURES)
        if table is None:
            _set_aside(path, "its features are missing until the sequences are scored again")
            return
        assert self._feature_places is not None
        at = len(self._feature_tables)
        self._feature_tables.append(table)
        for place, rows in _grouped(table):
            self._feature_places[place] = [(at, row) for row in rows]


def _grouped(table: pa.Table) -> Iterator[tuple[tuple[str, str], list[int]]]:
    """Rows of the same sequence, in the order of their tubes."""
    groups: dict[tuple[str, str], list[tuple[int, int]]] = {}
    columns = (table["key"].to_pylist(), table["digest"].to_pylist(), table["tube"].to_pylist())
    for row, (key, digest, tube) in enumerate(zip(*columns, strict=True)):
        groups.setdefault((key, digest), []).append((tube, row))
    for place, rows in groups.items():
        yield place, [row for _, row in sorted(rows)]


def _number(path: Path) -> int:
    return int(path.name.split("-")[1])


def _mapped(path: Path) -> pa.Table:
    """Mapped, not read; one chunk per column, so that a row is found by its number."""
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


def _checked(path: Path, schema: pa.Schema) -> pa.Table | None:
    """The part, or None when its bytes are not those its name promises."""
    match = _NAME.fullmatch(path.name)
    if match is None or sha256_file(path)[:32] != match[3]:
        return None
    table = _mapped(path)
    return table if table.schema.equals(schema) else None


def _set_aside(path: Path, consequence: str) -> None:
    _log.warning("%s: damaged, set aside; %s", path, consequence)
    path.replace(path.with_suffix(".damaged"))
