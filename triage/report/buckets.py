"""The one rule for buckets, decisions and outcomes. Pure: columns in, columns out; no I/O.

Everything that needs a bucket asks here: writing a report, `triage report --threshold`, the checks, the comparison. The viewer has the
same rule in TypeScript; `viewer/test-vectors/rebucket.json` holds both to the same answers.

The rule, first match wins:

1. a row with a hold reason                                          -> hold (no score may be trusted)
2. a row without a score, or with one that is not a number in [0, 1] -> hold
3. score >= threshold, compared as 64-bit floats                     -> review
4. otherwise                                                         -> unlabeled

`decision` is "discard" for unlabeled and "keep" for review and hold: what nobody can judge is never discarded. `outcome` sets the decision
against the label, "n/a" where there is none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from triage.errors import BadSetting
from triage.predictions import Prediction

__all__ = [
    "BUCKETS",
    "HOLD_REASONS",
    "OUTCOMES",
    "Bucket",
    "Counts",
    "NoTube",
    "check_threshold",
    "count",
    "hold_reason",
    "rebucket",
]

Bucket = Literal["review", "unlabeled", "hold"]
#: What becomes of a sequence in which the model kept no tube: held (ours), or 0.0 and so unlabeled (the earlier tool's rule).
NoTube = Literal["hold", "unlabel"]

BUCKETS: tuple[Bucket, ...] = ("review", "unlabeled", "hold")
OUTCOMES: tuple[str, ...] = ("n/a", "kept-smoke", "discarded-fp", "kept-fp", "discarded-smoke")

#: Why no score may be trusted, in the words that people read.
HOLD_REASONS: dict[str, str] = {
    "no_tube": "no box could be followed over the frames, so there was nothing to judge",
    "frame_missing": "a frame is not there",
    "frame_unreadable": "a frame is cut, damaged, not what meta.json says, or does not decode",
    "bad_boxes": "a box is not finite, has a negative size or an impossible confidence, or is not normalised",
    "boxes_unknown": "meta.json says nothing of boxes (a store of the earlier tool)",
    "not_finite": "the model's number for a tube is not a number",
    "uncalibrated": "the model has no calibrator, so its numbers are no probabilities",
    "score_not_finite": "a kept prediction holds a number that is not a number",
    "score_out_of_range": "a probability lies outside 0 to 1",
    "no_score": "the report gives no score and no reason (written by another tool)",
}


def check_threshold(value: float) -> float:
    """`value` when it can be compared with scores. Raises BadSetting unless it is a number in [0, 1]."""
    if not 0.0 <= value <= 1.0:
        raise BadSetting(f"threshold {value!r}: expected a number from 0 to 1; the default is 0.35")
    return value


def hold_reason(prediction: Prediction, *, calibrated: bool) -> str | None:
    """Why this prediction's score may not be trusted, by the first rule that matches; None = it may.

    One tube whose number is not finite holds the sequence: the largest of several is not known then.
    """
    if not calibrated or any(tube.probability is None for tube in prediction.kept):
        return "uncalibrated"
    if not prediction.kept:
        return "no_tube"
    probabilities = [tube.probability for tube in prediction.kept if tube.probability is not None]
    if not all(math.isfinite(number) for number in [*probabilities, *(tube.logit for tube in prediction.kept)]):
        return "score_not_finite"
    if not all(0.0 <= number <= 1.0 for number in probabilities):
        return "score_out_of_range"
    return None


def rebucket(table: pa.Table, threshold: float, no_tube: NoTube = "hold") -> pa.Table:
    """`table` (columns of `triage.report.rows.SCHEMA`) with scores, buckets, decisions and outcomes as `threshold` and `no_tube` say.

    Reads `triage_score`, `hold_reason`, `num_tubes_kept` and `label`; replaces `triage_score`, `probability`, `triage_bucket`,
    `hold_reason`, `decision` and `outcome`. Rows and their order stay. A second call with the same arguments changes nothing, and
    any order of calls ends where the last one alone would: the score is only ever set or cleared where no tube was kept.
    Raises BadSetting for a threshold outside [0, 1].
    """
    check_threshold(threshold)
    reasons: npt.NDArray[np.object_] = table["hold_reason"].to_numpy().astype(object)
    scores = _floats(table["triage_score"])
    tubeless = (_floats(table["num_tubes_kept"]) == 0) & np.isin(reasons.astype(str), ("None", "no_tube", "no_score"))
    scores[tubeless] = np.nan if no_tube == "hold" else 0.0
    reasons[tubeless] = "no_tube" if no_tube == "hold" else None
    has_reason = np.array([reason is not None for reason in reasons], dtype=bool)
    scores[has_reason] = np.nan
    with np.errstate(invalid="ignore"):
        unusable = ~has_reason & ~((scores >= 0.0) & (scores <= 1.0))
        reasons[unusable] = np.where(np.isnan(scores[unusable]), "no_score", "score_out_of_range")
        scores[unusable] = np.nan
        held = has_reason | unusable
        review = ~held & (scores >= threshold)
    buckets = np.where(held, "hold", np.where(review, "review", "unlabeled"))
    decisions = np.where(buckets == "unlabeled", "discard", "keep")
    new: dict[str, Any] = {
        "triage_score": pa.array(scores, pa.float64(), from_pandas=True),
        "probability": pa.array(scores, pa.float64(), from_pandas=True),
        "triage_bucket": pa.array(buckets, pa.string()),
        "hold_reason": pa.array(reasons, pa.string()),
        "decision": pa.array(decisions, pa.string()),
        "outcome": pa.array(_outcomes(decisions, table["label"]), pa.string()),
    }
    for name, column in new.items():
        index = table.schema.get_field_index(name)
        table = table.set_column(index, table.schema.field(index), column)
    return table


def _floats(column: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """A writable float64 copy; null becomes NaN."""
    return np.array(pc.cast(column, pa.float64()).to_numpy(), dtype=np.float64)


def _outcomes(decisions: npt.NDArray[Any], labels: pa.ChunkedArray) -> npt.NDArray[Any]:
    label = labels.to_numpy().astype(str)
    kept = np.where(decisions == "keep", "kept", "discarded")
    against = np.char.add(np.char.add(kept, "-"), label)
    return np.where(np.isin(label, ("smoke", "fp")), against, "n/a")


@dataclass(frozen=True, slots=True)
class Counts:
    """How many rows are in each bucket, and why the held ones are. `hold_reasons` is ascending by name."""

    review: int
    unlabeled: int
    hold: int
    hold_reasons: tuple[tuple[str, int], ...]

    @property
    def total(self) -> int:
        """All rows: every row is in exactly one bucket."""
        return self.review + self.unlabeled + self.hold


def count(table: pa.Table) -> Counts:
    """The counts of a table that `rebucket` made, or of a report as it was read."""
    tally = _tally(table["triage_bucket"])
    reasons = _tally(table["hold_reason"])
    return Counts(tally.get("review", 0), tally.get("unlabeled", 0), tally.get("hold", 0), tuple(sorted(reasons.items())))


def _tally(column: pa.ChunkedArray) -> dict[str, int]:
    return {entry["values"]: entry["counts"] for entry in pc.value_counts(column).to_pylist() if entry["values"] is not None}
