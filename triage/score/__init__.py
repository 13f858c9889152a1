"""Scoring: a store or shards through models into predictions, and from predictions into the report.

`inputs` reads sequences, `cache` keeps predictions and features, `rehead` scores from features, `run` puts them together.
`triage score` and the demo call `score`.
"""

from __future__ import annotations

from triage.score.cache import PredictionCache
from triage.score.run import ScoreRequest, ScoreSummary, score

__all__ = ["PredictionCache", "ScoreRequest", "ScoreSummary", "score"]
