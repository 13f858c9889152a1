"""Write a report: every file of the contract, each only when its content differs, the done-marker last.

A report is a directory `<reports>/<variant>/`. The order of writing makes every kill harmless:

1. `details/` and `sequences/`, one file per row. When one that exists has to change, the marker goes first: no reader mixes two runs.
2. The six files about all rows and the new marker, prepared in a staging directory, the marker last.
3. They are renamed into place, one right after another, `model_config.json` (the done-marker) last. It carries the sha256 of the six, so
   that a reader in between notices. A kill here is made good by the next writer, which finishes the renaming first.
4. Files of rows that are no more are removed, and `latest.json` names the variant.

Rows arrive in key order and are turned into columns in batches, so that memory stays with the columns (200,000 rows: tens of megabytes).
"""

from __future__ import annotations

import contextlib
import filecmp
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from triage.files import TEMPORARY_PREFIX, disk_errors, dump_json, lock, read_json, sha256_file, write_bytes, write_json
from triage.report.buckets import Counts, NoTube, check_threshold, count, rebucket
from triage.report.details import files_of
from triage.report.reader import MARKER, ReportReader
from triage.report.rows import Dropped, Failure, Scored, json_row, row_of, table_of
from triage.report.worklists import hold_list, review_list, unlabeled_list

__all__ = ["FORMAT", "Heading", "Summary", "build_report", "json_lines", "rebucket_report", "top_files"]

FORMAT = 1
_ROWS_PER_BATCH = 4096


@dataclass(frozen=True, slots=True)
class Heading:
    """What holds for the whole report.

    variant: the directory's name. model_config: the package's manifest and config. calibrated: False holds every row.
    models: names of all models when there are several, as in `Scored.model_scores`; empty = one.
    """

    variant: str
    model_version: str
    model_config: Mapping[str, Any]
    calibrated: bool
    threshold: float
    no_tube: NoTube = "hold"
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """What a report says in numbers. dropped: by reason, ascending. files_written: how many files had to change."""

    path: Path
    variant: str
    threshold: float
    counts: Counts
    dropped: tuple[tuple[str, int], ...]
    files_written: int

    @property
    def total(self) -> int:
        """Every sequence of the store, each counted once."""
        return self.counts.total + sum(number for _, number in self.dropped)


def build_report(reports: Path, data_name: str, heading: Heading, entries: Iterable[Scored | Dropped]) -> Summary:
    """Write the report of `entries`, which come in ascending order of key (as text), each key once.

    reports: the directory of all reports. data_name: the data directory's name, the first part of the frames' paths.
    Raises Busy when another process writes the same report, NoSpace, ValueError when the order is broken (our bug).
    """
    check_threshold(heading.threshold)
    with _writing(reports, heading.variant) as writer:
        batches: list[pa.Table] = []
        rows: list[dict[str, Any]] = []
        dropped: list[dict[str, str]] = []
        hold_details: dict[str, str] = {}
        previous = ""
        for entry in entries:
            key = entry.key if isinstance(entry, Dropped) else entry.sequence.key
            if key <= previous:
                raise ValueError(f"report entries out of order: {key} after {previous}")
            previous = key
            if isinstance(entry, Dropped):
                dropped.append({"sequence_id": key, "reason": entry.reason, "detail": entry.detail})
                continue
            rows.append(row_of(entry, model_version=heading.model_version, calibrated=heading.calibrated))
            if isinstance(entry.result, Failure):
                hold_details[key] = entry.result.detail
            for name, content in files_of(entry, data_name).items():
                writer.put(name, dump_json(content, compact=True))
            if len(rows) == _ROWS_PER_BATCH:
                batches.append(table_of(rows, heading.models))
                rows = []
        batches.append(table_of(rows, heading.models))
        config = {
            **heading.model_config,
            "format": FORMAT,
            "variant": heading.variant,
            "model_version": heading.model_version,
            "calibrated": heading.calibrated,
            "models": list(heading.models),
        }
        return writer.finish(pa.concat_tables(batches), heading.threshold, heading.no_tube, config, dropped, hold_details)


def rebucket_report(reports: Path, variant: str, threshold: float, no_tube: NoTube | None = None) -> Summary:
    """The same report at another threshold, without the model. no_tube None = as the report has it. Same input, same bytes."""
    check_threshold(threshold)
    with _writing(reports, variant) as writer:
        reader = ReportReader(reports / variant)
        config = reader.model_config()
        return writer.finish(
            reader.table(), threshold, no_tube or config.get("no_tube") or "hold", config, reader.dropped(), reader.hold_details()
        )


