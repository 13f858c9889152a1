"""annotator -> store: list the queue completely, fetch what is new, account for every sequence. `triage pull` and the demo call this."""

from __future__ import annotations

from triage.pull.estimate import TYPICAL_FRAME_BYTES, Estimate
from triage.pull.job import PullOptions, preview, pull
from triage.pull.summary import Preview, PullSummary

__all__ = ["TYPICAL_FRAME_BYTES", "Estimate", "Preview", "PullOptions", "PullSummary", "preview", "pull"]
