"""Does a report keep its promises? Every file is set against `results.parquet`, and the rows against the rule and the store.

Called by `triage verify`, and by the demo at its end. It reads and never repairs.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from triage.errors import BadFile
from triage.files import TEMPORARY_PREFIX, read_json, sha256_file
from triage.problems import Problem
from triage.report.buckets import OUTCOMES, rebucket
from triage.report.reader import MARKER, ReportReader
from triage.report.rows import SCHEMA
from triage.report.worklists import hold_list, review_list, unlabeled_list
from triage.report.write import json_lines
from triage.sequences import sequence_id_of

__all__ = ["verify_report"]

_RULE_COLUMNS = ("triage_score", "probability", "triage_bucket", "hold_reason", "decision", "outcome")


def verify_report(root: Path, store_keys: Iterable[str] | None = None) -> list[Problem]:
    """Everything that is wrong with the report at `root`, in a fixed order; empty = it keeps the contract.

    store_keys: every key of the store that was scored; None = not known, and then only the report itself is checked.
    """
    try:
        reader = ReportReader(root)
        table = reader.table()
        threshold = reader.threshold
        rebucketed = rebucket(table, threshold, reader.model_config().get("no_tube") or "hold")
    except BadFile as error:
        return [Problem(".", str(error))]
    problems = [*_hashes(reader), *_types(root), *_columns(table), *_rule(table, rebucketed), *_results_json(root, table)]
    problems += [*_worklists(reader, table, threshold), *_row_files(root, reader, table)]
    problems += _partition(reader, table["key"].to_pylist(), store_keys)
    return problems


def _hashes(reader: ReportReader) -> Iterator[Problem]:
    for name, expected in sorted(reader.model_config().get("files", {}).items()):
        path = reader.root / name
        if not path.is_file():
            yield Problem(name, "is missing; run `triage score` again")
        elif sha256_file(path) != expected:
            yield Problem(name, f"its sha256 is not the one in {MARKER}; run `triage score` again")
    for path in sorted(reader.root.glob(f"{TEMPORARY_PREFIX}*")):
        yield Problem(path.name, "left by an interrupted run; run `triage report` or `triage score` again to finish it")


def _types(root: Path) -> Iterator[Problem]:
    found = {field.name: field.type for field in pq.read_schema(root / "results.parquet")}
    for field in SCHEMA:
        if found.get(field.name) != field.type:
            yield Problem("results.parquet", f"column {field.name}: expected {field.type}, found {found.get(field.name, 'no such column')}")


def _columns(table: pa.Table) -> Iterator[Problem]:
    for field in SCHEMA:
        if not field.nullable and table[field.name].null_count:
            yield Problem(
                "results.parquet", f"column {field.name}: expected a value in every row, found {table[field.name].null_count} null"
            )
    keys = table["key"].to_pylist()
    if any(second <= first for first, second in itertools.pairwise(keys)):
        yield Problem("results.parquet", "rows: expected ascending keys, each once, found another order")
    wrong = tuple(key for key, number in zip(keys, table["sequence_id"].to_pylist(), strict=True) if not _belongs(key, number))
    if wrong:
        yield Problem("results.parquet", "sequence_id does not belong to the key", wrong)
    strange = sorted(set(pc.unique(table["outcome"]).to_pylist()) - set(OUTCOMES), key=str)
    if strange:
        yield Problem("results.parquet", f"outcome: expected one of {', '.join(OUTCOMES)}, found {strange}")


def _belongs(key: str, number: int) -> bool:
    try:
        return sequence_id_of(key) == number
    except BadFile:
        return False


def _rule(table: pa.Table, rebucketed: pa.Table) -> Iterator[Problem]:
    keys = table["key"].to_pylist()
    for name in _RULE_COLUMNS:
        found, expected = table[name].to_pylist(), rebucketed[name].to_pylist()
        wrong = [index for index, (one, other) in enumerate(zip(found, expected, strict=True)) if one != other]
        if wrong:
            first = wrong[0]
            what = f"{name}: expected {expected[first]!r} by the rule for buckets, found {found[first]!r}"
            yield Problem("results.parquet", what, tuple(keys[index] for index in wrong))


def _results_json(root: Path, table: pa.Table) -> Iterator[Problem]:
    """Byte for byte first, which is cheap; row by row only when that fails (another tool may write JSON differently)."""
    path = root / "results.json"
    if not path.is_file():
        yield Problem(path.name, "is missing; run `triage score` again")
        return
    with path.open("rb") as file:
        if all(file.read(len(piece)) == piece for piece in json_lines(table)) and not file.read(1):
            return
    try:
        found = read_json(path)
    except BadFile as error:
        yield Problem(path.name, str(error))
        return
    expected = table.to_pylist()
    if found != expected:
        wrong = tuple(row["key"] for row, other in zip(expected, found, strict=False) if row != other)
        yield Problem(path.name, f"expected the {len(expected)} rows of results.parquet, found {len(found)} with differences", wrong)


def _worklists(reader: ReportReader, table: pa.Table, threshold: float) -> Iterator[Problem]:
    try:
        hold_details = reader.hold_details()
    except BadFile as error:
        yield Problem("hold.json", str(error))
        hold_details = {}
    lists = {
        "review": review_list(table, threshold),
        "unlabeled": unlabeled_list(table, threshold),
        "hold": hold_list(table, threshold, hold_details),
    }
    for name, expected in lists.items():
        try:
            found = reader.worklist(name)
        except BadFile as error:
            yield Problem(f"{name}.json", str(error))
            continue
        for field in expected:
            if found.get(field) != expected[field]:
                yield Problem(f"{name}.json", f"{field}: {_difference(expected[field], found.get(field))}")


def _difference(expected: Any, found: Any) -> str:
    if isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            return f"expected {len(expected)} entries, found {len(found)}"
        index = next(index for index, (one, other) in enumerate(zip(expected, found, strict=True)) if one != other)
        return f"entry {index}: expected {_short(expected[index])}, found {_short(found[index])}"
    return f"expected {_short(expected)}, found {_short(found)}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 120 else text[:117] + "..."


def _row_files(root: Path, reader: ReportReader, table: pa.Table) -> Iterator[Problem]:
    keys = table["key"].to_pylist()
    judged = [(key, tubes) for key, tubes in zip(keys, table["num_tubes_kept"].to_pylist(), strict=True) if tubes is not None]
    yield from _files(root, "sequences", set(keys))
    yield from _files(root, "details", {key for key, _ in judged})
    scores = dict(zip(keys, table["triage_score"].to_pylist(), strict=True))
    for key, tubes in judged:
        name = f"details/{key}.json"
        try:
            details = reader.details(key)
        except BadFile as error:
            yield Problem(name, str(error), (key,))
            continue
        if details is None:
            continue
        try:
            kept = details["tubes"]["kept"]
            probabilities = [tube["probability"] for tube in kept if tube["probability"] is not None]
        except (KeyError, TypeError) as error:
            yield Problem(name, f"expected tubes.kept with probabilities, found damage ({type(error).__name__}: {error})", (key,))
            continue
        largest = max(probabilities, default=None)
        if len(kept) != tubes:
            yield Problem(name, f"expected the row's {tubes} kept tubes, found {len(kept)}", (key,))
        elif kept and scores[key] is not None and scores[key] != largest:
            yield Problem(name, f"expected the row's score {scores[key]} as largest probability, found {largest}", (key,))


def _files(root: Path, directory: str, keys: set[str]) -> Iterator[Problem]:
    there = {path.name.removesuffix(".json") for path in (root / directory).glob("*.json")}
    missing, strays = tuple(sorted(keys - there)), tuple(sorted(there - keys))
    if missing:
        yield Problem(directory, f"expected a file for each of {len(keys)} rows, {len(missing)} are missing", missing)
    if strays:
        yield Problem(directory, f"{len(strays)} files belong to no row", strays)


def _partition(reader: ReportReader, keys: list[str], store_keys: Iterable[str] | None) -> list[Problem]:
    """Every sequence of the store is in exactly one of review, unlabeled, hold and dropped."""
    try:
        dropped = [str(entry["sequence_id"]) for entry in reader.dropped()]
    except (BadFile, KeyError, TypeError) as error:
        return [Problem("dropped.json", f"expected a list of sequence_id, reason, detail, found damage ({error})")]
    problems = []
    listed = [*keys, *dropped]
    twice = tuple(sorted(key for key, number in Counter(listed).items() if number > 1))
    if twice:
        problems.append(Problem("dropped.json", "sequences that have a row, or are listed twice", twice))
    if store_keys is not None:
        store, report = set(store_keys), set(listed)
        if store - report:
            what = f"{len(store - report)} sequences of the store are in none of review, unlabeled, hold, dropped; run `triage score`"
            problems.append(Problem(".", what, tuple(sorted(store - report))))
        if report - store:
            what = f"{len(report - store)} sequences are no longer in the store; run `triage score`"
            problems.append(Problem(".", what, tuple(sorted(report - store))))
    return problems
