"""`triage score`: every sequence of a source through one or several models, then the report. Resumable, cached, one outcome each.

Predictions are kept by `triage.score.cache`; what is there and still fits is not computed again. The report is written from the
predictions in key order, so that it depends on the input and the settings alone, not on how often the run was interrupted.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from triage.config import Layout
from triage.errors import BadInput, BadSetting
from triage.files import lock
from triage.model import Failed, Package, Predictor, bundled_package, device_named, load_package
from triage.model.detector import Detector
from triage.predictions import Prediction
from triage.progress import Progress
from triage.report import Dropped, Failure, Heading, NoTube, Scored, Summary, build_report, check_threshold
from triage.report import hold_reason as hold_reason_of
from triage.score.cache import Features, PredictionCache
from triage.score.inputs import Survey, directory_of, inputs_for, open_source, relative, survey
from triage.score.rehead import FeatureBank, rescored
from triage.sequences import SequenceSource, slug

__all__ = ["FAILURES", "ScoreRequest", "ScoreSummary", "score"]

#: Reasons to hold or drop that mean something went wrong; the others (no tube, uncalibrated, not scored yet) are as they should be.
FAILURES = frozenset(
    {"bad_boxes", "bad_meta", "boxes_unknown", "frame_missing", "frame_unreadable", "no_images", "not_finite", "score_not_finite",
     "score_out_of_range"}
)  # fmt: skip

_log = logging.getLogger("triage")


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """What to score, with what.

    models: packages, the first decides buckets; empty = the bundled one. head: score kept features with this package's head instead.
    source: a store or shards; None = the data directory's store. limit: compute at most so many sequences in this run; None = all.
    detector: find boxes with the package's own detector, instead of the annotator's. batch_size, workers: None = chosen by device and
    cores. keep_every: seconds of work that a kill may lose.
    """

    layout: Layout
    threshold: float
    models: tuple[Path, ...] = ()
    head: Path | None = None
    source: str | None = None
    device: str = "auto"
    precision: str = "fp32"
    decode: Literal["auto", "pillow", "simplejpeg"] = "auto"
    batch_size: int | None = None
    workers: int | None = None
    limit: int | None = None
    no_tube: NoTube = "hold"
    rescore: bool = False
    allow_uncalibrated: bool = False
    trigger: bool = True
    detector: bool = False
    keep_every: float = 15.0


@dataclass(frozen=True, slots=True)
class ScoreSummary:
    """How a run went. computed, cached: predictions made now, and found; over all models. failed: by reason; empty = none."""

    report: Summary
    computed: int
    cached: int
    bundled_model: bool
    failed: tuple[tuple[str, int], ...]

    @property
    def failures(self) -> int:
        """How many sequences could not be judged although they should."""
        return sum(number for _, number in self.failed)


@dataclass(slots=True)
class _Judged:
    """One model's answers: its cache, and the failures of this run. left_out: keys that --limit cut off."""

    name: str
    package: Package
    cache: PredictionCache
    failures: dict[str, Failure] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)
    computed: int = 0
    cached: int = 0

    def keep(self, key: str, digest: str, answer: Prediction | Failure, features: list[Features]) -> None:
        """One answer: a prediction is cached, a failure is tried again in the next run."""
        if isinstance(answer, Failure):
            self.failures[key] = answer
        else:
            self.cache.add(key, digest, answer, features)
            self.computed += 1


