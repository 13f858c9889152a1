"""Labelled sequences -> a package (`model.zip`) with its model card and its evaluation on held-out cameras.

`labels` gathers and refuses, `split` keeps cameras apart, `calibration` turns logits into probabilities, `architecture` is the small
network of the bundled package, `card` describes the result, `job` runs it all. The fitting itself is `triage.model.training`.
Called by `triage train`.
"""

from __future__ import annotations

from triage.train.job import Request, Result, train
from triage.train.labels import Labelled, LabelledSet, gather

__all__ = ["Labelled", "LabelledSet", "Request", "Result", "gather", "train"]
