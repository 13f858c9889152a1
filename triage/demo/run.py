"""The whole job against the annotator at home: pull, score, report, check, pack, unpack elsewhere, and what came of it.

It calls the same library functions as the commands do. `triage demo` prints what `run_demo` returns; `outcomes` judges it by the truth.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from triage.annotator import Client, SequenceQuery
from triage.config import Layout
from triage.demo.outcomes import Outcomes, judge
from triage.demo.replay import replay_world
from triage.demo.scenes import synthetic_world
from triage.demo.server import AnnotatorServer
from triage.demo.world import World
from triage.errors import BadFile, BadSetting
from triage.files import read_json, sha256_file, write_json
from triage.pull import PullOptions, PullSummary, pull
from triage.report import ReportReader, find_report
from triage.score import ScoreRequest, ScoreSummary, score
from triage.shards.pack import pack
from triage.shards.unpack import unpack
from triage.verify import verify

__all__ = ["DemoRequest", "DemoSummary", "RoundTrip", "run_demo", "world_of"]

NOTE_FORMAT = 1
#: Small shards, so that a demo's queue fills several.
_TARGET_BYTES = 20_000_000


@dataclass(frozen=True, slots=True)
class DemoRequest:
    """What to show. replay: a store to serve instead of scenes; then `sequences` and `seed` mean nothing. model None = the bundled one.

    size: (width, height) of rendered images, pixels. threshold: the score from which a sequence goes To Review.
    """

    layout: Layout
    replay: Path | None = None
    sequences: int = 60
    seed: int = 1
    model: Path | None = None
    workers: int = 32
    threshold: float = 0.35
    size: tuple[int, int] = (1280, 720)


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """Store and report, packed and unpacked elsewhere. files, size: compared byte for byte. differing: paths that are not equal."""

    files: int
    size: int
    shards: int
    differing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DemoSummary:
    """What a demo did. seconds: wall time of each stage, in order. problems: what `triage verify` would say.

    requests: that reached the annotator at home; writes: those among them other than GET and the login; leaked: image requests
    that carried the token.
    """

    layout: Layout
    elsewhere: Path
    pulled: PullSummary
    scored: ScoreSummary
    round_trip: RoundTrip
    outcomes: Outcomes
    problems: tuple[str, ...]
    seconds: tuple[tuple[str, float], ...]
    requests: int
    writes: int
    leaked: int

    @property
    def clean(self) -> bool:
        """Everything was pulled, scored, packed and restored, and the counts add up."""
        went_well = self.pulled.clean and not self.scored.failures and not self.problems and not self.round_trip.differing
        return went_well and self.outcomes.adds_up and not self.writes and not self.leaked

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        trip = self.round_trip
        return {
            "format": 1,
            "data": str(self.layout.root),
            "clean": self.clean,
            "pull": self.pulled.to_json(),
            "outcomes": self.outcomes.to_json(),
            "round_trip": {"files": trip.files, "size": trip.size, "shards": trip.shards, "differing": list(trip.differing)},
            "problems": list(self.problems),
            "seconds": {name: round(value, 2) for name, value in self.seconds},
            "annotator": {"requests": self.requests, "writes": self.writes, "leaked": self.leaked},
            "bundled_model": self.scored.bundled_model,
        }

    def text(self) -> str:
        """For people."""
        trip, moved = self.round_trip, self.pulled.fetched
        same = "every byte is the same" if not trip.differing else f"{len(trip.differing)} DIFFER: {', '.join(trip.differing[:5])}"
        lines = [
            f"pulled    {self.pulled.listed} sequences = {self.pulled.stored} stored + {self.pulled.already_there} already there"
            f" + {self.pulled.failed} failed + {self.pulled.left} left; {moved.frames} frames, {moved.size / 1e6:.1f} MB",
            f"annotator {self.requests} requests, {self.writes} of them writes; {self.leaked} image requests carried the token",
            f"scored    {self.scored.computed} computed, {self.scored.cached} known already",
            f"verified  {'store, report and shards keep the contract' if not self.problems else '; '.join(self.problems[:5])}",
            f"packed    {trip.shards} shards, unpacked to {self.elsewhere}: {trip.files} files, {trip.size / 1e6:.1f} MB, {same}",
            "",
            *self.outcomes.lines(),
            "",
            "seconds   " + ", ".join(f"{name} {value:.1f}" for name, value in self.seconds),
            "",
        ]
        if self.scored.bundled_model:
            lines.append("This was the bundled model, for trying the tool out: give your own with --model for real work.")
        data = self.layout.root
        lines += [
            f"next: triage view --data {data}      look at both buckets, decide",
            f"      triage status --data {data}    what lies there and what comes next",
            f"      triage report --data {data} --threshold 0.5    another cut, without the model",
        ]
        return "\n".join(lines)


def world_of(request: DemoRequest) -> World:
    """The world a request asks for."""
    if request.replay is not None:
        return replay_world(request.replay)
    return synthetic_world(request.seed, request.sequences, request.size)


def run_demo(request: DemoRequest) -> DemoSummary:
    """Do the whole job in `request.layout`. A second run goes on where the first ended, as the commands do.

    Raises BadSetting when the data directory holds something other than this demo, and whatever the stages raise.
    """
    _claim(request)
    layout, clock = request.layout, _Clock()
    with clock("scenes"):
        world = world_of(request)
    with AnnotatorServer(world) as server, clock("pull"):
        client = Client(server.url, server.login, server.password, workers=request.workers)
        try:
            pulled = pull(client, layout, PullOptions(SequenceQuery(stage="ready_to_annotate"), request.workers))
        finally:
            client.close()
    with clock("score"):
        models = (request.model,) if request.model is not None else ()
        scored = score(ScoreRequest(layout, request.threshold, models))
    elsewhere = layout.root / "unpacked"
    with clock("pack"):
        packed = pack(layout, target_bytes=_TARGET_BYTES)
    with clock("verify"):
        problems = [f"{problem}" for checked in verify(layout) for problem in checked.problems]
    with clock("unpack"):
        shutil.rmtree(elsewhere, ignore_errors=True)
        restored = unpack(Layout(elsewhere), source=layout.shards)
    with clock("compare"):
        trip = _compare(layout, Layout(elsewhere), packed.variant or "")
    problems += [str(problem) for problem in (*packed.failed, *restored.failed)]
    reader = ReportReader(find_report(layout.reports))
    outcomes = judge(world, reader.table(), {entry["key"] for entry in reader.dropped()}, scored.report.threshold)
    return DemoSummary(
        layout=layout,
        elsewhere=elsewhere,
        pulled=pulled,
        scored=scored,
        round_trip=trip,
        outcomes=outcomes,
        problems=tuple(problems),
        seconds=clock.seconds(),
        requests=len(server.requests),
        writes=len(server.writes),
        leaked=len(server.leaked),
    )


class _Clock:
    """Wall time of named stages."""

    def __init__(self) -> None:
        self._seconds: list[tuple[str, float]] = []

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        begin = time.monotonic()
        yield
        self._seconds.append((name, time.monotonic() - begin))

    def seconds(self) -> tuple[tuple[str, float], ...]:
        """Each stage and their sum, seconds."""
        return (*self._seconds, ("all", sum(value for _, value in self._seconds)))


def _claim(request: DemoRequest) -> None:
    """Note what this data directory shows; refuse one that shows something else: sequences of two worlds have the same ids."""
    root = request.layout.root
    path = root / "demo.json"
    if request.replay is not None:
        note: dict[str, Any] = {"format": NOTE_FORMAT, "replay": str(request.replay.resolve())}
    else:
        note = {"format": NOTE_FORMAT, "seed": request.seed, "sequences": request.sequences, "size": list(request.size)}
    try:
        found = read_json(path, expect_format=NOTE_FORMAT) if path.exists() else None
    except BadFile as error:
        raise BadSetting(f"{path}: damaged ({error}); remove {root} or choose another --data") from error
    if found is None and request.layout.sequences.is_dir():
        raise BadSetting(f"{root}: expected an empty or a demo's data directory, found real work in it; choose another --data")
    if found is not None and found != note:
        raise BadSetting(f"{root}: holds another demo ({_words(found)}, not {_words(note)}); choose another --data, or remove it")
    if found is None:
        write_json(path, note)


def _words(note: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(note.items()) if name != "format")


def _compare(here: Layout, there: Layout, variant: str) -> RoundTrip:
    """Store and report of both places, file by file."""
    files, size, differing = 0, 0, []
    pairs = ((here.sequences, there.sequences), (here.reports / variant, there.reports / variant))
    for one, other in pairs:
        left, right = _digests(one), _digests(other)
        files += len(left)
        size += sum(length for length, _ in left.values())
        differing += [f"{one.name}/{name}" for name in sorted(left.keys() | right.keys()) if left.get(name) != right.get(name)]
    shards = sum(1 for _ in here.shards.rglob("shard_*.tar"))
    return RoundTrip(files, size, shards, tuple(differing))


def _digests(root: Path) -> dict[str, tuple[int, str]]:
    """Length and hash of every file below `root`, by its path. Hidden files are locks and leftovers, not content."""
    found = {}
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            found[path.relative_to(root).as_posix()] = (path.stat().st_size, sha256_file(path))
    return found