def score(request: ScoreRequest) -> ScoreSummary:
    """Score, then write the report. Raises BadInput when there is nothing to score or every sequence failed, Busy while another
    process scores with the same model, BadModel, BadSetting, NoSpace. An interruption keeps what is done.
    """
    check_threshold(request.threshold)
    if request.limit is not None and request.limit < 1:
        raise BadSetting(f"limit {request.limit}: expected at least 1")
    if request.head is not None and request.models:
        raise BadSetting("--head scores kept features with that package alone; leave out --model")
    device_named(request.device)  # before hours of work, and also when nothing is left to compute
    source = open_source(request.source or request.layout.sequences)
    bundled = request.head is None and not request.models
    if bundled:
        _log.info("no --model given: using the bundled one, which is for trying the tool out and not for real work")
    paths = (request.head,) if request.head is not None else request.models or (bundled_package(),)
    packages = [load_package(path, allow_uncalibrated=request.allow_uncalibrated) for path in paths]
    names = _names(packages)
    found = survey(source, boxes_needed=not request.detector)
    if not (found.digests or found.failures or found.dropped):
        raise BadInput(f"{request.source or request.layout.sequences}: no sequence to score; run `triage pull` first")
    with contextlib.ExitStack() as stack:
        judged = [_judge(stack, request, source, found, name, package) for name, package in zip(names, packages, strict=True)]
        variant = "-with-".join(names) + _other_scores(request)
        heading = Heading(
            variant=variant,
            model_version=packages[0].model_version,
            model_config={**packages[0].model_config(), "scoring": _settings(request)},
            calibrated=packages[0].calibrated,
            threshold=request.threshold,
            no_tube=request.no_tube,
            models=tuple(names) if len(names) > 1 else (),
        )
        data_name = request.layout.root.resolve().name
        report = build_report(request.layout.reports, data_name, heading, _entries(source, found, judged))
    failed = tuple((reason, number) for reason, number in (*report.counts.hold_reasons, *report.dropped) if reason in FAILURES)
    summary = ScoreSummary(
        report=report,
        computed=sum(item.computed for item in judged),
        cached=sum(item.cached for item in judged),
        bundled_model=bundled,
        failed=failed,
    )
    tried = report.total - sum(number for reason, number in report.dropped if reason == "not_scored")
    if tried and summary.failures == tried:
        reasons = ", ".join(f"{reason} {number}" for reason, number in failed)
        raise BadInput(
            f"all {tried} sequences failed ({reasons}); {report.path / 'hold.json'} says why, and `triage verify` checks the store"
        )
    return summary


def _names(packages: list[Package]) -> list[str]:
    """One directory name per package; two releases of one name are told apart by their digests."""
    names = [slug(f"{package.variant}-{package.model_version}") for package in packages]
    if len({package.digest for package in packages}) < len(packages):
        raise BadSetting("--model: the same package is given twice; give different ones")
    return [f"{name}-{package.digest[:8]}" if names.count(name) > 1 else name for name, package in zip(names, packages, strict=True)]


def _other_scores(request: ScoreRequest) -> str:
    """Reports of one model whose scores differ lie side by side, so that `triage compare` can say what a setting changed."""
    return ("-bf16" if request.precision == "bf16" else "") + ("-detector" if request.detector else "")


def _judge(
    stack: contextlib.ExitStack, request: ScoreRequest, source: SequenceSource, found: Survey, name: str, package: Package
) -> _Judged:
    """Everything that one model has not said yet."""
    root = request.layout.predictions / _directory(request, package)
    stack.enter_context(lock(root / ".lock"))
    if request.rescore:
        PredictionCache.clear(root)
    cache = PredictionCache(root, _identity(request, package), keep_every=request.keep_every)
    missing = [key for key, digest in found.digests.items() if (key, digest) not in cache]
    result = _Judged(name, package, cache, cached=len(found.digests) - len(missing))
    todo = missing if request.limit is None else missing[: request.limit]
    result.left_out = set(missing[len(todo) :])
    if request.head is not None and todo:
        _from_features(request, result, found, todo)
        todo = [key for key in todo if (key, found.digests[key]) not in cache and key not in result.failures]
    if todo:
        _compute(request, source, found, result, todo)
    return result


def _directory(request: ScoreRequest, package: Package) -> str:
    """Two models, or two ways to run one, lie side by side."""
    parts = [slug(f"{package.variant}-{package.model_version}"), package.digest[:12]]
    parts += [request.precision] if request.precision != "fp32" else []
    parts += [request.decode] if request.decode == "simplejpeg" else []
    parts += ["no-trigger"] if not request.trigger else []
    parts += ["detector"] if request.detector else []
    parts += ["head"] if request.head is not None else []
    return "-".join(parts)


