"""The report: what each sequence was scored, which bucket it is in and why; written, read, re-bucketed, compared and checked.

`write` and `reader` own the files, `rows` the columns, `buckets` the rule, `worklists` and `details` what the JSON files say. Knows
nothing of torch, of the annotator or of how the store lies on disk; `triage.score` feeds it, the server and packing read it.
"""

from __future__ import annotations

from triage.report.buckets import BUCKETS, HOLD_REASONS, OUTCOMES, Counts, NoTube, check_threshold, count, hold_reason, rebucket
from triage.report.check import verify_report
from triage.report.compare import Comparison, compare, write_moves
from triage.report.reader import ReportReader, find_report
from triage.report.rows import DROP_REASONS, MODEL_SCORES, SCHEMA, Dropped, Failure, Scored, conform
from triage.report.write import Heading, Summary, build_report, rebucket_report

__all__ = [
    "BUCKETS",
    "DROP_REASONS",
    "HOLD_REASONS",
    "MODEL_SCORES",
    "OUTCOMES",
    "SCHEMA",
    "Comparison",
    "Counts",
    "Dropped",
    "Failure",
    "Heading",
    "NoTube",
    "ReportReader",
    "Scored",
    "Summary",
    "build_report",
    "check_threshold",
    "compare",
    "conform",
    "count",
    "find_report",
    "hold_reason",
    "rebucket",
    "rebucket_report",
    "verify_report",
    "write_moves",
]
