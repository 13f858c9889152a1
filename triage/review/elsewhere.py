"""Decided sequences that are in no row of the report at hand: which they are, and which camera alert each belongs to.

A decision outlives its report. What is not in the report is in no payload, but a smoke among it still guards the other sequences of its
alert, which other reports and the store know.
"""

from __future__ import annotations

from triage.config import Layout
from triage.errors import BadFile
from triage.report import ReportReader
from triage.report.reader import MARKER
from triage.review.fold import State
from triage.review.selection import Rows
from triage.sequences import key_of
from triage.store import Store

__all__ = ["decided_elsewhere"]


def decided_elsewhere(layout: Layout, rows: Rows, state: State) -> dict[int, float | None]:
    """Sequence id -> platform_alert_id, of every sequence that somebody has an opinion about and that has no row; None = not known."""
    wanted = {number for number, _ in state.all_standing() if rows.row_of(number) is None}
    found: dict[int, float | None] = dict.fromkeys(sorted(wanted))
    if not wanted:
        return found
    for marker in sorted(layout.reports.glob(f"*/{MARKER}")):
        try:
            table = ReportReader(marker.parent).table()
        except BadFile:
            continue  # another report's damage is its own; `triage verify` says it
        for number, alert in zip(table["sequence_id"].to_pylist(), table["platform_alert_id"].to_pylist(), strict=True):
            if number in wanted and alert is not None:
                found[number] = float(alert)
    if layout.sequences.is_dir():
        store = Store(layout.sequences)
        for number in [number for number, alert in found.items() if alert is None]:
            try:
                alert = store.sequence(key_of(number)).platform_alert_id
            except BadFile:
                continue
            found[number] = None if alert is None else float(alert)
    return found
