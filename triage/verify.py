"""Does what lies on disk keep the contract? A store, a report, a shard set, or a whole data directory. Reads only, repairs nothing.

Called by `triage verify`. The report's and the shards' own rooms know their rules; the store's are `Store.check`'s.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from triage.config import Layout
from triage.errors import BadFile, BadSetting
from triage.problems import Problem
from triage.progress import Progress
from triage.report import find_report, verify_report
from triage.store import Store

__all__ = ["Checked", "verify", "verify_store"]

Kind = Literal["store", "report", "shards"]
#: Frames are read and hashed by so many threads: reading waits for the disk, hashing lets go of the interpreter.
_THREADS = 4


@dataclass(frozen=True, slots=True)
class Checked:
    """One thing that was checked. problems: empty = it keeps the contract."""

    kind: Kind
    path: Path
    problems: tuple[Problem, ...]


def verify(layout: Layout, path: Path | None = None) -> list[Checked]:
    """Check `path`, whatever it is, or everything in the data directory. Raises BadSetting when there is nothing to check."""
    if path is not None and not (path / "01_raw").is_dir() and not (path / "02_shards").is_dir():
        if not path.is_dir():
            raise BadSetting(f"{path}: expected the directory of a store, a report or shards, found nothing")
        return [_check(path, None)]
    layout = layout if path is None else Layout(path)
    checked = []
    keys: list[str] | None = None
    if layout.sequences.is_dir():
        keys = Store(layout.sequences).keys()
        checked.append(_check(layout.sequences, None))
    if (layout.reports / "latest.json").is_file():
        try:
            checked.append(_check(find_report(layout.reports), keys))
        except BadFile as error:
            checked.append(Checked("report", layout.reports, (Problem(".", str(error)),)))
    if layout.shards.is_dir():
        checked.append(_check(layout.shards, None))
    if not checked:
        raise BadSetting(
            f"{layout.root}: nothing to check here: no store, no report, no shards; run `triage pull` or `triage unpack` first"
        )
    return checked


def _check(path: Path, store_keys: list[str] | None) -> Checked:
    kind = _kind(path)
    if kind == "store":
        return Checked(kind, path, tuple(verify_store(Store(path))))
    if kind == "report":
        return Checked(kind, path, tuple(verify_report(path, store_keys)))
    from triage.shards.verify import verify_shards

    return Checked(kind, path, tuple(verify_shards(path)))


def _kind(path: Path) -> Kind:
    if any((path / name / "manifest.json").is_file() for name in ("frames", "report")):
        return "shards"
    if any((path / name).exists() for name in ("model_config.json", "results.parquet", "results.json")):
        return "report"
    return "store"


def verify_store(store: Store) -> list[Problem]:
    """Every sequence's meta.json, and every frame's presence, size, hash and wholeness; ids that are there twice."""
    keys = store.keys()
    if not keys:
        return [Problem(".", "expected sequences as <organization>/<camera>/seq_<id>/meta.json, found none; run `triage pull`")]
    problems = [_problem(store, error, ()) for error in store.problems()]
    with Progress("verify", total=len(keys), unit="sequence") as progress, ThreadPoolExecutor(_THREADS, "triage-verify") as pool:
        for key, errors in zip(keys, pool.map(store.check, keys), strict=True):
            problems += [_problem(store, error, (key,)) for error in errors]
            progress.advance()
    return list({(problem.path, problem.what): problem for problem in problems}.values())


def _problem(store: Store, error: BadFile, keys: tuple[str, ...]) -> Problem:
    """The store's messages begin with the path."""
    path, _, what = str(error).replace(f"{store.root}/", "").partition(": ")
    return Problem(path, what, keys)
