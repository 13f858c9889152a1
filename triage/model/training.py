"""Fitting the network of a package to labelled tubes: the head alone, the last blocks with it, or everything from scratch.

Knows tensors only: which sequences, which cameras, and what becomes of the result is `triage.train`'s business. The same seed, tubes,
machine, torch and number of threads give the same weights, bit for bit.
Letters: N tubes, T = max_frames slots, D feature width, U unique patches, P patch size in pixels.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name every torch program gives it

from triage.model.augment import augmented, thinned
from triage.model.classifier import Classifier, build_classifier
from triage.model.config import ModelConfig

__all__ = [
    "Epoch",
    "Fit",
    "Recipe",
    "TubeSet",
    "as_input",
    "balance",
    "balanced_loss",
    "drawn_tubes",
    "features_of",
    "fit",
    "fresh_classifier",
    "logits_of",
    "schedule",
    "torch_threads",
    "with_features",
]

_PATCHES_AT_ONCE = 256
#: How strongly patches are augmented for the small network.
_MILD = 0.7


@dataclass(frozen=True, slots=True)
class TubeSet:
    """N tubes of labelled sequences, aligned.

    smoke: [N] bool, the label of the tube's sequence. mask: [N, T] bool, True = a slot with a patch.
    features: [N, T, D] float32, what the backbone says of each slot (anything finite where mask is False); None = compute from patches.
    patches: [U, P, P, 3] uint8 RGB; index: [N, T] int64 into them, -1 where mask is False. None = only features are known.
    """

    smoke: NDArray[np.bool_]
    mask: NDArray[np.bool_]
    features: NDArray[np.float32] | None = None
    patches: NDArray[np.uint8] | None = None
    index: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.smoke)

    def take(self, rows: NDArray[np.intp]) -> TubeSet:
        """The tubes with these row numbers; patches are shared, not copied."""
        return TubeSet(
            self.smoke[rows],
            self.mask[rows],
            None if self.features is None else self.features[rows],
            self.patches,
            None if self.index is None else self.index[rows],
        )


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to fit.

    blocks: backbone blocks that learn, counted from the end: 0 = the head only, on features; None = the whole network.
    layers: layers of the head that learn, counted from the end, with its classifier; None = the whole head.
    epochs: at most; patience: epochs without a better validation loss before stopping. batch: tubes per step.
    most_slots: slots of a tube that take part in one step, drawn at random (only with blocks != 0).
    stop_at: without a validation set, the epoch to stop at, on the schedule of `epochs`; None = run them all.
    """

    seed: int = 0
    blocks: int | None = 0
    layers: int | None = None
    epochs: int = 60
    patience: int = 12
    batch: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    most_slots: int = 4
    threads: int = 1
    stop_at: int | None = None


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass: mean class-balanced losses in nats. number: 0 = before any step. A loss is None when it was not measured."""

    number: int
    training_loss: float | None
    validation_loss: float | None


@dataclass(frozen=True, slots=True)
class Fit:
    """What came out: the network holds the weights of epoch `best`."""

    best: int
    history: tuple[Epoch, ...]


def fresh_classifier(config: ModelConfig, seed: int) -> Classifier:
    """The network a config asks for, with weights drawn from `seed`; the global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_classifier(config)


def fit(
    classifier: Classifier,
    config: ModelConfig,
    training: TubeSet,
    validation: TubeSet | None,
    recipe: Recipe,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> Fit:
    """Fit `classifier` in place and leave it, in eval mode, with the weights of the epoch that was best on `validation`.

    Without `validation` (None) it runs `recipe.stop_at` epochs and keeps the last weights.

    Loss: binary cross-entropy per tube with the label of its sequence, weighted so that both classes count the same. With
    `recipe.blocks` 0 the epoch before any step takes part in the choice: a refit is never worse than its start on validation.
    Raises ValueError when a set is empty or has one class only: callers check, and say it in terms of sequences.
    """
    for name, tubes in (("training", training), ("validation", validation)):
        if tubes is not None and not 0 < int(tubes.smoke.sum()) < len(tubes):
            raise ValueError(f"the {name} tubes must hold both classes")
    with torch_threads(recipe.threads), torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)  # dropout draws from the global generator
        if recipe.blocks == 0:
            training = with_features(classifier, config, training)
            validation = None if validation is None else with_features(classifier, config, validation)
        return _Fitting(classifier, config, recipe).run(training, validation, on_epoch)


