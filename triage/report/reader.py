"""Read a report directory, ours or the earlier tool's. The server, packing, evaluation and `triage report` read through this.

A report exists only when its done-marker `model_config.json` does. `triage.shards` offers the same methods for packed reports.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from triage.errors import BadFile
from triage.files import read_json, sha256_bytes
from triage.report.rows import conform
from triage.sequences import sequence_id_of

__all__ = ["LATEST", "MARKER", "ReportReader", "find_report"]

MARKER = "model_config.json"
LATEST = "latest.json"
_FORMAT = 1


def find_report(reports: Path, variant: str | None = None) -> Path:
    """The directory of the report `variant`, or of the one written last. Raises BadFile naming the next command."""
    if variant is None:
        if not (reports / LATEST).is_file():
            raise BadFile(f"{reports}: no report here; run `triage score` first")
        variant = str(read_json(reports / LATEST, expect_format=_FORMAT).get("variant"))
    known = sorted(path.parent.name for path in reports.glob(f"*/{MARKER}"))
    if variant not in known:
        there = f"there is {', '.join(known)}" if known else "there is none"
        raise BadFile(f"{reports}: no finished report {variant!r}; {there}; run `triage score` to write it")
    return reports / variant


class ReportReader:
    """One report. Opening reads the marker; everything else is read when asked for. Raises BadFile for a damaged or unfinished one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        if not (root / MARKER).is_file():
            raise BadFile(
                f"{root}: no finished report ({MARKER} is missing); run `triage score` again, what is cached is not computed twice"
            )
        self._config: dict[str, Any] = read_json(root / MARKER, expect_format=_FORMAT)

    @property
    def threshold(self) -> float:
        """The score at or above which a sequence is in review, in [0, 1]."""
        value = self._config.get("threshold")
        if not isinstance(value, int | float):
            raise BadFile(f"{self.root / MARKER}: expected a threshold, found {value!r}; run `triage report --threshold 0.35`")
        return float(value)

    @property
    def variant(self) -> str:
        """The name of its directory."""
        return self.root.name

    def model_config(self) -> dict[str, Any]:
        """The package's manifest and config, `threshold`, `model_version`, and how the report was made."""
        return dict(self._config)

    def table(self) -> pa.Table:
        """Every row, in key order, in the columns of SCHEMA (columns that an older tool did not write are null)."""
        path = self.root / "results.parquet"
        try:
            data = path.read_bytes()
        except OSError as error:
            raise BadFile(f"{path}: cannot be read ({error.strerror}); run `triage score` again") from error
        expected = self._hashes().get(path.name)
        if expected is not None and sha256_bytes(data) != expected:
            raise BadFile(f"{path}: not the one that {MARKER} belongs to; run `triage score` again, it computes only what is not cached")
        try:
            return conform(pq.read_table(io.BytesIO(data)))
        except (pa.ArrowException, KeyError) as error:
            raise BadFile(f"{path}: expected a report's columns, found damage ({error}); run `triage score` again") from error

    def details(self, key: str) -> dict[str, Any] | None:
        """How one score came about; None = the model could not judge the sequence, or there is no such row."""
        return self._row_file("details", key)

    def sequence(self, key: str) -> dict[str, Any]:
        """The frames and names of one row. Raises BadFile when there is no such row."""
        content = self._row_file("sequences", key)
        if content is None:
            raise BadFile(f"{self.root}: no sequence {key} in this report")
        return content

    def dropped(self) -> list[dict[str, str]]:
        """Sequences without a row: `sequence_id` (the key), `reason`, `detail`."""
        content = read_json(self.root / "dropped.json")
        if not isinstance(content, list):
            raise BadFile(f"{self.root / 'dropped.json'}: expected a list, found {type(content).__name__}; run `triage score` again")
        return content

    def worklist(self, name: str) -> dict[str, Any]:
        """`review`, `unlabeled` or `hold` as written."""
        content: dict[str, Any] = read_json(self.root / f"{name}.json", expect_format=_FORMAT)
        return content

    def hold_details(self) -> dict[str, str]:
        """What hold.json says beyond the reasons, by key."""
        if not (self.root / "hold.json").is_file():
            return {}
        items = self.worklist("hold").get("items", [])
        return {item["key"]: item["detail"] for item in items if item.get("detail")}

    def _hashes(self) -> Mapping[str, str]:
        found = self._config.get("files")
        return found if isinstance(found, dict) else {}

    def _row_file(self, directory: str, key: str) -> dict[str, Any] | None:
        sequence_id_of(key)  # a key from a request can name nothing but a row
        path = self.root / directory / f"{key}.json"
        if not path.is_file():
            return None
        content: dict[str, Any] = read_json(path, expect_format=_FORMAT)
        return content