def _identity(request: ScoreRequest, package: Package) -> dict[str, Any]:
    return {
        "digest": package.digest,
        "backbone_digest": package.backbone_digest,
        "model_version": package.model_version,
        "variant": package.variant,
        **_settings(request),
    }


def _settings(request: ScoreRequest) -> dict[str, Any]:
    """What changes the numbers besides the package."""
    return {
        "precision": request.precision,
        "decode": "pillow" if request.decode == "auto" else request.decode,  # auto gives Pillow's pixels
        "trigger": request.trigger,
        "detector": request.detector,
        "from_features": request.head is not None,
    }


def _compute(request: ScoreRequest, source: SequenceSource, found: Survey, result: _Judged, todo: list[str]) -> None:
    """The backbone's work. What is done when it ends, by an error or by Ctrl-C, is sealed."""
    predictor = Predictor(
        result.package,
        device=request.device,
        precision=request.precision,
        batch_size=request.batch_size,
        threads=request.workers,
        trigger=request.trigger,
        decode=request.decode,
    )
    detect = Detector(result.package, str(predictor.device)).boxes if request.detector else None
    with Progress(f"score {result.name}", total=len(todo), unit="sequence") as progress:
        try:
            for key, outcome in predictor.predict_many(inputs_for(source, todo, result.failures, detect)):
                progress.advance()
                if isinstance(outcome, Failed):
                    result.failures[key] = Failure(outcome.reason, relative(outcome.detail, source))
                    continue
                features = [(tube.values, tube.rows) for tube in outcome.features]
                answer: Prediction | Failure = outcome.prediction
                if request.head is not None:  # as if its features had been kept already
                    item = (key, outcome.prediction, outcome.features)
                    _, answer = next(rescored([item], result.package, trigger=request.trigger, threads=1))
                result.keep(key, found.digests[key], answer, features)
        finally:
            result.cache.seal()


def _from_features(request: ScoreRequest, result: _Judged, found: Survey, missing: list[str]) -> None:
    """The head's work alone, on features that earlier runs kept."""
    bank = FeatureBank(request.layout.predictions, result.package, result.cache.identity)
    items = bank.items((key, found.digests[key]) for key in missing)
    with Progress(f"rescore {result.name}", total=len(missing), unit="sequence") as progress:
        try:
            for key, answer in rescored(items, result.package, trigger=request.trigger, threads=request.workers):
                progress.advance()
                result.keep(key, found.digests[key], answer, [])
        finally:
            result.cache.seal()


def _entries(source: SequenceSource, found: Survey, judged: list[_Judged]) -> Iterator[Scored | Dropped]:
    """One entry per sequence of the source, by key. What is in a cache but no longer in the source is not reported."""
    first = judged[0]
    keys = sorted([*found.digests, *found.failures, *found.dropped])
    with Progress("report", total=len(keys), unit="sequence") as progress:
        for key in keys:
            progress.advance()
            if key in found.dropped:
                yield found.dropped[key]
                continue
            if key in first.left_out:
                yield Dropped(key, "not_scored", "left out by --limit; run `triage score` without it")
                continue
            sequence = source.record(key)
            failure = found.failures.get(key) or first.failures.get(key)
            result = failure if failure is not None else first.cache.prediction(key, found.digests[key])
            scores: Mapping[str, float | None] = {item.name: _probability(item, found, key) for item in judged} if len(judged) > 1 else {}
            yield Scored(sequence, result, directory_of(source, sequence), scores)


def _probability(item: _Judged, found: Survey, key: str) -> float | None:
    """What one of several models says; None where it may not be trusted, or says nothing."""
    digest = found.digests.get(key, "")
    if (key, digest) not in item.cache:
        return None
    prediction = item.cache.prediction(key, digest)
    return prediction.probability if hold_reason_of(prediction, calibrated=item.package.calibrated) is None else None
