"""Opening a report's rows for review: the loose report when there is one, else the packed one."""

from __future__ import annotations

from triage.config import Layout
from triage.errors import BadFile
from triage.report import ReportReader, find_report
from triage.review.selection import Rows
from triage.sequences import SequenceSource
from triage.shards.reader import ShardReader, ShardReport
from triage.store import Store

__all__ = ["open_report", "open_rows", "open_source"]


def open_report(layout: Layout, variant: str | None = None) -> ReportReader | ShardReport:
    """The report `variant`, or the one written last. Raises BadFile naming the next command when there is none."""
    try:
        return ReportReader(find_report(layout.reports, variant))
    except BadFile:
        if not (layout.shards / "results.parquet").is_file():
            raise
    packed = ShardReport(layout.shards)
    if variant not in (None, packed.variant):
        raise BadFile(f"{layout.shards}: expected the report {variant!r}, found {packed.variant!r}; run `triage unpack` or `triage score`")
    return packed


def open_rows(layout: Layout, variant: str | None = None) -> Rows:
    """Its rows, as expressions select from them."""
    report = open_report(layout, variant)
    return Rows(report.table(), report.variant or "packed", report.threshold)


def open_source(layout: Layout) -> SequenceSource | None:
    """The frames: the store when there is one, else the shards; None = neither."""
    if layout.sequences.is_dir():
        return Store(layout.sequences)
    return ShardReader(layout.shards) if (layout.shards / "frames").is_dir() else None
