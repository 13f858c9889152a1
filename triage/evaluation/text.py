"""An evaluation as text for a terminal. Rounding happens here and on the page only."""

from __future__ import annotations

from triage.evaluation.records import Estimate, Evaluation, Group, Split, Target

__all__ = ["METRICS", "interval", "number", "table"]

#: The order and the wording of the metrics, here and on the page.
METRICS = {
    "roc_auc": "ROC AUC",
    "average_precision": "Average precision",
    "precision": "Precision of To Review",
    "recall": "Recall of To Review",
    "specificity": "False positives cleared",
    "f1": "F1",
    "saved": "Work saved (share in Unlabel)",
    "wss95": "WSS@95",
    "brier": "Brier score (0 is best)",
    "kept_recall": "Smokes kept, held included",
    "kept_saved": "Work saved, held included",
}


def number(value: float | None, digits: int = 3) -> str:
    """A rounded number, or "-" when it is undefined."""
    return "-" if value is None else f"{value:.{digits}f}"


def interval(estimate: Estimate, digits: int = 3) -> str:
    """`low to high`, or "-" when there is none."""
    return "-" if estimate.low is None else f"{number(estimate.low, digits)} to {number(estimate.high, digits)}"


def table(evaluation: Evaluation) -> str:
    """What `triage evaluate` prints."""
    e, c = evaluation, evaluation.coverage
    lines = [
        f"{e.variant} (model {e.model_version or 'unknown'}) at threshold {e.threshold:g}:"
        f" {e.smoke.total} smoke, {e.fp.total} false positives, {e.cameras} cameras",
        f"{c.rows} rows, {c.labelled} labelled, {c.unlabelled} without a label (not measured), {c.dropped} labelled but dropped",
    ]
    if c.labels_unmatched or c.labels_overriding:
        lines.append(
            f"labels given: {len(c.labels_unmatched)} for keys not in the report, {len(c.labels_overriding)} override the report's"
        )
    lines += [
        "",
        f"{'':<16}{'review':>8}{'unlabel':>9}{'hold':>6}{'dropped':>9}",
        _split("smoke", e.smoke),
        _split("false positive", e.fp),
        "",
    ]
    lines.append(f"{'':<32}{'value':>8}   95% interval by camera")
    lines += [f"{name:<32}{number(e.metrics[key].value):>8}   {interval(e.metrics[key])}" for key, name in METRICS.items()]
    lines += ["", f"{'target recall':<15}{'threshold':>10}  {'interval':<16}{'saves':>7}  {'interval':<16}{'lost':>5}"]
    lines += [_target(target) for target in e.targets]
    for title, groups in (("organization", e.organizations), ("type", e.types), ("camera", e.camera_groups)):
        lines += ["", *_groups(title, groups)] if groups else []
    lines += ["", *_notes(e)]
    return "\n".join(line.rstrip() for line in lines).rstrip()


def _target(t: Target) -> str:
    threshold = f"{number(t.threshold.value):>10}  {interval(t.threshold):<16}"
    return f"{t.recall_target:<15.2f}{threshold}{number(t.saved.value):>7}  {interval(t.saved):<16}{t.lost:>5}"


def _split(name: str, split: Split) -> str:
    return f"{name:<16}{split.review:>8}{split.unlabeled:>9}{split.hold:>6}{split.dropped:>9}"


def _groups(title: str, groups: tuple[Group, ...], most: int = 12) -> list[str]:
    """The `most` groups with most lost smokes, then most sequences; the rest is in evaluation.json and on the page."""
    ordered = sorted(groups, key=lambda g: (-g.smoke.unlabeled, -(g.smoke.total + g.fp.total), g.name))
    lines = [f"{title:<34}{'smoke':>6}{'lost':>6}{'held':>6}{'fp':>6}{'cleared':>9}{'held':>6}{'AUC':>7}"]
    lines += [
        f"{g.name[:33]:<34}{g.smoke.total:>6}{g.smoke.unlabeled:>6}{g.smoke.hold:>6}{g.fp.total:>6}{g.fp.unlabeled:>9}{g.fp.hold:>6}"
        f"{number(g.roc_auc, 2):>7}"
        for g in ordered[:most]
    ]
    if len(ordered) > most:
        lines.append(f"... and {len(ordered) - most} more in evaluation.html")
    return lines


def _notes(e: Evaluation) -> list[str]:
    notes = []
    if e.trained_on:
        notes.append(f"NOT AN EVALUATION: the model was trained on {len(e.trained_on)} of these sequences (first: {e.trained_on[0]})")
    if e.trained_on is not None and e.unchecked:
        notes.append(f"{e.unchecked} sequences could not be checked against the model's training set: their meta.json is not at hand")
    held = e.smoke.hold + e.fp.hold
    if held:
        notes.append(f"{held} labelled sequences are held: humans see them, the scores' numbers above leave them out")
    notes.append("Thresholds for target recalls are chosen on the labels they are measured with: plan with their intervals, not with them.")
    return notes
