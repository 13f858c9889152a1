"""How the commands that write a report say what is in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from triage.report import Summary

__all__ = ["buckets_summary", "buckets_text"]


def buckets_summary(report: Summary) -> dict[str, Any]:
    """Plain data for `--json`: review + unlabeled + hold + dropped = sequences."""
    counts = report.counts
    return {
        "format": 1,
        "report": str(report.path),
        "variant": report.variant,
        "threshold": report.threshold,
        "sequences": report.total,
        "review": counts.review,
        "unlabeled": counts.unlabeled,
        "hold": counts.hold,
        "hold_reasons": dict(counts.hold_reasons),
        "dropped": sum(number for _, number in report.dropped),
        "dropped_reasons": dict(report.dropped),
    }


def buckets_text(report: Summary) -> list[str]:
    """The same as a table that adds up."""
    from triage.report import DROP_REASONS, HOLD_REASONS

    counts = report.counts
    dropped = sum(number for _, number in report.dropped)
    return [
        f"{report.total:>8} sequences",
        f"{counts.review:>8} To Review   (score >= {report.threshold:g})",
        f"{counts.unlabeled:>8} Unlabel     (score < {report.threshold:g})",
        f"{counts.hold:>8} Hold",
        *_reasons(counts.hold_reasons, HOLD_REASONS),
        f"{dropped:>8} dropped",
        *_reasons(report.dropped, DROP_REASONS),
        f"report: {report.path}",
    ]


def _reasons(reasons: tuple[tuple[str, int], ...], meanings: Mapping[str, str]) -> list[str]:
    return [f"{number:>16} {reason}: {meanings.get(reason, 'said by another tool')}" for reason, number in reasons]
