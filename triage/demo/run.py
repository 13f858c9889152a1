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
from triage.demo.request import DemoRequest, claim, world_of
from triage.demo.round_trip import RoundTrip, compare
from triage.demo.server import AnnotatorServer
from triage.model import bundled_package, load_package
from triage.pull import PullOptions, PullSummary, pull
from triage.report import ReportReader, find_report
from triage.score import ScoreRequest, ScoreSummary, score
from triage.shards.pack import pack
from triage.shards.unpack import unpack
from triage.verify import verify

__all__ = ["DemoSummary", "run_demo"]

#: Small shards, so that a demo's queue fills several.
_TARGET_BYTES = 20_000_000


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


def run_demo(request: DemoRequest) -> DemoSummary:
    """Do the whole job in `request.layout`. A second run goes on where the first ended, as the commands do.

    Raises BadModel before anything is written, BadSetting when the data directory holds something other than this demo, and whatever
    the stages raise.
    """
    load_package(request.model or bundled_package())  # a package that cannot be used is better known before the pull than after
    claim(request)
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
        trip = compare(layout, Layout(elsewhere), packed.variant or "")
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
