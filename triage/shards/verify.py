"""Is a shard set what its manifests say? Finds flipped bytes, missing and cut shards, orphans and lies, and names whose they are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import get_args

from triage.errors import BadFile
from triage.files import parse_json
from triage.problems import Problem
from triage.progress import Progress
from triage.sequences import META_FORMAT, Sequence, key_of
from triage.shards.content import folded_digest, in_order
from triage.shards.entries import Entry
from triage.shards.files import STAGED_PREFIX, ShardFiles, staged_name
from triage.shards.index import Index, Row
from triage.shards.located import entry_of, load_index
from triage.shards.manifest import INDEX, MANIFEST, Digest, Manifest, ShardInfo, is_shard_name
from triage.shards.members import META, Kind
from triage.shards.sets import Trouble, load_manifest, scan_shard
from triage.shards.tar import header, padded

__all__ = ["verify_shards"]


def verify_shards(root: Path) -> list[Problem]:
    """Everything that is wrong with the shard set in `root`; [] = all is well. Every byte is read; paths are relative to `root`.

    A set of the earlier tool has no hashes: there the tars' structure, their names and every meta.json are checked.
    """
    files = ShardFiles(root)
    problems: list[Problem] = []
    manifests: dict[Kind, Manifest] = {}
    for kind in get_args(Kind):
        try:
            manifest = load_manifest(files, kind)
        except BadFile as error:
            problems.append(Problem(f"{kind}/{MANIFEST}", _without(root, error)))
            continue
        if manifest is not None:
            manifests[kind] = manifest
            problems += _verify_set(files, kind, manifest)
        problems += _orphans(root, kind, manifest)
    if not manifests and not problems:
        return [Problem(".", f"expected a shard set, found no {MANIFEST} in frames, report or previews")]
    aggregates = manifests["report"].aggregates if "report" in manifests else {}
    for name, digest in sorted(aggregates.items()):
        problems += _verify_file(root, name, digest)
    problems += _strangers(root, manifests)
    problems += _unknown_sequences(manifests)
    return sorted(problems)


def _verify_set(files: ShardFiles, kind: Kind, manifest: Manifest) -> Iterator[Problem]:
    index: Index | None = None
    try:
        index = load_index(files, kind, manifest)
    except BadFile as error:
        yield Problem(f"{kind}/{INDEX}", _without(files.local, error))
    if index is not None:
        for shard in sorted(set(index.shard_names) - set(manifest.shards)):
            yield Problem(f"{kind}/{INDEX}", f"lists {shard}, which the manifest does not name")
    living: dict[str, list[int]] = {shard: [] for shard in manifest.shard_names}
    for sequence_id, shard in manifest.items.items():
        living[shard].append(sequence_id)
    with Progress(f"verify {kind}", total=len(living), unit="shard") as progress:
        for _, found in in_order(lambda shard: _verify_shard(files, kind, manifest, index, shard, living[shard]), manifest.shard_names):
            progress.advance()
            if isinstance(found, BadFile):
                raise found
            yield from found


def _verify_shard(files: ShardFiles, kind: Kind, manifest: Manifest, index: Index | None, shard: str, living: list[int]) -> list[Problem]:
    path, info = f"{kind}/{shard}", manifest.shards.get(shard)
    everyone = tuple(key_of(sequence_id) for sequence_id in sorted(living))
    size = files.size(path)
    if size is None:
        return [Problem(path, "expected a shard, found none; fetch it", everyone)]
    if index is None:
        return _scanned(files, kind, shard, living)
    rows = list(index.shard_rows(shard))
    problems = []
    absent = sorted(set(living) - {row.sequence_id for row in rows})
    if absent:
        what = f"the manifest says it holds {len(absent)} sequences of which the index knows nothing"
        problems.append(Problem(f"{kind}/{MANIFEST}", what, tuple(map(key_of, absent))))
    if info is not None and (size != info.digest.size or _digest(files, path, info) != info.digest.sha256):
        damaged = sorted(_damaged(files, path, rows, size))
        cut = (
            f"expected {info.digest.size} bytes, found {size}"
            if size != info.digest.size
            else "its bytes are not those that the manifest vouches for"
        )
        problems.append(Problem(path, f"{cut}; {len(damaged)} sequences are damaged, fetch it again", tuple(map(key_of, damaged))))
    elif info is not None and info.sequences != len({row.sequence_id for row in rows}):
        found = len({row.sequence_id for row in rows})
        problems.append(Problem(f"{kind}/{MANIFEST}", f"{shard}: says {info.sequences} sequences, the index lists {found}"))
    else:
        problems += _lies(files, kind, shard, rows)
    return problems


def _damaged(files: ShardFiles, path: str, rows: Iterable[Row], size: int) -> set[int]:
    """Whose bytes are not what was written; headers and padding count, as they are known too in shards that were written here."""
    content, around, everyone, at = set[int](), set[int](), set[int](), 0
    for row in rows:
        everyone.add(row.sequence_id)
        head = header(row.member, row.size)
        stop = row.offset + padded(row.size)
        if stop > size or row.offset < at:
            content.add(row.sequence_id)
        else:
            data = memoryview(files.read_range(path, at, stop - at))
            body = data[row.offset - at :][: row.size]
            if hashlib.sha256(body).hexdigest() != row.sha256:
                content.add(row.sequence_id)
            if data[: row.offset - at] != head or any(data[row.offset - at + row.size :]):
                around.add(row.sequence_id)
        at = stop
    # Every header is another: the earlier tool wrote this shard, and what its headers were is not known.
    return content if around == everyone and len(everyone) > 1 else content | around


def _lies(files: ShardFiles, kind: Kind, shard: str, rows: list[Row]) -> Iterator[Problem]:
    """The shard is the one that was packed: does the index tell the truth about it?"""
    path = f"{kind}/{shard}"
    there = {}
    for member in scan_shard(files, kind, shard, hashes=False):
        if isinstance(member, Trouble):
            yield Problem(path, member.what, () if member.sequence_id is None else (key_of(member.sequence_id),))
        else:
            there[member.member] = (member.offset, member.size)
    said = {row.member: (row.offset, row.size) for row in rows}
    owners = {row.member: row.sequence_id for row in rows}
    wrong = sorted({owners[name] for name in said if there.get(name) != said[name]})
    if wrong:
        yield Problem(f"{kind}/{INDEX}", f"{shard}: members do not lie where their rows say", tuple(map(key_of, wrong)))
    if set(there) - set(said):
        yield Problem(f"{kind}/{INDEX}", f"{shard}: has {len(set(there) - set(said))} members that no row tells of")
    groups: dict[int, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.sequence_id, []).append(row)
    for sequence_id, group in groups.items():
        found = entry_of(kind, group)
        if isinstance(found, Trouble):
            yield Problem(path, found.what, (key_of(sequence_id),))
        elif kind == "frames":
            yield from _meta_problems(files, found)


def _meta_problems(files: ShardFiles, entry: Entry) -> Iterator[Problem]:
    """meta.json must read, and name frames that are there with the hashes they have."""
    path, keys = f"frames/{entry.shard}", (key_of(entry.sequence_id),)
    pieces = {piece.file: piece for piece in entry.pieces}
    if META not in pieces:
        yield Problem(path, f"expected {META} among its members, found none", keys)
        return
    try:
        data = files.read_range(path, pieces[META].offset, pieces[META].size)
        sequence = Sequence.from_meta(parse_json(data, META, expect_format=META_FORMAT), META)
    except BadFile as error:
        yield Problem(path, str(error), keys)
        return
    if sequence.sequence_id != entry.sequence_id:
        yield Problem(path, f"{META}: expected {keys[0]}, found {sequence.key}", keys)
    for frame in sequence.frames:
        piece = pieces.get(frame.file)
        if piece is None:
            yield Problem(path, f"expected {frame.file}, which {META} names, found none", keys)
        elif piece.sha256 and frame.sha256 is not None and frame.sha256 != piece.sha256:
            yield Problem(path, f"{frame.file}: its sha256 is not the one in {META}", keys)


def _scanned(files: ShardFiles, kind: Kind, shard: str, living: list[int]) -> list[Problem]:
    """A shard of the earlier tool: what its structure, its names and its meta.json files tell."""
    problems, groups = [], dict[int, list[Row]]()
    for found in scan_shard(files, kind, shard, hashes=False):
        if isinstance(found, Trouble):
            owner = found.sequence_id
            problems.append(Problem(f"{kind}/{shard}", found.what, () if owner is None else (key_of(owner),)))
        else:
            groups.setdefault(found.sequence_id, []).append(found)
    for rows in groups.values():
        entry = entry_of(kind, rows)
        if kind == "frames" and isinstance(entry, Entry):
            problems += _meta_problems(files, entry)
    absent = sorted(set(living) - set(groups))
    if absent:
        what = f"expected {len(absent)} sequences that the manifest says it holds, found nothing of them"
        problems.append(Problem(f"{kind}/{shard}", what, tuple(map(key_of, absent))))
    return problems


def _orphans(root: Path, kind: Kind, manifest: Manifest | None) -> Iterator[Problem]:
    """Files in a set's directory that its manifest does not name."""
    named = {MANIFEST} if manifest is not None else set()
    if manifest is not None:
        named |= {*manifest.shard_names, *({INDEX} if manifest.index else ())}
        if manifest.index is not None:
            named.add(staged_name(INDEX, manifest.index))
    directory = root / kind
    for name in sorted(path.name for path in directory.iterdir()) if directory.is_dir() else ():
        if name not in named:
            what = "an orphan: the manifest does not name it" if is_shard_name(name) else "is not part of the set"
            yield Problem(f"{kind}/{name}", f"{what}; `triage pack` removes what a killed pack left")


