"""One training run: gather, cut, split by camera, fit, calibrate, measure on held-out cameras, write.

Cameras are held out first; nothing of them is learnt or calibrated on. On the others, a head is fitted once per fold of cameras: each
fold stops early by its own outside and gives logits for it, all of them together fit the calibrator, and the final head is fitted on all
of these cameras for the epochs that were best over all folds. From scratch, and when blocks of the backbone learn, there is one split
instead of folds: the calibrator is fitted on its outside, and the network of that split is the final one. From scratch, a sketch is fitted
(`triage.model.sketch`) and written down as the network (`triage.model.initial`).
"""

from __future__ import annotations

import copy
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triage.errors import BadInput, BadSetting
from triage.evaluation import Evaluation, Sample, Written, evaluate, fingerprint, pack_fingerprints, read_labels, write
from triage.files import dump_json, sha256_bytes, write_bytes
from triage.model import Calibrator, Classifier, FrameInput, ModelConfig, SequenceInput, checked_config, load_package, write_package
from triage.model.collect import Collected, collect
from triage.model.initial import insist_on_room, write_down
from triage.model.sketch import fit_sketch
from triage.model.training import Epoch, Recipe, fit, fresh_classifier, logits_of, with_features
from triage.progress import Progress
from triage.train.architecture import LEARNT_LAYERS, small_config
from triage.train.calibration import calibrator_text, fit_calibrator
from triage.train.card import Facts, card
from triage.train.labels import MINIMUM_PER_CLASS, Labelled, LabelledSet, gather
from triage.train.split import Split, folds, hold_out

__all__ = ["Request", "Result", "train"]

Rows = NDArray[np.intp]
_FOLDS = 4
_FOLDS_FROM_SCRATCH = 8
_DEFAULT_PURPOSE = "Tells smoke from false positives in sequences of a detector's boxes; trained by `triage train`."


@dataclass(frozen=True, slots=True)
class Request:
    """What to train on, from what, into what.

    stores: `sequences` directories with labels. start: a package to go on from; None = the small network from scratch. blocks: backbone
    blocks that learn (with `start`). exclude, evaluation: see `triage.train.labels.gather`. output: the package to write.
    held_out: share of sequences (by cameras) for the report. epochs: at most; None = by kind of training.
    """

    stores: tuple[Path, ...]
    output: Path
    start: Path | None = None
    blocks: int = 0
    labels: Path | None = None
    exclude: tuple[Path, ...] = ()
    evaluation: tuple[Path, ...] = ()
    seed: int = 0
    held_out: float = 0.2
    epochs: int | None = None
    threads: int = 1
    minimum: int = MINIMUM_PER_CLASS
    variant: str | None = None
    version: str | None = None
    purpose: str = _DEFAULT_PURPOSE
    resamples: int = 1000


@dataclass(frozen=True, slots=True)
class Result:
    """The package, its card and its evaluation on held-out cameras. problems: sequences that could not be read, with their reasons."""

    package: Path
    card: Path
    model_version: str
    written: Written
    problems: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Start:
    """Where training begins."""

    classifier: Classifier
    config: ModelConfig
    raw_config: dict[str, Any]
    manifest: dict[str, Any]
    detector: bytes
    words: str


def train(request: Request) -> Result:
    """Train and write `output`, `<stem>-card.md` and `<stem>-evaluation/` beside it.

    The same seed, labels, machine, torch and threads give the same bytes. Raises BadInput when the labels do not suffice, BadModel when
    `start` is not a package to go on from.
    """
    if request.blocks and request.start is None:
        raise BadSetting("--finetune chooses blocks of a package's backbone; give one with --from, or leave it out to train from scratch")
    labels = read_labels(request.labels) if request.labels is not None else None
    found = gather(request.stores, labels=labels, exclude=request.exclude, evaluation=request.evaluation, minimum=request.minimum)
    start = _begin(request)
    smoke, cameras = [one.smoke for one in found.items], [one.camera for one in found.items]
    outer = hold_out(smoke, cameras, share=request.held_out, seed=request.seed)
    with Progress("cut patches", total=len(found.items), unit="sequence") as progress:
        collected = collect(
            [_input(one) for one in found.items], smoke, start.config, threads=request.threads, on_sequence=progress.advance
        )
    _insist_on_tubes(found, collected, outer)
    learnt = _learn(request, start, found, collected, outer.inside)
    evaluation = _measure(request, start, learnt, found, collected, outer.outside)
    return _write(request, start, learnt, found, collected, outer, evaluation)