def features_of(classifier: Classifier, config: ModelConfig, patches: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Backbone features [U, D] of unique patches [U, P, P, 3] uint8."""
    classifier.eval()
    with torch.inference_mode():
        parts = [
            classifier.backbone(as_input(patches[at : at + _PATCHES_AT_ONCE], config)).numpy()
            for at in range(0, len(patches), _PATCHES_AT_ONCE)
        ]
    width = classifier.backbone.shape.width
    return np.concatenate(parts) if parts else np.zeros((0, width), dtype=np.float32)


def logits_of(classifier: Classifier, config: ModelConfig, tubes: TubeSet) -> NDArray[np.float64]:
    """One logit per tube, [N] float64, in eval mode."""
    classifier.eval()
    known = with_features(classifier, config, tubes)
    assert known.features is not None
    with torch.inference_mode():
        out = classifier.head(torch.from_numpy(known.features), torch.from_numpy(known.mask))
    return np.asarray(out.numpy(), dtype=np.float64)


def with_features(classifier: Classifier, config: ModelConfig, tubes: TubeSet) -> TubeSet:
    """The same tubes with `features`, computed from their patches when they are not known; each distinct patch once."""
    if tubes.features is not None:
        return tubes
    assert tubes.patches is not None
    assert tubes.index is not None
    # Only what these tubes use: the patches are shared with other sets.
    used, inverse = np.unique(tubes.index[tubes.mask], return_inverse=True)
    features = np.zeros((*tubes.mask.shape, classifier.backbone.shape.width), dtype=np.float32)
    features[tubes.mask] = features_of(classifier, config, tubes.patches[used])[inverse]
    return TubeSet(tubes.smoke, tubes.mask, features, tubes.patches, tubes.index)


class _Fitting:
    """One run of `fit`: optimiser, schedule and the best weights so far."""

    def __init__(self, classifier: Classifier, config: ModelConfig, recipe: Recipe) -> None:
        self.classifier, self.config, self.recipe = classifier, config, recipe
        self.generator = torch.Generator().manual_seed(recipe.seed)
        parameters = _learning(classifier, recipe)
        # Vectors (biases, norms) and embeddings are not decayed.
        decayed = [one for one in parameters if one.ndim == 2 or one.ndim == 4]
        plain = [one for one in parameters if not (one.ndim == 2 or one.ndim == 4)]
        self.optimiser = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": plain, "weight_decay": 0.0}], lr=recipe.learning_rate
        )
        self.parameters = parameters

    def run(self, training: TubeSet, validation: TubeSet | None, on_epoch: Callable[[Epoch], None]) -> Fit:
        recipe = self.recipe
        first = Epoch(0, None, self._validate(validation))
        history = [first]
        best, best_state = 0, _copy(self.classifier)
        best_loss = first.validation_loss if recipe.blocks == 0 and first.validation_loss is not None else math.inf
        for number in range(1, (recipe.epochs if validation is not None else recipe.stop_at or recipe.epochs) + 1):
            epoch = Epoch(number, self._pass(training, number), self._validate(validation))
            history.append(epoch)
            on_epoch(epoch)
            if epoch.validation_loss is None or epoch.validation_loss < best_loss:
                best, best_loss, best_state = number, epoch.validation_loss or best_loss, _copy(self.classifier)
            elif number - best >= recipe.patience:
                break
        self.classifier.load_state_dict(best_state)
        self.classifier.eval()
        return Fit(best, tuple(history))

    def _pass(self, training: TubeSet, number: int) -> float:
        """One epoch; the mean loss over it."""
        self.classifier.train()
        weight = balance(training.smoke)
        per_epoch = math.ceil(len(training) / self.recipe.batch)
        total = 0.0
        for step, rows in enumerate(self._batches(len(training)), start=(number - 1) * per_epoch):
            for group in self.optimiser.param_groups:
                group["lr"] = self.recipe.learning_rate * schedule(step, per_epoch * self.recipe.epochs)
            labels = torch.from_numpy(training.smoke[rows]).float()
            losses = F.binary_cross_entropy_with_logits(self._logits(training, rows), labels, reduction="none")
            loss = (losses * (labels * weight[1] + (1 - labels) * weight[0])).mean()
            self.optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.parameters, 1.0)
            self.optimiser.step()
            total += float(loss.detach()) * len(rows)
        return total / len(training)

    def _batches(self, n: int) -> Iterator[NDArray[np.intp]]:
        order = torch.randperm(n, generator=self.generator).numpy()
        for at in range(0, n, self.recipe.batch):
            yield order[at : at + self.recipe.batch]

    def _logits(self, tubes: TubeSet, rows: NDArray[np.intp]) -> Tensor:
        mask = torch.from_numpy(tubes.mask[rows])
        if self.recipe.blocks == 0:
            assert tubes.features is not None
            out: Tensor = self.classifier.head(torch.from_numpy(tubes.features[rows]), mask)
            return out
        patches, chosen, columns = _drawn(tubes, rows, self.generator, self.recipe.most_slots, 1.0)
        mask = torch.zeros_like(mask).scatter(1, columns, chosen)
        real = self.classifier.backbone(_normalised(patches[chosen], self.config))
        features = real.new_zeros(*mask.shape, real.shape[-1])
        rows_of, slots = chosen.nonzero(as_tuple=True)
        features = features.index_put((rows_of, columns[rows_of, slots]), real)
        logits: Tensor = self.classifier.head(features, mask)
        return logits

    def _validate(self, tubes: TubeSet | None) -> float | None:
        if tubes is None:
            return None
        return balanced_loss(logits_of(self.classifier, self.config, tubes), tubes.smoke)


def drawn_tubes(
    tubes: TubeSet, rows: NDArray[np.intp], config: ModelConfig, generator: torch.Generator, *, most: int
) -> tuple[Tensor, Tensor]:
    """Mildly augmented looks at some tubes with patches: normalised patches [n, most, 3, P, P] and mask [n, most], drawn at random."""
    patches, chosen, _ = _drawn(tubes, rows, generator, most, _MILD)
    return _normalised(patches, config), chosen


def _drawn(tubes: TubeSet, rows: NDArray[np.intp], generator: torch.Generator, most: int, strength: float) -> tuple[Tensor, Tensor, Tensor]:
    """Up to `most` slots of each tube, at random: patches [n, most, 3, P, P] in [0, 1], mask [n, most], and which slots [n, most]."""
    assert tubes.patches is not None
    assert tubes.index is not None
    mask = thinned(torch.from_numpy(tubes.mask[rows]), generator, most=most)
    # The chosen slots of each tube, gathered into `most` columns so that one tube is augmented as one thing.
    columns = mask.int().argsort(dim=1, descending=True, stable=True)[:, :most]
    chosen = mask.gather(1, columns)
    index = torch.from_numpy(tubes.index[rows]).gather(1, columns).clamp(min=0)
    shape = (*index.shape, *tubes.patches.shape[1:])
    patches = _as_float(tubes.patches[index.flatten().numpy()]).reshape(shape[0], shape[1], 3, shape[2], shape[3])
    return augmented(patches, generator, strength=strength), chosen, columns


def _learning(classifier: Classifier, recipe: Recipe) -> list[nn.Parameter]:
    """The parameters that learn; the others are frozen."""
    classifier.requires_grad_(False)
    head, backbone, blocks = classifier.head, classifier.backbone, recipe.blocks
    parts: list[nn.Module] = [head] if recipe.layers is None else [head.classifier, *list(head.encoder.layers)[-recipe.layers :]]
    if blocks is None:
        parts.append(backbone)
    elif blocks:
        transformer = backbone.backbone
        parts += list(transformer.blocks)[-blocks:]
        parts.append(transformer.norm if backbone.shape.pool == "token" else transformer.fc_norm)
    for part in parts:
        part.requires_grad_(True)
    return [one for one in classifier.parameters() if one.requires_grad]


def balance(smoke: NDArray[np.bool_]) -> tuple[float, float]:
    """Weights (of false positives, of smoke) with mean 1 over the set, so that both classes count the same."""
    share = float(smoke.mean())
    return 0.5 / (1 - share), 0.5 / share


def balanced_loss(logits: NDArray[np.float64], smoke: NDArray[np.bool_]) -> float:
    """The mean cross entropy of logits [N], weighted by `balance`."""
    weight = balance(smoke)
    losses = np.logaddexp(0, np.where(smoke, -logits, logits))
    return float(np.mean(losses * np.where(smoke, weight[1], weight[0])))


def schedule(step: int, steps: int) -> float:
    """Factor of the learning rate: up over the first twentieth, then down along a cosine to a fiftieth."""
    warm = max(1, steps // 20)
    if step < warm:
        return (step + 1) / warm
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def as_input(patches: NDArray[np.uint8], config: ModelConfig) -> Tensor:
    """Patches [B, P, P, 3] uint8 RGB -> what the backbone reads, [B, 3, P, P] float32, normalised."""
    return _normalised(_as_float(patches), config)


def _as_float(patches: NDArray[np.uint8]) -> Tensor:
    """[B, P, P, 3] uint8 -> [B, 3, P, P] float32 in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(patches.transpose(0, 3, 1, 2))).float().div_(255)


def _normalised(patches: Tensor, config: ModelConfig) -> Tensor:
    """[B, 3, P, P] in [0, 1] -> what the backbone reads."""
    normalization = config.model_input.normalization
    mean, std = (torch.tensor(values).reshape(3, 1, 1) for values in (normalization.mean, normalization.std))
    return (patches - mean) / std


def _copy(module: nn.Module) -> dict[str, Tensor]:
    return copy.deepcopy(module.state_dict())


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Run torch on so many threads, and on as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