def _strangers(root: Path, manifests: dict[Kind, Manifest]) -> Iterator[Problem]:
    """Files beside the sets that nobody names. A set of the earlier tool does not name its aggregates."""
    report = manifests.get("report")
    for name in sorted(path.name for path in root.iterdir()):
        if name in get_args(Kind) or (report is not None and name in report.aggregates):
            continue
        staged = report is not None and name in {staged_name(each, digest) for each, digest in report.aggregates.items()}
        if not staged and (report is None or report.variant is not None or name.startswith(STAGED_PREFIX)):
            if report is None and not name.startswith("."):
                continue
            yield Problem(name, "is not part of the set; `triage pack` removes what a killed pack left")


def _verify_file(root: Path, name: str, digest: Digest) -> Iterator[Problem]:
    staged = root / staged_name(name, digest)
    path = staged if staged.exists() else root / name
    if not path.is_file():
        yield Problem(name, "expected a file, found none; fetch it")
    elif path.stat().st_size != digest.size:
        yield Problem(name, f"expected {digest.size} bytes, found {path.stat().st_size}; fetch it again")
    elif hashlib.sha256(path.read_bytes()).hexdigest() != digest.sha256:
        yield Problem(name, "its sha256 is not the one in the manifest; fetch it again")


def _unknown_sequences(manifests: dict[Kind, Manifest]) -> Iterator[Problem]:
    """A report or a preview of a sequence that has no frames here."""
    if "frames" not in manifests:
        return
    for kind in ("report", "previews"):
        manifest = manifests.get(kind)
        unknown = sorted(set(manifest.items) - set(manifests["frames"].items)) if manifest is not None else []
        if unknown:
            what = f"names {len(unknown)} sequences that frames/{MANIFEST} does not; run `triage pack` where their frames are"
            yield Problem(f"{kind}/{MANIFEST}", what, tuple(map(key_of, unknown)))


def _digest(files: ShardFiles, path: str, info: ShardInfo) -> str:
    """Of the kind that the manifest gives."""
    if info.folded:
        return folded_digest(files, path).sha256
    with files.open(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # a BinaryIO will do


def _without(root: Path | None, error: BadFile) -> str:
    """The message without the directory that the Problem's path is relative to."""
    return str(error).removeprefix(f"{root}/")