def _insist_on_tubes(found: LabelledSet, collected: Collected, outer: Split) -> None:
    """Unreadable frames and boxes too few for a tube may leave less than the labels promised."""
    for name, rows in (("learnt from", outer.inside), ("held out", outer.outside)):
        smoke = collected.tubes.smoke[_tubes_of(collected, rows)]
        if not 0 < int(smoke.sum()) < len(smoke):
            first = next(iter(collected.failed.values()), "no frame is damaged, the boxes are too few")
            raise BadInput(
                f"of {len(rows)} sequences to be {name}, {int(smoke.sum())} tubes of smoke and {int((~smoke).sum())} of false positives"
                f" could be cut, expected some of each; {len(collected.failed)} sequences cannot be read (first: {first});"
                " run 'triage verify'"
            )


def _begin(request: Request) -> _Start:
    if request.start is None:
        raw = small_config()
        config = checked_config(raw, "the small network")
        return _Start(fresh_classifier(config, request.seed), config, raw, {}, b"", "from scratch")
    package = load_package(request.start, allow_uncalibrated=True)
    depth = package.classifier.backbone.shape.depth
    if request.blocks > depth:
        raise BadSetting(f"--finetune {request.blocks}: {request.start} has {depth} blocks")
    raw = copy.deepcopy(dict(package.raw_config))
    raw["decision"] = {**raw.get("decision", {}), "aggregation": "logistic"}
    raw["decision"].setdefault("logistic_threshold", 0.5)
    with zipfile.ZipFile(request.start) as archive:
        detector = archive.read(str(package.manifest["yolo_weights"]))
    what = f"the last {request.blocks} blocks and the head" if request.blocks else "the head"
    words = f"{what} of {package.variant} {package.model_version} (digest {package.digest[:12]})"
    return _Start(package.classifier, checked_config(raw, request.start.name), raw, dict(package.manifest), detector, words)


def _input(one: Labelled) -> SequenceInput:
    def load(index: int) -> Callable[[], bytes]:
        return lambda: one.store.frame(one.sequence.key, index)

    frames = tuple(FrameInput(frame.file, load(at), frame.boxes or ()) for at, frame in enumerate(one.sequence.frames))
    return SequenceInput(one.sequence.key, frames)


@dataclass(frozen=True, slots=True)
class _Learnt:
    """classifier: the final one. features: [N, 4] of the tubes that the calibrator was fitted on."""

    classifier: Classifier
    calibrator: Calibrator
    features: NDArray[np.float64]
    best_epochs: tuple[int, ...]


def _recipe(request: Request, start: _Start) -> Recipe:
    if request.start is None:
        recipe = Recipe(blocks=None, epochs=36, batch=64, learning_rate=2e-3, most_slots=6)
    elif request.blocks:
        recipe = Recipe(blocks=request.blocks, epochs=30, patience=6, batch=32, learning_rate=2e-4)
    else:
        recipe = Recipe(blocks=0, epochs=60, patience=12, batch=32, learning_rate=3e-4)
    layers = start.raw_config.get("classifier", {}).get(LEARNT_LAYERS)
    return replace(recipe, layers=layers, seed=request.seed, threads=request.threads, epochs=request.epochs or recipe.epochs)


