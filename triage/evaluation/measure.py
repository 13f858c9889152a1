"""Everything that `evaluation.json` says, computed from one sample: pure, seeded, no I/O.

Two accounts are kept apart. Over *scored* sequences: curves, precision, recall, calibration. Over *all labelled* sequences, held and
dropped ones included: what the split does to the humans' work. A held smoke is not lost, it stays with the humans; it is no success of
the scores either, so it counts in the second account only, as kept, and is shown by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss

from triage.evaluation.bootstrap import estimates
from triage.evaluation.ranking import Ranking, rank
from triage.evaluation.records import Bin, Confusion, Coverage, Estimate, Evaluation, Group, Lost, Split, SweepRow, Target
from triage.evaluation.sample import Sample

__all__ = ["DEFAULT_RESAMPLES", "TARGETS", "evaluate"]

TARGETS = (0.90, 0.95, 0.99)
DEFAULT_RESAMPLES = 1000
_BINS = 10
_STEPS = 100
#: Curves are drawn from at most this many points; the numbers never are.
_CURVE_POINTS = 400

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def evaluate(
    sample: Sample,
    *,
    threshold: float,
    variant: str,
    model_version: str | None = None,
    coverage: Coverage | None = None,
    seed: int = 0,
    resamples: int = DEFAULT_RESAMPLES,
    trained_on: tuple[str, ...] | None = None,
    unchecked: int = 0,
) -> Evaluation:
    """Measure `sample` at `threshold` (score >= threshold is To Review). Never fails on a small or one-sided sample: undefined is None."""
    scored = sample.scored
    smoke, score = sample.smoke[scored], sample.score[scored]
    ranking = rank(smoke, score) if len(score) else None
    metrics = estimates(lambda weight: _values(sample, threshold, weight), sample.cameras, resamples=resamples, seed=seed)
    bins = _reliability(smoke, score)
    if coverage is None:
        coverage = Coverage(len(sample.keys), len(sample.keys) - int(sample.dropped.sum()), 0, int(sample.dropped.sum()))
    return Evaluation(
        variant=variant,
        model_version=model_version,
        threshold=threshold,
        seed=seed,
        resamples=resamples,
        cameras=len(set(sample.cameras)),
        coverage=coverage,
        smoke=_split(sample, sample.smoke, threshold),
        fp=_split(sample, ~sample.smoke, threshold),
        confusion=_confusion(smoke, score, threshold),
        metrics={name: value for name, value in metrics.items() if not name.startswith("target:")},
        brier_of_prevalence=float(smoke.mean() * (1 - smoke.mean())) if len(smoke) else None,
        reliability=bins,
        expected_calibration_error=_calibration_error(bins),
        roc=() if ranking is None else _points(ranking.false_positive / ranking.others, ranking.recall),
        pr=() if ranking is None else _points(ranking.recall, ranking.precision),
        sweep=tuple(_sweep_row(smoke, score, step / _STEPS) for step in range(_STEPS + 1)) if len(score) else (),
        targets=tuple(_target(ranking, target, metrics) for target in TARGETS),
        organizations=_groups(sample, threshold, [(name,) for name in sample.organizations]),
        camera_groups=_groups(sample, threshold, [(name,) for name in sample.cameras]),
        types=_groups(sample, threshold, sample.types),
        lost=_lost(sample, threshold),
        trained_on=trained_on,
        unchecked=unchecked,
    )


def _values(sample: Sample, threshold: float, weight: Floats) -> dict[str, float | None]:
    """Every number that gets an interval, on one weighted sample; weight [N] >= 0."""
    scored = sample.scored
    smoke, score, inner = sample.smoke[scored], sample.score[scored], weight[scored]
    kept = score >= threshold
    tp, fp = float(inner[kept & smoke].sum()), float(inner[kept & ~smoke].sum())
    fn, tn = float(inner[~kept & smoke].sum()), float(inner[~kept & ~smoke].sum())
    ranking = rank(smoke, score, inner) if inner.any() else None
    values: dict[str, float | None] = {
        "precision": _ratio(tp, tp + fp),
        "recall": _ratio(tp, tp + fn),
        "specificity": _ratio(tn, tn + fp),
        "f1": _ratio(2 * tp, 2 * tp + fp + fn),
        "saved": _ratio(tn + fn, tp + fp + fn + tn),
        "roc_auc": None if ranking is None else ranking.roc_auc,
        "average_precision": None if ranking is None else ranking.average_precision,
        "wss95": None if ranking is None else ranking.wss(0.95),
        "brier": float(brier_score_loss(smoke, score, sample_weight=inner, pos_label=True)) if inner.any() else None,
    }
    smokes = float(weight[sample.smoke].sum())
    values["kept_recall"] = None if smokes == 0 else 1 - fn / smokes
    values["kept_saved"] = _ratio(tn + fn, float(weight.sum()))
    for target in TARGETS:
        index = None if ranking is None else ranking.index_for_recall(target)
        values[f"target:{target}:threshold"] = None if ranking is None or index is None else float(ranking.threshold[index])
        values[f"target:{target}:saved"] = None if ranking is None or index is None else ranking.saved(index)
    return values


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None


def _confusion(smoke: Mask, score: Floats, threshold: float) -> Confusion:
    kept = score >= threshold
    return Confusion(*(int(np.sum(cell)) for cell in (kept & smoke, kept & ~smoke, ~kept & ~smoke, ~kept & smoke)))


def _split(sample: Sample, chosen: Mask, threshold: float) -> Split:
    scored = sample.scored
    review = chosen & scored & (np.nan_to_num(sample.score, nan=-1.0) >= threshold)
    unlabeled = chosen & scored & ~review
    dropped = chosen & sample.dropped
    hold = chosen & ~scored & ~dropped
    return Split(*(int(np.sum(part)) for part in (review, unlabeled, hold, dropped)))


def _sweep_row(smoke: Mask, score: Floats, threshold: float) -> SweepRow:
    c = _confusion(smoke, score, threshold)
    return SweepRow(threshold, c, c.precision, c.recall, c.f1, c.saved)


def _target(ranking: Ranking | None, target: float, metrics: Mapping[str, Estimate]) -> Target:
    threshold, saved = metrics[f"target:{target}:threshold"], metrics[f"target:{target}:saved"]
    if ranking is None:
        return Target(target, threshold, saved, None, None, 0)
    index = ranking.index_for_recall(target)
    return Target(
        recall_target=target,
        threshold=threshold,
        saved=saved,
        fp_saved=float(1 - ranking.false_positive[index] / ranking.others),
        recall=float(ranking.recall[index]),
        lost=round(ranking.smokes - float(ranking.true_positive[index])),
    )


def _reliability(smoke: Mask, score: Floats) -> tuple[Bin, ...]:
    edges = np.linspace(0, 1, _BINS + 1)
    which = np.clip((score * _BINS).astype(int), 0, _BINS - 1)
    bins = []
    for index in range(_BINS):
        inside = which == index
        count = int(inside.sum())
        mean = float(score[inside].mean()) if count else None
        share = float(smoke[inside].mean()) if count else None
        bins.append(Bin(float(edges[index]), float(edges[index + 1]), count, mean, share))
    return tuple(bins)


def _calibration_error(bins: tuple[Bin, ...]) -> float | None:
    """Mean distance of score and smoke share over the bins, weighted by their counts; None = nothing scored."""
    total = sum(one.count for one in bins)
    gaps = [one.count * abs(one.mean_score - one.smoke_share) for one in bins if one.mean_score is not None and one.smoke_share is not None]
    return sum(gaps) / total if total else None


def _points(x: Floats, y: Floats) -> tuple[tuple[float, float], ...]:
    chosen = np.unique(np.linspace(0, len(x) - 1, min(len(x), _CURVE_POINTS)).round().astype(int))
    return tuple((float(x[i]), float(y[i])) for i in chosen)


def _groups(sample: Sample, threshold: float, names: Sequence[tuple[str, ...]]) -> tuple[Group, ...]:
    """One group per name, in alphabetical order; a sequence with two types is in both."""
    groups = []
    for name in sorted({one for several in names for one in several}):
        inside = np.array([name in several for several in names], dtype=bool)
        scored = inside & sample.scored
        smoke, score = sample.smoke[scored], sample.score[scored]
        c = _confusion(smoke, score, threshold)
        ranking = rank(smoke, score) if len(score) else None
        groups.append(
            Group(
                name=name,
                smoke=_split(sample, inside & sample.smoke, threshold),
                fp=_split(sample, inside & ~sample.smoke, threshold),
                confusion=c,
                precision=c.precision,
                recall=c.recall,
                specificity=c.specificity,
                roc_auc=None if ranking is None else ranking.roc_auc,
            )
        )
    return tuple(groups)


def _lost(sample: Sample, threshold: float) -> tuple[Lost, ...]:
    rows = zip(sample.keys, sample.smoke, sample.score, sample.cameras, strict=True)
    lost = [Lost(key, float(score), camera) for key, smoke, score, camera in rows if smoke and score < threshold]
    return tuple(sorted(lost, key=lambda one: (one.score, one.key)))
