"""The small network in plain form: what training from scratch fits before `triage.model.initial` writes it down as a transformer.

A patch becomes F numbers, each a free mixture of what its tokens show (main components, and how strong finer grain is). Over the frames of
a tube each number has a mean, which is what the place looks like, and the mean logarithm of its distance from that mean, which is how much
it changes. A small perceptron reads both. It has the same functions as the transformer it becomes, but none of its large constants, so
steps of a gradient do not blur a change of one twentieth; and it is small enough to be fitted in minutes on one core.

Letters: N tubes, T slots, P patch size, S side of a token in pixels, M tokens per patch, C components, U grains, F numbers per patch.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name every torch program gives it

from triage.model.config import ModelConfig
from triage.model.training import Epoch, Recipe, TubeSet, as_input, balance, balanced_loss, drawn_tubes, schedule, torch_threads

__all__ = ["APPEARANCE", "BEND", "COMPONENTS", "GRAINS", "KNEES", "READERS", "Sketch", "features_wanted", "fit_sketch", "log_pieces"]

COMPONENTS, GRAINS, MIXED, APPEARANCE, READERS = 8, 6, 48, 32, 192
#: The logarithm of a change is made of straight pieces that bend at these.
KNEES = (0.0, 0.03, 0.1, 0.35, 1.2)
BEND = 60.0
_FAINT = 0.03
_NOISE = 0.02
_PATCHES, _TUBES = 3_000, 800
_DROP = 0.2
#: How long the running mean of the weights remembers, in steps: it is the mean that is kept.
_MEMORY = 100


def features_wanted(tokens: int) -> int:
    """F for a patch of M tokens: its components one by one, and as many free mixtures as there is room for."""
    return tokens * COMPONENTS + MIXED


def log_pieces() -> tuple[Tensor, float]:
    """Weights of the bent units of one distance x, and an offset, that together come near ln(x + 0.03) over its range."""
    x = np.logspace(-2.5, 1, 300)
    units = F.gelu(torch.from_numpy(BEND * (x[:, None] - np.array(KNEES))))
    found = np.linalg.lstsq(np.column_stack([units.numpy(), np.ones(len(x))]), np.log(x + _FAINT), rcond=None)[0]
    return torch.from_numpy(found[:-1]).float(), float(found[-1])


class Sketch(nn.Module):
    """Patches [N, T, 3, P, P] float32, normalised, and mask [N, T] bool -> logits [N]."""

    centre: Tensor
    spread: Tensor

    def __init__(self, size: int, stride: int) -> None:
        super().__init__()
        self.stride, self.tokens = stride, (size // stride) ** 2
        count = features_wanted(self.tokens)
        self.embed = nn.Linear(3 * stride * stride, COMPONENTS + GRAINS)
        self.mix = nn.Linear(self.tokens * (COMPONENTS + 2 * GRAINS), count)
        self.place = nn.Linear(count, APPEARANCE)
        self.read = nn.Linear(count + APPEARANCE, READERS)
        self.out = nn.Linear(READERS, 1)
        self.straight = nn.Linear(count, 1)
        self.drop = nn.Dropout(_DROP)
        self.register_buffer("centre", torch.zeros(count))
        self.register_buffer("spread", torch.ones(count))

    def features(self, patches: Tensor) -> Tensor:
        """[B, 3, P, P] normalised -> [B, F]."""
        seen = self.embed(_tokens(patches, self.stride))
        fine = seen[..., COMPONENTS:]
        out: Tensor = self.mix(torch.cat([seen[..., :COMPONENTS], F.gelu(fine), F.gelu(-fine)], dim=-1).flatten(1))
        return out

    def changes(self, features: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """features [N, T, F] -> the mean logarithm of their distances from their mean, and that mean, both [N, F]."""
        weight = mask.float().unsqueeze(-1)
        count = weight.sum(dim=1)
        mean = (features * weight).sum(dim=1) / count
        distance = features - mean[:, None]
        pieces, offset = log_pieces()
        logs = sum(
            piece * (F.gelu(BEND * (distance - knee)) + F.gelu(BEND * (-distance - knee)))
            for knee, piece in zip(KNEES, pieces, strict=True)
        )
        assert isinstance(logs, Tensor)
        return (logs * weight).sum(dim=1) / count + offset, mean

    def forward(self, patches: Tensor, mask: Tensor) -> Tensor:
        """Logits [N]."""
        features = self.features(patches.flatten(0, 1)).reshape(*mask.shape, -1)
        return self.judge(*self.changes(features, mask))

    def judge(self, logs: Tensor, mean: Tensor) -> Tensor:
        """What `changes` says, [N, F] each -> logits [N]."""
        change = (logs - self.centre) / self.spread
        hidden = F.gelu(self.read(self.drop(torch.cat([change, self.place(mean)], dim=-1))))
        out: Tensor = self.out(self.drop(hidden)) + self.straight(change)
        return out[:, 0]


def _tokens(patches: Tensor, stride: int) -> Tensor:
    """[B, 3, P, P] -> [B, M, 3 * S * S]: channel, row, column, as the patch embedding reads them."""
    return F.unfold(patches, stride, stride=stride).permute(0, 2, 1)


def fit_sketch(
    config: ModelConfig,
    stride: int,
    training: TubeSet,
    validation: TubeSet | None,
    recipe: Recipe,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> Sketch:
    """Fit one to tubes with patches, both classes; `validation` is only reported on. The same seed, tubes and machine: the same weights.

    It starts from the patches' main components and a logistic regression on their changes, so that few tubes do no harm, and goes
    through `recipe.epochs` passes of augmented tubes. What is kept is the running mean of the weights.
    """
    with torch_threads(recipe.threads), torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        sketch = Sketch(config.model_input.patch_size, stride)
        _start(sketch, config, training, recipe.seed)
        kept = copy.deepcopy(sketch)
        generator = torch.Generator().manual_seed(recipe.seed)
        matrices = [one for one in sketch.parameters() if one.ndim == 2]
        vectors = [one for one in sketch.parameters() if one.ndim != 2]
        optimiser = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": vectors, "weight_decay": 0.0}], lr=recipe.learning_rate
        )
        weight = balance(training.smoke)
        steps, step = recipe.epochs * math.ceil(len(training) / recipe.batch), 0
        for number in range(1, recipe.epochs + 1):
            sketch.train()
            total = 0.0
            order = torch.randperm(len(training), generator=generator).numpy()
            for at in range(0, len(training), recipe.batch):
                rows = order[at : at + recipe.batch]
                for group in optimiser.param_groups:
                    group["lr"] = recipe.learning_rate * schedule(step, steps)
                patches, mask = drawn_tubes(training, rows, config, generator, most=recipe.most_slots)
                labels = torch.from_numpy(training.smoke[rows]).float()
                losses = F.binary_cross_entropy_with_logits(sketch(patches, mask), labels, reduction="none")
                loss = (losses * (labels * weight[1] + (1 - labels) * weight[0])).mean()
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(sketch.parameters(), 1.0)
                optimiser.step()
                step += 1
                total += float(loss.detach()) * len(rows)
                with torch.no_grad():
                    share = max(1 / _MEMORY, 9 / (10 + step))
                    for mean, now in zip(kept.parameters(), sketch.parameters(), strict=True):
                        mean.lerp_(now, share)
            on_epoch(Epoch(number, total / len(training), _loss(kept, config, validation)))
    return kept.eval()


@torch.no_grad()
def _start(sketch: Sketch, config: ModelConfig, training: TubeSet, seed: int) -> None:
    """First weights: whitened main components of the tokens, told apart by place, and a logistic regression on how they change."""
    assert training.patches is not None
    assert training.index is not None
    used = np.unique(training.index[training.mask])
    chosen = np.sort(np.random.default_rng(seed).permutation(used)[:_PATCHES])
    tokens = _tokens(as_input(training.patches[chosen], config), sketch.stride).flatten(0, 1)
    mean = tokens.mean(dim=0)
    values, vectors = torch.linalg.eigh(torch.cov(tokens.T).double())
    order = torch.argsort(values, descending=True)[: COMPONENTS + GRAINS]
    found = vectors[:, order]
    found = found * torch.where(found.sum(dim=0) < 0, -1.0, 1.0)  # eigenvectors have no sign of their own
    # The noise floor keeps faint components faint.
    whitening = (found / torch.sqrt(values[order].clamp(min=0) + _NOISE)).T.float()
    whitening[COMPONENTS:] *= 2
    sketch.embed.weight.copy_(whitening)
    sketch.embed.bias.copy_(-whitening @ mean)
    sketch.mix.weight.mul_(0.3)
    sketch.mix.bias.zero_()
    ones, per_token = sketch.tokens * COMPONENTS, COMPONENTS + 2 * GRAINS
    sketch.mix.weight[:ones] = 0
    at = torch.arange(ones)
    sketch.mix.weight[at, at // COMPONENTS * per_token + at % COMPONENTS] = 1
    nn.init.zeros_(sketch.out.weight)
    nn.init.zeros_(sketch.out.bias)
    features = torch.cat([sketch.features(as_input(training.patches[chosen[a : a + 256]], config)) for a in range(0, len(chosen), 256)])
    deviation = features.std(dim=0).clamp(min=1e-3)
    sketch.mix.weight.div_(deviation[:, None])
    sketch.mix.bias.div_(deviation)
    rows = np.sort(np.random.default_rng(seed).permutation(len(training))[:_TUBES])
    if not 0 < int(training.smoke[rows].sum()) < len(rows):
        rows = np.arange(len(training))
    logs = torch.cat([_changes(sketch, config, training, rows[a : a + 64])[0] for a in range(0, len(rows), 64)])
    sketch.centre.copy_(logs.mean(dim=0))
    sketch.spread.copy_(logs.std(dim=0) + 0.05)
    told = ((logs - sketch.centre) / sketch.spread).double().numpy()
    model = LogisticRegression(C=0.01, max_iter=2000, class_weight="balanced").fit(told, training.smoke[rows])
    sketch.straight.weight.copy_(torch.from_numpy(model.coef_))
    sketch.straight.bias.copy_(torch.from_numpy(model.intercept_))


def _changes(sketch: Sketch, config: ModelConfig, tubes: TubeSet, rows: NDArray[np.intp]) -> tuple[Tensor, Tensor]:
    """`Sketch.changes` of whole tubes, not augmented."""
    assert tubes.patches is not None
    assert tubes.index is not None
    mask = tubes.mask[rows]
    features = torch.zeros(*mask.shape, features_wanted(sketch.tokens))
    features[torch.from_numpy(mask)] = sketch.features(as_input(tubes.patches[tubes.index[rows][mask]], config))
    return sketch.changes(features, torch.from_numpy(mask))


@torch.no_grad()
def _loss(sketch: Sketch, config: ModelConfig, tubes: TubeSet | None) -> float | None:
    """The mean class-balanced loss over whole tubes."""
    if tubes is None:
        return None
    sketch.eval()
    parts = [sketch.judge(*_changes(sketch, config, tubes, np.arange(a, min(a + 64, len(tubes))))) for a in range(0, len(tubes), 64)]
    return balanced_loss(torch.cat(parts).double().numpy(), tubes.smoke)