def _learn(request: Request, start: _Start, found: LabelledSet, collected: Collected, inside: Rows) -> _Learnt:
    recipe = _recipe(request, start)
    smoke, cameras = [found.items[at].smoke for at in inside], [found.items[at].camera for at in inside]
    if request.start is None:
        split = folds(smoke, cameras, count=_FOLDS_FROM_SCRATCH, seed=request.seed)[0]
        return _learn_from_scratch(start, collected, (inside[split.inside], inside[split.outside]), recipe)
    splits = folds(smoke, cameras, count=_FOLDS, seed=request.seed)
    if recipe.blocks:
        splits = splits[:1]
    tubes = with_features(start.classifier, start.config, collected.tubes) if recipe.blocks == 0 else collected.tubes
    outside_rows, logits, best = [], [], []
    histories: list[tuple[Epoch, ...]] = []
    classifier = start.classifier
    with Progress("fit", total=recipe.epochs * (len(splits) + (len(splits) > 1)), unit="epoch") as progress:
        for split in splits:
            classifier = copy.deepcopy(start.classifier)
            inner, outer = (_tubes_of(collected, inside[part]) for part in (split.inside, split.outside))
            done = fit(classifier, start.config, tubes.take(inner), tubes.take(outer), recipe, _teller(progress))
            best.append(done.best)
            histories.append(done.history)
            outside_rows.append(outer)
            logits.append(logits_of(classifier, start.config, tubes.take(outer)))
        if len(splits) > 1:
            stop_at = _best_epoch(histories)
            classifier = copy.deepcopy(start.classifier)
            if stop_at:
                everything = tubes.take(_tubes_of(collected, inside))
                fit(classifier, start.config, everything, None, replace(recipe, stop_at=stop_at), _teller(progress))
    return _calibrated(classifier, collected, np.concatenate(outside_rows), np.concatenate(logits), tuple(best))


def _learn_from_scratch(start: _Start, collected: Collected, parts: tuple[Rows, Rows], recipe: Recipe) -> _Learnt:
    """parts: the sequences to learn from, and those to calibrate on. No early stopping: the mean of the weights is kept at the end."""
    classifier = start.classifier
    insist_on_room(classifier, start.config)
    inner, outer = (_tubes_of(collected, part) for part in parts)
    learnt, judged = collected.tubes.take(inner), collected.tubes.take(outer)
    with Progress("fit", total=recipe.epochs, unit="epoch") as progress:
        sketch = fit_sketch(start.config, classifier.backbone.shape.stride, learnt, judged, recipe, _teller(progress))
    write_down(classifier, start.config, sketch)
    return _calibrated(classifier, collected, outer, logits_of(classifier, start.config, judged), (recipe.epochs,))


def _calibrated(classifier: Classifier, collected: Collected, rows: Rows, logits: NDArray[np.float64], best: tuple[int, ...]) -> _Learnt:
    features = np.column_stack([logits, collected.facts[rows]])
    return _Learnt(classifier, fit_calibrator(features, collected.tubes.smoke[rows]), features, best)


def _best_epoch(histories: Sequence[tuple[Epoch, ...]]) -> int:
    """The epoch with the lowest validation loss over all folds, among those that every fold reached; 0 = the start is best.

    Single folds of a small archive are noise: their own best epochs are later than the common one, and learn by heart.
    """
    losses = [[epoch.validation_loss or 0.0 for epoch in history] for history in histories]
    reached = min(len(one) for one in losses)
    return int(np.argmin(np.sum([one[:reached] for one in losses], axis=0)))


def _teller(progress: Progress) -> Callable[[Epoch], None]:
    def tell(epoch: Epoch) -> None:
        losses = (("training", epoch.training_loss), ("validation", epoch.validation_loss))
        progress.advance(note=", ".join(f"{name} loss {loss:.3f}" for name, loss in losses if loss is not None))

    return tell


def _tubes_of(collected: Collected, sequences: Rows) -> Rows:
    return np.flatnonzero(np.isin(collected.sequence, sequences))


