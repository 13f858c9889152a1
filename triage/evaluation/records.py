"""What an evaluation says: frozen records that become `evaluation.json`. No computing here.

Everywhere: smoke is the positive class, a score is in [0, 1] with higher = more like smoke, a sequence is *kept* (a human looks at it)
when its score is at or above the threshold or when it was held, and None = undefined (say, a recall without any smoke), never 0.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

__all__ = [
    "EVALUATION_FORMAT",
    "Bin",
    "Confusion",
    "Coverage",
    "Estimate",
    "Evaluation",
    "Group",
    "Lost",
    "Split",
    "SweepRow",
    "Target",
]

EVALUATION_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95% interval from resampled cameras.

    low, high: percentiles 2.5 and 97.5; None = fewer than two cameras, or the value is undefined in more than half of the resamples.
    undefined: share of resamples in which the value is undefined (a resample without smoke has no recall); those are left out.
    """

    value: float | None
    low: float | None
    high: float | None
    undefined: float


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts at one threshold over scored sequences. Positive = smoke; predicted positive = score >= threshold."""

    true_positive: int
    false_positive: int
    true_negative: int
    false_negative: int

    @property
    def total(self) -> int:
        """All scored sequences."""
        return self.true_positive + self.false_positive + self.true_negative + self.false_negative

    @property
    def precision(self) -> float | None:
        """Share of smoke in the To Review bucket; None = the bucket is empty."""
        return _ratio(self.true_positive, self.true_positive + self.false_positive)

    @property
    def recall(self) -> float | None:
        """Share of the smokes that are in the To Review bucket; None = no smoke."""
        return _ratio(self.true_positive, self.true_positive + self.false_negative)

    @property
    def specificity(self) -> float | None:
        """Share of the false positives that are in the Unlabel bucket; None = no false positive."""
        return _ratio(self.true_negative, self.true_negative + self.false_positive)

    @property
    def f1(self) -> float | None:
        """2 TP / (2 TP + FP + FN); None = neither smoke nor anything predicted as smoke."""
        return _ratio(2 * self.true_positive, 2 * self.true_positive + self.false_positive + self.false_negative)

    @property
    def saved(self) -> float | None:
        """Share of the scored sequences that nobody has to look at: the Unlabel bucket; None = none scored."""
        return _ratio(self.true_negative + self.false_negative, self.total)


@dataclass(frozen=True, slots=True)
class Split:
    """Where the labelled sequences of one class went. review + unlabeled + hold + dropped is all of them.

    hold: no score may be trusted, a human looks. dropped: never scored (say, no images), still in the annotator's queue.
    """

    review: int
    unlabeled: int
    hold: int
    dropped: int

    @property
    def total(self) -> int:
        """All labelled sequences of this class."""
        return self.review + self.unlabeled + self.hold + self.dropped


@dataclass(frozen=True, slots=True)
class Coverage:
    """What became of every label: nothing is left out without being counted.

    rows: rows of the report. labelled: rows with a label smoke or fp. unlabelled: rows without (not measured).
    dropped: labelled sequences that the report dropped. labels_unmatched: labels of the CSV for keys the report does not know.
    labels_overriding: labels of the CSV that differ from the report's own.
    """

    rows: int
    labelled: int
    unlabelled: int
    dropped: int
    labels_unmatched: tuple[str, ...] = ()
    labels_overriding: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """The numbers of one organization, camera or type. roc_auc is None without both classes."""

    name: str
    smoke: Split
    fp: Split
    confusion: Confusion
    precision: float | None
    recall: float | None
    specificity: float | None
    roc_auc: float | None


@dataclass(frozen=True, slots=True)
class SweepRow:
    """What one threshold would give over scored sequences."""

    threshold: float
    confusion: Confusion
    precision: float | None
    recall: float | None
    f1: float | None
    saved: float | None


@dataclass(frozen=True, slots=True)
class Target:
    """The highest threshold that keeps a target recall on this sample. Chosen and measured on the same labels: no certificate.

    threshold: None value = no smoke was scored. saved: share of the scored sequences below it. fp_saved: of the false positives.
    lost: scored smokes below it. recall: what it reaches here (>= target).
    """

    recall_target: float
    threshold: Estimate
    saved: Estimate
    fp_saved: float | None
    recall: float | None
    lost: int


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin of the reliability diagram: scores in [low, high), the last one closed. mean_score, smoke_share: None = empty."""

    low: float
    high: float
    count: int
    mean_score: float | None
    smoke_share: float | None


@dataclass(frozen=True, slots=True)
class Lost:
    """A smoke that the split would take from the humans (score below the threshold)."""

    key: str
    score: float
    camera: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All of it. `variant`, `model_version`: what was evaluated. `threshold`: the cut that the confusion is at.

    metrics: over scored sequences (precision, recall, f1, specificity, saved, roc_auc, average_precision, wss95, brier) and over all
    labelled ones, held and dropped counted as kept (kept_recall, kept_saved).
    roc: (false positive rate, true positive rate) points; pr: (recall, precision) points.
    trained_on: labelled sequences whose fingerprint is in the package's provenance; None = the package names none.
    unchecked: labelled sequences whose meta.json is not at hand, so that this could not be said.
    """

    variant: str
    model_version: str | None
    threshold: float
    seed: int
    resamples: int
    cameras: int
    coverage: Coverage
    smoke: Split
    fp: Split
    confusion: Confusion
    metrics: dict[str, Estimate]
    brier_of_prevalence: float | None
    reliability: tuple[Bin, ...]
    expected_calibration_error: float | None
    roc: tuple[tuple[float, float], ...]
    pr: tuple[tuple[float, float], ...]
    sweep: tuple[SweepRow, ...]
    targets: tuple[Target, ...]
    organizations: tuple[Group, ...]
    camera_groups: tuple[Group, ...]
    types: tuple[Group, ...]
    lost: tuple[Lost, ...]
    trained_on: tuple[str, ...] | None = None
    unchecked: int = 0

    def to_json(self) -> dict[str, Any]:
        """The content of evaluation.json."""
        return {"format": EVALUATION_FORMAT, **asdict(self)}


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
