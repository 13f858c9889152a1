"""Evaluate a report on disk and write what came out: the one library call of `triage evaluate`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from triage.config import setting_float
from triage.errors import BadFile, BadInput
from triage.evaluation.measure import DEFAULT_RESAMPLES, evaluate
from triage.evaluation.page import page
from triage.evaluation.records import Evaluation
from triage.evaluation.sample import read_report
from triage.files import read_json, write_bytes, write_json
from triage.sequences import slug

__all__ = ["Request", "Written", "latest_report", "run", "write"]

_LATEST_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Request:
    """What to evaluate.

    reports: the directory that holds reports (used when `report` is None: the one written last). report: a report directory.
    store: the `sequences` directory, or None. labels: a CSV `key,label`, or None. threshold: None = the report's own.
    evaluations: where the results go. allow_trained: measure also when the model was trained on these sequences.
    """

    reports: Path
    evaluations: Path
    report: Path | None = None
    store: Path | None = None
    labels: Path | None = None
    threshold: float | None = None
    seed: int = 0
    resamples: int = DEFAULT_RESAMPLES
    allow_trained: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """An evaluation and its two files."""

    evaluation: Evaluation
    json: Path
    html: Path


def latest_report(reports: Path) -> Path:
    """The report written last, by `latest.json`. Raises BadFile with the next command when there is none."""
    path = reports / "latest.json"
    if not path.exists():
        raise BadFile(f"{path}: there is no report yet; run 'triage score' first, or name one with --report")
    variant = read_json(path, expect_format=_LATEST_FORMAT).get("variant")
    if not isinstance(variant, str) or slug(variant) != variant:
        raise BadFile(f"{path}: expected the name of a report, found {variant!r}; run 'triage report' again")
    return reports / variant


def run(request: Request) -> Written:
    """Read, measure, write.

    Raises BadFile when the report or the labels are missing or damaged, and BadInput when nothing is labelled, or when the model was
    trained on these sequences (unless `allow_trained`; the evaluation then says so).
    """
    report = request.report if request.report is not None else latest_report(request.reports)
    labelled = read_report(report, store=request.store, labels=request.labels)
    if not labelled.sample.keys:
        raise BadInput(
            f"{report}: {labelled.coverage.rows} sequences, none labelled smoke or fp; pull labelled ones with"
            " 'triage pull --stage annotated', or give --labels a CSV with key,label"
        )
    if labelled.trained_on and not request.allow_trained:
        raise BadInput(
            f"{report}: the model was trained on {len(labelled.trained_on)} of these {len(labelled.sample.keys)} sequences (first:"
            f" {labelled.trained_on[0]}), the numbers would flatter it; evaluate on others, or repeat with --allow-trained"
        )
    threshold = request.threshold if request.threshold is not None else labelled.threshold
    evaluation = evaluate(
        labelled.sample,
        threshold=threshold if threshold is not None else setting_float("threshold"),
        variant=labelled.variant,
        model_version=labelled.model_version,
        coverage=labelled.coverage,
        seed=request.seed,
        resamples=request.resamples,
        trained_on=labelled.trained_on,
        unchecked=labelled.unchecked,
    )
    return write(evaluation, request.evaluations / labelled.variant)


def write(evaluation: Evaluation, directory: Path) -> Written:
    """Write `evaluation.html`, then `evaluation.json`, into `directory`."""
    written = Written(evaluation, directory / "evaluation.json", directory / "evaluation.html")
    write_bytes(written.html, page(evaluation))
    write_json(written.json, evaluation.to_json())
    return written