def _measure(request: Request, start: _Start, learnt: _Learnt, found: LabelledSet, collected: Collected, outside: Rows) -> Evaluation:
    """The evaluation on sequences of cameras that were neither learnt nor calibrated on; sequences without a tube are held."""
    rows = _tubes_of(collected, outside)
    logits = logits_of(learnt.classifier, start.config, collected.tubes.take(rows))
    score = np.full(len(found.items), np.nan)
    for row, logit in zip(rows, logits, strict=True):
        probability = learnt.calibrator.of_features((float(logit), *collected.facts[row].tolist()))
        score[collected.sequence[row]] = np.fmax(score[collected.sequence[row]], probability)
    chosen = [found.items[at] for at in outside]
    sample = Sample(
        keys=tuple(one.sequence.key for one in chosen),
        smoke=np.array([one.smoke for one in chosen], dtype=bool),
        score=score[outside],
        organizations=tuple(one.sequence.organization_name or "unknown" for one in chosen),
        cameras=tuple(one.camera for one in chosen),
        types=tuple(one.sequence.smoke_types if one.smoke else one.sequence.false_positive_types for one in chosen),
    )
    return evaluate(
        sample,
        threshold=start.config.threshold,
        variant=_variant(request, start),
        model_version=request.version,
        seed=request.seed,
        resamples=request.resamples,
    )


def _variant(request: Request, start: _Start) -> str:
    return request.variant or f"{start.manifest.get('variant') or 'small'}{'-refit' if request.start else ''}"


def _write(
    request: Request, start: _Start, learnt: _Learnt, found: LabelledSet, collected: Collected, outer: Split, evaluation: Evaluation
) -> Result:
    state = learnt.classifier.state_dict()
    calibrator = calibrator_text(learnt.calibrator, learnt.features)
    weights = b"".join(state[name].contiguous().numpy().tobytes() for name in sorted(state))
    variant = _variant(request, start)
    version = request.version or f"{variant}@{sha256_bytes(weights + dump_json(calibrator))[:8]}"
    evaluation = replace(evaluation, model_version=version)
    stem = request.output.with_suffix("")
    text = card(_facts(request, start, learnt, found, collected, outer, f"{variant} {version}"), evaluation).encode()
    training = {
        "start": start.words,
        "seed": request.seed,
        "sequences": len(found.items),
        "smokes": found.smokes,
        "cameras": len({one.camera for one in found.items}),
        "held_out_cameras": len({found.items[at].camera for at in outer.outside}),
        "purpose": request.purpose,
        # Held-out ones included: the early choices have seen their numbers.
        "fingerprints": pack_fingerprints(fingerprint(one.sequence) for one in found.items),
    }
    provenance = {**(start.manifest.get("provenance") or {}), "backbone": start.config.classifier.backbone, "training": training}
    provenance.pop("train_git_sha", None)  # of the package it came from, not of this one
    write_package(
        request.output,
        manifest={"variant": variant, "model_version": version, "provenance": provenance},
        config=start.raw_config,
        state_dict=state,
        calibrator=calibrator,
        yolo_weights=start.detector,
        extra={"model_card.md": text},
    )
    card_path = stem.with_name(f"{stem.name}-card.md")
    write_bytes(card_path, text)
    written = write(evaluation, stem.with_name(f"{stem.name}-evaluation"))
    load_package(request.output)  # what was written passes every check that scoring makes
    return Result(request.output, card_path, version, written, collected.failed)


def _facts(request: Request, start: _Start, learnt: _Learnt, found: LabelledSet, collected: Collected, outer: Split, name: str) -> Facts:
    def part(title: str, rows: Sequence[int] | Rows) -> tuple[str, int, int, int]:
        chosen = [found.items[at] for at in rows]
        return title, len(chosen), sum(one.smoke for one in chosen), len({one.camera for one in chosen})

    return Facts(
        name=name,
        purpose=request.purpose,
        start=start.words,
        seed=request.seed,
        ended="learnt, the mean of their weights kept" if request.start is None else "kept (early stopping on cameras not learnt from)",
        epochs=learnt.best_epochs,
        counts=(part("learnt, stopped and calibrated on", outer.inside), part("held out for the report", outer.outside)),
        left_out=(
            ("unlabelled", found.unlabelled),
            ("excluded", found.excluded),
            ("without known boxes", found.without_boxes),
            ("with a damaged meta.json", len(found.damaged)),
            ("with frames that cannot be read", len(collected.failed)),
            ("without any tube", len(set(range(len(found.items))) - set(collected.sequence.tolist())) - len(collected.failed)),
        ),
        parameters=sum(one.numel() for one in learnt.classifier.parameters()),
    )
