"""How good the split is: labelled sequences against their scores, with intervals that respect cameras.

`sample` reads a report and its labels into aligned arrays, `ranking` holds the curves of one (weighted) sample, `measure` computes
everything `evaluation.json` says, `bootstrap` resamples whole cameras, `page` and `text` draw it, `overlap` tells whether a model was
trained on what it is measured with, `run` writes the files. Called by `triage evaluate` and by training for its held-out cameras.
Knows nothing of torch, of the store's code or of the report's code: it reads their files by the data contract.
"""

from __future__ import annotations

from triage.evaluation.measure import evaluate
from triage.evaluation.overlap import fingerprint, pack_fingerprints, unpack_fingerprints
from triage.evaluation.records import Coverage, Estimate, Evaluation
from triage.evaluation.run import Request, Written, run, write
from triage.evaluation.sample import Labelled, Sample, read_labels, read_report
from triage.evaluation.text import table

__all__ = [
    "Coverage",
    "Estimate",
    "Evaluation",
    "Labelled",
    "Request",
    "Sample",
    "Written",
    "evaluate",
    "fingerprint",
    "pack_fingerprints",
    "read_labels",
    "read_report",
    "run",
    "table",
    "unpack_fingerprints",
    "write",
]
