"""One opened report: its rows in memory, by key, as an Arrow stream, and next to one another. Made once, shared by threads."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from triage.errors import BadFile
from triage.report.rows import conform
from triage.server.guarded import require_inside
from triage.server.problems import NotServed
from triage.server.rows import COLUMNS, epoch_ms, ipc_stream, page_table
from triage.server.schemas import BucketCounts, ModelPanel, Neighbour, Row

__all__ = ["OpenReport", "ReportSource", "Source"]

Source = Literal["loose", "shards"]
Value = TypeVar("Value")


class ReportSource(Protocol):
    """A report as `triage.report.reader.ReportReader` and `triage.shards.reader.ShardReport` offer it."""

    @property
    def threshold(self) -> float:
        """In [0, 1]."""
        ...

    def table(self) -> pa.Table:
        """Every row."""
        ...

    def details(self, key: str) -> dict[str, Any] | None:
        """How one score came about."""
        ...

    def sequence(self, key: str) -> dict[str, Any]:
        """The frames and names of one row."""
        ...

    def model_config(self) -> dict[str, Any]:
        """The package's manifest and config, `threshold`, `model_version`."""
        ...

    def dropped(self) -> list[dict[str, str]]:
        """Sequences without a row."""
        ...


class OpenReport:
    """Opening reads the rows; what is derived from them is made when first asked for.

    version: changes when the report does. root: its directory; of a packed one, the shards'. Raises BadFile when it is damaged.
    """

    def __init__(self, variant: str, source: Source, reader: ReportSource, version: str, root: Path) -> None:
        self.variant, self.source, self.version = variant, source, version
        self._reader, self._root = reader, root
        self.threshold = reader.threshold
        self.config = reader.model_config()
        self.table = conform(reader.table())
        self._lock = threading.RLock()

    def _once(self, make: Callable[[], Value]) -> Value:
        """Two threads that ask at the same time get one work done."""
        with self._lock:
            return make()

    # -- rows

    @cached_property
    def counts(self) -> BucketCounts:
        """Rows per bucket, as written."""
        tally = {pair["values"]: pair["counts"] for pair in pc.value_counts(self.table["triage_bucket"]).to_pylist()}
        return BucketCounts(review=tally.get("review", 0), unlabeled=tally.get("unlabeled", 0), hold=tally.get("hold", 0))

    @cached_property
    def labelled(self) -> bool:
        """Does at least one row have the label smoke or fp?"""
        return bool(pc.any(pc.is_in(self.table["label"], pa.array(["smoke", "fp"]))).as_py())

    @cached_property
    def num_dropped(self) -> int:
        """Sequences without a row; 0 when the report does not list them."""
        try:
            return len(self._reader.dropped())
        except BadFile:
            return 0

    def prepare(self) -> list[str]:
        """Make what rows and neighbours are looked up by. Returns the keys of all rows."""
        self._once(lambda: (self._positions, self._by_camera, self._alerts, self._neighbour_columns))
        return list(self._positions)

    def arrow(self) -> bytes:
        """All rows as the page reads them."""
        return self._once(lambda: self._arrow)

    def arrow_gzip(self) -> bytes:
        """The same, compressed: for visitors over a network."""
        return self._once(lambda: self._arrow_gzip)

    @cached_property
    def _arrow(self) -> bytes:
        return ipc_stream(page_table(self.table))

    @cached_property
    def _arrow_gzip(self) -> bytes:
        return gzip.compress(self._arrow, compresslevel=3, mtime=0)

    def row(self, key: str) -> Row:
        """The row of `key`. Raises NotServed."""
        values = self.table.select(list(COLUMNS)).slice(self._position(key), 1).to_pylist()[0]
        return Row.model_validate(values)

    def num_frames(self, key: str) -> int:
        """Input frames of `key`, which has a row."""
        return int(self.table["num_frames"][self._position(key)].as_py() or 0)

    def require(self, key: str) -> None:
        """Raise NotServed when there is no row of `key`."""
        self._position(key)

    def _position(self, key: str) -> int:
        position = self._once(lambda: self._positions).get(key)
        if position is None:
            raise NotServed(
                "no such sequence in this report",
                expected=f"a key of the {len(self.table)} rows of {self.variant}, pyro-annotator_<number>",
                found=key[:200],
                next_step=f"GET /api/reports/{self.variant}/rows.arrow lists them",
            )
        return position

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {key: position for position, key in enumerate(self.table["key"].to_pylist())}

    # -- the files of one row

    def details(self, key: str) -> dict[str, Any] | None:
        """How the score of `key`, which has a row, came about; None = the model could not judge it. Raises BadFile."""
        self._guard("details", key)
        return self._reader.details(key)

    def listed(self, key: str) -> dict[str, Any] | None:
        """What the report itself says of the frames of `key`; None = nothing that can be read."""
        try:
            self._guard("sequences", key)
            return self._reader.sequence(key)
        except BadFile:
            return None

    def _guard(self, folder: str, key: str) -> None:
        if self.source == "loose":
            require_inside(self._root / folder / f"{key}.json", self._root)

    # -- neighbours

    def same_camera(self, key: str, reach: int) -> list[Neighbour]:
        """The rows of the same camera that began nearest before and after, at most `reach` each way, in time order."""
        order, place, camera = self._once(lambda: self._by_camera)
        position = self._position(key)
        if camera[position] < 0:
            return []
        at = int(place[position])
        near = order[max(at - reach, 0) : at + reach + 1]
        return self._neighbours(near[(near != position) & (camera[near] == camera[position])])

    def same_alert(self, key: str, most: int) -> list[Neighbour]:
        """The other rows with the same alert id, in time order, at most `most`. Two source APIs may use one id: the caller knows."""
        alerts, times = self._once(lambda: self._alerts)
        position = self._position(key)
        if np.isnan(alerts[position]):
            return []
        others = np.flatnonzero(alerts == alerts[position])
        others = others[np.argsort(times[others], kind="stable")]
        return self._neighbours(others[others != position][:most])

    def _neighbours(self, positions: npt.NDArray[np.intp]) -> list[Neighbour]:
        rows = self._neighbour_columns.take(pa.array(positions, pa.int64())).to_pylist()
        return [Neighbour.model_validate(row) for row in rows]

    @cached_property
    def _neighbour_columns(self) -> pa.Table:
        return self.table.select(list(Neighbour.model_fields)).combine_chunks()

    @cached_property
    def _times(self) -> npt.NDArray[np.float64]:
        return np.asarray(epoch_ms(self.table["started_at"]).to_numpy(zero_copy_only=False), dtype=np.float64)

    @cached_property
    def _alerts(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        ids = pc.cast(self.table["platform_alert_id"], pa.float64()).to_numpy()
        return np.asarray(ids, dtype=np.float64), self._times

    @cached_property
    def _by_camera(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.int64]]:
        """Rows ordered by camera then time; each row's place in that order; each row's camera number (-1 = not known)."""
        names = pc.binary_join_element_wise(
            pc.fill_null(self.table["organization_name"], ""), pc.fill_null(self.table["camera_name"], ""), "\x1f"
        )
        codes = np.asarray(pc.dictionary_encode(names.combine_chunks()).indices.to_numpy(), dtype=np.int64)
        codes = np.where(self.table["camera_name"].is_null().to_numpy(), -1, codes)
        order = np.lexsort((self._times, codes))
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        return order, place, codes

    # -- the model

    def panel(self) -> ModelPanel:
        """What scored this report."""
        manifest, config = _mapping(self.config.get("manifest")), _mapping(self.config.get("config"))
        decision = _mapping(config.get("decision"))
        aggregation = decision.get("aggregation")
        return ModelPanel(
            model_version=self.model_version,
            variant=_text(self.config.get("variant")) or _text(manifest.get("variant")) or self.variant,
            threshold=self.threshold,
            model_threshold=_number(decision.get("logistic_threshold" if aggregation == "logistic" else "threshold")),
            aggregation=aggregation if aggregation in ("logistic", "max_logit") else None,
            context_factor=self.context_factor,
            manifest=manifest,
            config=config,
        )

    @property
    def model_version(self) -> str | None:
        """As the report says; None when it does not."""
        return _text(self.config.get("model_version"))

    @property
    def context_factor(self) -> float | None:
        """Crops show the tube's window enlarged by this factor; None when the report does not say."""
        return _number(_mapping(_mapping(self.config.get("config")).get("model_input")).get("context_factor"))


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