@contextlib.contextmanager
def _writing(reports: Path, variant: str) -> Iterator[_Writer]:
    """The one writer of a report; nobody else writes it meanwhile."""
    with disk_errors(reports):
        reports.mkdir(parents=True, exist_ok=True)
        with lock(reports / f".{variant}.lock"):
            writer = _Writer(reports / variant)
            try:
                yield writer
            finally:
                writer.close()


class _Writer:
    def __init__(self, root: Path) -> None:
        self._root = root
        self._staging = root / f"{TEMPORARY_PREFIX}staging"
        self._keep: set[str] | None = None
        self._written = 0
        if (self._staging / MARKER).is_file():
            self._commit()
        shutil.rmtree(self._staging, ignore_errors=True)
        self._staging.mkdir(parents=True)

    def close(self) -> None:
        """Remove what was staged, unless it is complete: then the next writer places it."""
        if not (self._staging / MARKER).is_file():
            shutil.rmtree(self._staging, ignore_errors=True)

    def put(self, name: str, data: bytes) -> None:
        """One file of one row, when it differs."""
        if self._keep is None:
            self._keep = set()
        self._keep.add(name)
        path = self._root / name
        try:
            found: bytes | None = path.read_bytes()
        except OSError:
            found = None
        if found == data:
            return
        if found is not None:
            (self._root / MARKER).unlink(missing_ok=True)
        write_bytes(path, data)
        self._written += 1

    def finish(
        self,
        table: pa.Table,
        threshold: float,
        no_tube: NoTube,
        config: Mapping[str, Any],
        dropped: list[dict[str, str]],
        hold_details: Mapping[str, str],
    ) -> Summary:
        """The files about all rows, the marker, and what is left to tidy."""
        table = rebucket(table, threshold, no_tube)
        names = top_files(self._staging, table, threshold, dropped, hold_details)
        hashes = {name: sha256_file(self._staging / name) for name in names}
        marker = {**config, "threshold": threshold, "no_tube": no_tube, "files": hashes}
        write_json(self._staging / MARKER, marker, durable=True)
        self._commit()
        if self._keep is not None:
            self._remove_others(self._keep)
        variant = self._root.name
        latest = self._root.parent / "latest.json"
        data = dump_json({"format": FORMAT, "variant": variant})
        if not latest.is_file() or latest.read_bytes() != data:
            write_bytes(latest, data)
        reasons = Counter(entry["reason"] for entry in dropped)
        return Summary(self._root, variant, threshold, count(table), tuple(sorted(reasons.items())), self._written)

    def _commit(self) -> None:
        """Rename what is staged into place where it differs, the marker last."""
        marker = read_json(self._staging / MARKER)
        for name in (*marker["files"], MARKER):
            staged, path = self._staging / name, self._root / name
            if staged.is_file() and not (path.is_file() and filecmp.cmp(staged, path, shallow=False)):
                staged.replace(path)
                self._written += 1
        shutil.rmtree(self._staging, ignore_errors=True)

    def _remove_others(self, keep: set[str]) -> None:
        for directory in ("details", "sequences"):
            for path in (self._root / directory).glob("*"):
                if f"{directory}/{path.name}" not in keep:
                    path.unlink(missing_ok=True)


def top_files(
    root: Path, table: pa.Table, threshold: float, dropped: list[dict[str, str]], hold_details: Mapping[str, str]
) -> tuple[str, ...]:
    """Write the six files about all rows into `root` and return their names. `table` is what `rebucket` made."""
    table = table.combine_chunks()  # how the rows came together must not show in the bytes
    lists: dict[str, Any] = {
        "dropped.json": sorted(dropped, key=lambda entry: entry["sequence_id"]),
        "hold.json": hold_list(table, threshold, hold_details),
        "review.json": review_list(table, threshold),
        "unlabeled.json": unlabeled_list(table, threshold),
    }
    for name, content in lists.items():
        write_json(root / name, content)
    with disk_errors(root):
        with (root / "results.json").open("wb") as file:
            for line in json_lines(table):
                file.write(line)
        pq.write_table(table, root / "results.parquet", compression="zstd", row_group_size=65536)
    return (*lists, "results.json", "results.parquet")


def json_lines(table: pa.Table) -> Iterator[bytes]:
    """results.json piece by piece: a JSON list with one row per line, keys in the order of the columns."""
    yield b"["
    first = True
    for batch in table.to_batches(max_chunksize=_ROWS_PER_BATCH):
        for row in batch.to_pylist():
            yield (("\n" if first else ",\n") + json_row(row)).encode()
            first = False
    yield b"\n]\n"
