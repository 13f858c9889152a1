"""What the commands say when they are done: for machines (a summary) and for people (text). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from triage.problems import Problem
from triage.shards.fetch import FetchSummary
from triage.shards.merge import MergeSummary
from triage.shards.pack import PackSummary
from triage.shards.unpack import SetOutcome, UnpackSummary

__all__ = ["fetch_summary", "fetch_text", "merge_text", "pack_summary", "pack_text", "problem_lines", "unpack_summary", "unpack_text"]

_SHOWN = 20


def problem_lines(problems: Iterable[Problem]) -> list[str]:
    """One line each; the first twenty."""
    found = list(problems)
    return [f"  {problem}" for problem in found[:_SHOWN]] + ([f"  ... and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else [])


def pack_summary(done: PackSummary) -> dict[str, Any]:
    """For `--json`."""
    summary: dict[str, Any] = {"frames": asdict(done.frames), "variant": done.variant, "report": None}
    if done.report is not None:
        summary["report"] = asdict(done.report)
    summary["previews"] = None if done.previews is None else asdict(done.previews)
    return summary


def pack_text(done: PackSummary) -> str:
    """For people."""
    frames = done.frames
    total = frames.new + frames.changed + frames.unchanged + frames.older + len(frames.failed)
    lines = [
        f"frames: {total} sequences = {frames.new} new + {frames.changed} changed + {frames.unchanged} unchanged + "
        f"{frames.older} older here + {len(frames.failed)} failed; {len(frames.shards)} shards written"
    ]
    if frames.older:
        lines.append(f"  {frames.older} are packed with more frames than the store has: `triage unpack` brings them")
    if done.report is None:
        lines.append("report: none yet; run `triage score`, then pack again")
    else:
        report = done.report
        lines.append(
            f"report {done.variant}: {report.sequences} sequences; {len(report.written)} shards written, "
            f"{len(report.kept)} kept as they were"
        )
    if done.previews is not None:
        drawn = done.previews
        lines.append(f"previews: {drawn.made} drawn, {drawn.kept} kept, {len(drawn.without)} without (their frames do not decode)")
    if done.failed:
        lines += ["not packed:", *problem_lines(done.failed)]
    return "\n".join(lines)


def unpack_summary(done: UnpackSummary) -> dict[str, Any]:
    """For `--json`."""
    return {
        "frames": asdict(done.frames),
        "report": None if done.report is None else asdict(done.report),
        "variant": done.variant,
    }


def unpack_text(done: UnpackSummary) -> str:
    """For people."""
    lines = [f"frames: {_counts(done.frames)}"]
    lines.append("report: the shards hold none" if done.report is None else f"report {done.variant}: {_counts(done.report)}")
    if done.frames.newer:
        lines.append(f"  {done.frames.newer} have more frames here than in the shards and were left alone: `triage pack` packs them")
    if done.failed:
        lines += ["not restored:", *problem_lines(done.failed)]
    return "\n".join(lines)


def fetch_summary(done: FetchSummary) -> dict[str, Any]:
    """For `--json`."""
    return {"pulled": list(done.pulled), "unpacked": None if done.unpacked is None else unpack_summary(done.unpacked)}


def fetch_text(done: FetchSummary) -> str:
    """For people."""
    if done.unpacked is None:
        return "previews and the table are here; `triage fetch` brings the rest"
    return f"{unpack_text(done.unpacked)}\nnext: `triage view`"


def merge_text(done: MergeSummary) -> str:
    """For people."""
    report = f"report {done.variant}, of the first set" if done.variant else "no report"
    return (
        f"{done.sequences} sequences; {done.shared} shards of the common base, {done.from_first} of the first set, "
        f"{done.from_second} of the second; {done.conflicts} sequences were packed by both, the fuller form is used\n"
        f"{report}; run `triage unpack`, `triage score` and `triage pack` over it for a report of all"
    )


def _counts(outcome: SetOutcome) -> str:
    newer = f" + {outcome.newer} newer here" if outcome.newer else ""
    total = outcome.restored + outcome.right + outcome.newer + outcome.failed_sequences
    return f"{total} sequences = {outcome.restored} restored + {outcome.right} right already{newer} + {outcome.failed_sequences} failed"
