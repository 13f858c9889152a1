"""annotator -> store: list the queue completely, fetch what is new, account for every sequence. `triage pull` and the demo call this."""

from __future__ import annotations

from triage.pull.estimate import Estimate
from triage.pull.job import PullOptions, preview, pull
from triage.pull.summary import Preview, PullSummary

__all__ = ["Estimate", "Preview", "PullOptions", "PullSummary", "preview", "pull"]
