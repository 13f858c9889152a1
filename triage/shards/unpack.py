"""`triage unpack`: shards back into a store and a report, byte for byte. Everything whole is restored; what is not is named."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypeVar

from triage.config import Layout
from triage.errors import BadFile, BadInput, BadShard
from triage.files import lock, parse_json, write_bytes, write_json
from triage.problems import Problem
from triage.progress import Progress
from triage.sequences import key_of, sequence_id_of, slug
from triage.shards.content import WORKERS, in_order
from triage.shards.crew import Crew, crew_size
from triage.shards.entries import Entry
from triage.shards.files import ShardFiles
from triage.shards.frames import directories
from triage.shards.index import Index
from triage.shards.located import entries_of, load_index
from triage.shards.manifest import MANIFEST, Digest, Manifest, is_shard_name, shard_number
from triage.shards.members import MEMBER_ORDER, META, Kind
from triage.shards.pack import MARKER, lock_path
from triage.shards.restore import Restoring, Target, attempt, is_right, restore_all, sweep
from triage.shards.sets import Trouble, load_manifest, scan_shard

__all__ = ["KNOWN_AGGREGATES", "SetOutcome", "UnpackSummary", "unpack"]

#: What the earlier tool's sets have beside their shards; ours name theirs in the report's manifest.
KNOWN_AGGREGATES = ("results.json", "results.parquet", "model_config.json", "dropped.json", "unlabeled.json", "review.json", "hold.json")
_DEFAULT_VARIANT = "default"
_GROUP = 32
#: Sequences that a helping process is given at once.
_TOGETHER = 8

_Item = TypeVar("_Item")


@dataclass(slots=True)
class SetOutcome:
    """What became of every sequence of a set: each is counted once.

    restored: written. right: was there already. newer: the store has more frames than the shards; left alone. failed: what and whose.
    """

    restored: int = 0
    right: int = 0
    newer: int = 0
    failed: list[Problem] = field(default_factory=list)

    @property
    def failed_sequences(self) -> int:
        """How many sequences the problems concern."""
        return len({key for problem in self.failed for key in problem.keys})


@dataclass(frozen=True, slots=True)
class UnpackSummary:
    """What `unpack` did. report None = the shards hold none."""

    frames: SetOutcome
    report: SetOutcome | None = None
    variant: str | None = None

    @property
    def failed(self) -> list[Problem]:
        """Of both sets."""
        return [*self.frames.failed, *(self.report.failed if self.report else ())]


def unpack(
    layout: Layout, *, source: str | Path | None = None, organizations: Collection[str] = (), processes: int | None = None
) -> UnpackSummary:
    """Restore the store and the report from `source` (default `layout.shards`; a directory or any fsspec URL).

    organizations: names or directory names; () = all. processes: how many to start for it, 0 = none; None = as many as the amount of work
    is worth. Raises BadInput when there are no shards, BadShard when no set can be read at all,
    Busy when another pack or unpack runs.
    """
    files = ShardFiles(layout.shards if source is None else source)
    wanted = {slug(name) for name in organizations}
    with contextlib.ExitStack() as stack:
        if files.local is not None and files.local == layout.shards and files.local.is_dir():
            stack.enter_context(lock(lock_path(layout.shards)))
        stack.enter_context(lock(layout.root / ".unpack.lock"))
        manifest = load_manifest(files, "frames")
        report_manifest = load_manifest(files, "report") or _unnamed_report(files)
        if manifest is None and report_manifest is None:
            raise BadInput(
                f"{files.path('frames/' + MANIFEST)}: expected a shard set, found none; run `triage fetch` or `triage pack` first"
            )
        frames, keys = SetOutcome(), None
        if manifest is not None:
            index = load_index(files, "frames", manifest)
            items = _of_organizations(files, manifest, index, wanted)
            keys = set(items) if wanted else None
            _restore_frames(files, manifest, index, items, layout.sequences, frames, processes)
        if report_manifest is None:
            return UnpackSummary(frames)
        variant = report_manifest.variant or _variant(files)
        report = _restore_report(files, report_manifest, layout.reports / variant, keys, processes)
        write_json(layout.reports / "latest.json", {"format": 1, "variant": variant})
        return UnpackSummary(frames, report, variant)


def _of_organizations(files: ShardFiles, manifest: Manifest, index: Index | None, wanted: Collection[str]) -> dict[int, str]:
    """The items of these organizations; all when none is named. Raises BadInput when there are none."""
    if not wanted:
        return dict(manifest.items)
    if index is None:
        raise BadInput(f"{files.path('frames')}: has no index, so --organization cannot be told; leave it out")
    found = {}
    for sequence_id, member in index.members(f"/{META}", manifest.items).items():
        if member.split("/", 1)[0] in wanted:
            found[sequence_id] = manifest.items[sequence_id]
    if not found:
        known = sorted({name for info in manifest.shards.values() for name in info.organizations})
        raise BadInput(f"--organization {', '.join(sorted(wanted))}: expected one of {', '.join(known) or 'none'}")
    return found


def _restore_frames(
    files: ShardFiles,
    manifest: Manifest,
    index: Index | None,
    items: dict[int, str],
    sequences: Path,
    outcome: SetOutcome,
    processes: int | None,
) -> None:
    places = directories(sequences)

    def place_of(entry: Entry) -> str:
        return places.get(entry.sequence_id, entry.directory)

    def look(entry: Entry) -> str | None:
        place = sequences / place_of(entry)
        if is_right(files, "frames", entry, place):
            return "right"
        return "newer" if _is_newer(files, entry, place) else None

    work = _Work(Restoring(files.where, "frames", str(sequences), fresh=False), look, place_of, processes)
    _restore_all(files, "frames", manifest, index, items, work, outcome)


@dataclass(frozen=True, slots=True)
class _Work:
    """How the sequences of a set are restored.

    look: "right" or "newer" for one that is left as it is, None for one to restore. place_of: where it goes. processes: see `unpack`.
    """

    restoring: Restoring
    look: Callable[[Entry], str | None]
    place_of: Callable[[Entry], str]
    processes: int | None


def _restore_all(
    files: ShardFiles,
    kind: Kind,
    manifest: Manifest,
    index: Index | None,
    items: Mapping[int, str],
    work: _Work,
    outcome: SetOutcome,
) -> None:
    """Restore every sequence of `items` that is not there yet, and count what became of each; what cannot be read or found is named."""
    by_shard: dict[str, set[int]] = {}
    for sequence_id, shard in items.items():
        by_shard.setdefault(shard, set()).add(sequence_id)
    missing = dict(items)
    with Progress(f"unpack {kind}", total=len(items), unit="sequence") as progress:

        def entries() -> Iterator[Entry]:
            for shard in sorted(by_shard, key=shard_number):
                try:
                    for found in entries_of(files, kind, manifest, index, shard, by_shard[shard]):
                        if isinstance(found, Entry):
                            yield found
                        else:
                            _refused(found)
                except BadShard as error:
                    keys = sorted(by_shard[shard] & set(missing))
                    outcome.failed.append(Problem(f"{kind}/{shard}", str(error), tuple(map(key_of, keys))))
                    for sequence_id in keys:
                        del missing[sequence_id]

        def _refused(trouble: Trouble) -> None:
            # Whose it is counts only when this is the shard that holds the sequence.
            owned = trouble.sequence_id is not None and items.get(trouble.sequence_id) == trouble.shard
            keys = (key_of(trouble.sequence_id),) if owned and trouble.sequence_id is not None else ()
            outcome.failed.append(Problem(f"{kind}/{trouble.shard}", trouble.what, keys))
            if owned and trouble.sequence_id is not None:
                missing.pop(trouble.sequence_id, None)

        def settle(entry: Entry, result: str | BadFile | None) -> None:
            progress.advance()
            missing.pop(entry.sequence_id, None)
            if isinstance(result, BadFile):
                outcome.failed.append(Problem(f"{kind}/{entry.shard}", str(result), (key_of(entry.sequence_id),)))
            elif result == "newer":
                outcome.newer += 1
            elif result == "right":
                outcome.right += 1
            else:
                outcome.restored += 1

        target, restoring = Target(Path(work.restoring.root)), work.restoring
        processes = work.processes
        if processes is None:
            processes = crew_size(sum(files.size(f"{kind}/{shard}") or 0 for shard in by_shard)) if files.local is not None else 0

        def several(group: tuple[Entry, ...]) -> list[str | BadFile | None]:
            results: list[str | BadFile | None] = [_tolerant(work.look, entry) for entry in group]
            if not processes:
                for at, entry in enumerate(group):
                    if results[at] is None:
                        results[at] = attempt(files, kind, entry, target, work.place_of(entry), fresh=restoring.fresh)
            return results

        def tasks() -> Iterator[tuple[tuple[Entry, str], ...]]:
            # In groups: a look at a sequence that is right costs less than handing it to another thread.
            for group, results in in_order(several, _batched(entries(), _GROUP), ahead=WORKERS + 1):
                if isinstance(results, BadFile):
                    raise results
                left = []
                for entry, result in zip(group, results, strict=True):
                    if result is None and processes:
                        left.append((entry, work.place_of(entry)))
                    else:
                        settle(entry, result)
                yield from _batched(iter(left), _TOGETHER)

        if not processes:
            deque(tasks(), maxlen=0)  # all of it is settled on the way
        else:
            with Crew(restore_all, restoring, processes) as crew:
                for task, answers in crew.map(tasks()):
                    for (entry, _), answer in zip(task, answers, strict=True):
                        settle(entry, answer)
    for sequence_id, shard in sorted(missing.items()):
        what = f"expected {key_of(sequence_id)}, as the manifest says, found nothing of it"
        outcome.failed.append(Problem(f"{kind}/{shard}", what, (key_of(sequence_id),)))
    outcome.failed = _gathered(outcome.failed)


def _gathered(problems: list[Problem]) -> list[Problem]:
    """Those that say the same as one: what a missing shard means is said once, with all whom it concerns."""
    keys: dict[tuple[str, str], list[str]] = {}
    for problem in problems:
        keys.setdefault((problem.path, problem.what), []).extend(problem.keys)
    return [Problem(path, what, tuple(sorted(whose, key=sequence_id_of))) for (path, what), whose in keys.items()]


def _tolerant(look: Callable[[Entry], str | None], entry: Entry) -> str | BadFile | None:
    try:
        return look(entry)
    except BadFile as error:
        return error


def _batched(items: Iterator[_Item], size: int) -> Iterator[tuple[_Item, ...]]:
    """Groups of `size`, the last one shorter."""
    while group := tuple(islice(items, size)):
        yield group


def _is_newer(files: ShardFiles, entry: Entry, place: Path) -> bool:
    """Has the store all frames of the shard, and more? Its meta.json says; one that cannot be read is not newer."""
    try:
        meta = parse_json((place / META).read_bytes(), str(place / META))
        here = {str(frame["file"]) for frame in meta["frames"]}
    except (OSError, BadFile, KeyError, TypeError):
        return False
    return here > {piece.file for piece in entry.pieces} - {META}


def _restore_report(files: ShardFiles, manifest: Manifest, report: Path, keys: Collection[int] | None, processes: int | None) -> SetOutcome:
    """The details, then the aggregates that make a report of them. `keys` None = all; then what is of no sequence of it is removed."""
    outcome = SetOutcome()
    index = load_index(files, "report", manifest)
    items = {sequence_id: shard for sequence_id, shard in manifest.items.items() if keys is None or sequence_id in keys}
    marker = report / MARKER
    fresh = not marker.exists()

    def look(entry: Entry) -> str | None:
        if is_right(files, "report", entry, report):
            return "right"
        # From here until its aggregates are in place the report is unfinished, and says so.
        marker.unlink(missing_ok=True)
        return None

    restoring = Restoring(files.where, "report", str(report), fresh=fresh)
    _restore_all(files, "report", manifest, index, items, _Work(restoring, look, lambda _: "", processes), outcome)
    if keys is None and not outcome.failed:
        _remove_strangers(report, {key_of(sequence_id) for sequence_id in items})
    names: Mapping[str, Digest | None] = manifest.aggregates
    if manifest.variant is None:
        names = dict.fromkeys((name for name in KNOWN_AGGREGATES if files.size(name) is not None), None)
    for name, digest in sorted(names.items(), key=lambda named: named[0] == MARKER):
        try:
            data = files.read(name, digest)
        except BadShard as error:
            outcome.failed.append(Problem(name, str(error)))
            continue
        path = report / name
        sweep(report, f"-{name}")
        if not path.is_file() or path.read_bytes() != data:
            marker.unlink(missing_ok=True)
            write_bytes(path, data)
    return outcome


def _remove_strangers(report: Path, keys: Collection[str]) -> None:
    """What an earlier report of the same variant left: pages of sequences that this one does not have."""
    for folder in MEMBER_ORDER:
        if (report / folder).is_dir():
            for path in (report / folder).iterdir():
                if path.name.removesuffix(".json") not in keys:
                    path.unlink()


def _unnamed_report(files: ShardFiles) -> Manifest | None:
    """A report without a manifest: shards that only their names tell. None = there are none, or they cannot be listed."""
    names = sorted(path.name for path in (files.local / "report").glob("shard_*.tar") if is_shard_name(path.name)) if files.local else []
    items = {}
    for name in names:
        for found in scan_shard(files, "report", name, hashes=False):
            if not isinstance(found, Trouble):
                items[found.sequence_id] = name
    return Manifest(items=items) if names else None


def _variant(files: ShardFiles) -> str:
    """The report's directory name in a set that does not say it: from model_config.json, else "default"."""
    name = "model_config.json"
    if files.size(name) is None:
        return _DEFAULT_VARIANT
    config = parse_json(files.read(name), files.path(name))
    variant = config.get("variant") if isinstance(config, dict) else None
    return slug(variant) if isinstance(variant, str) else _DEFAULT_VARIANT
