"""First weights for training from scratch: a backbone that sees a coarse picture, and a head that looks at what changes in it.

A transformer with random weights needs far more tubes than a small archive has; and what tells smoke from a ridge is change, which a
random head finds last. So the backbone starts as the main components of each token of the patch (whitened; no labels are looked at), and
the head as their mean absolute deviation from the mean over frames, read by a logistic regression through a few straight pieces of each.
Everything that is allowed to learns on from there.

Letters: D feature width, S side of a token in pixels, M tokens per patch, C components per token, F = M C features.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from triage.errors import BadModel
from triage.model.classifier import Classifier
from triage.model.config import ModelConfig
from triage.model.training import TubeSet, as_input, features_of

__all__ = ["start_from_patches", "start_readout"]

#: Channels that carry constants, so large that layer norms treat all frames alike and do not divide away how strong a change is.
_CONSTANT = 8
_LARGE = 60.0
_COMPONENTS = 5
_PATCHES = 3_000
_NOISE = 0.02
#: Where tokens stand in the backbone's layer norm, and how a hidden unit is open for one of them only.
_STRENGTH, _PLACE, _OPEN, _GATE = 14.0, 6.0, 5.0, 10.0
#: Tokens are written so small that what the block adds to them drowns them.
_QUIET = 0.1
#: What the first layer leaves of the constants; how hard its attention turns from the class token; how sharp its
#: absolute value is.
_LEFT, _ATTENTION, _STEEP = 10.0, 60.0, 200.0
#: Changes are told in tenths of a feature's deviation; the second layer bends at these.
_TENTHS = 10.0
_KNEES = (0.0, 0.03, 0.1, 0.35, 1.2)
_BEND = 60.0
_FAINT = 0.03
#: Holds a feature of frames and nothing of the class token: what the second layer writes there is read alone.
_QUIET_CHANNEL = 0


@torch.no_grad()
def start_from_patches(classifier: Classifier, config: ModelConfig, patches: NDArray[np.uint8], seed: int) -> None:
    """Overwrite the first weights in place. patches: [U, P, P, 3] uint8, of the training cameras only.

    Raises BadModel when the network is not the small one this is made for: one block, average pooling, a head of two layers.
    """
    shape, rules = classifier.backbone.shape, config.classifier
    features = _features_of(classifier)
    wide = shape.width >= 2 * features + _CONSTANT and shape.hidden >= features and rules.transformer_ffn_dim >= len(_KNEES) * features
    if shape.depth != 1 or shape.pool != "avg" or rules.transformer_num_layers != 2 or not wide:
        raise BadModel("config: training from scratch needs the small network's shape (triage.train.architecture); go on --from a package")
    chosen = patches[np.sort(np.random.default_rng(seed).permutation(len(patches))[:_PATCHES])]
    whitening, mean = _whitening(_tokens(as_input(chosen, config), shape.stride))
    _write_backbone(classifier, whitening, mean)
    _standardise(classifier, features_of(classifier, config, chosen), features)
    _write_differences(classifier, features)
    _write_changes(classifier, features)


@torch.no_grad()
def start_readout(classifier: Classifier, tubes: TubeSet) -> None:
    """Set what the class token makes of the changes: a logistic regression on their logarithms, each made of straight pieces.

    tubes: with features, both classes, of the cameras to learn from.
    """
    assert tubes.features is not None
    layer, readout = classifier.head.encoder.get_submodule("layers.1"), classifier.head.classifier
    seen: list[Tensor] = []
    hook = layer.get_submodule("linear1").register_forward_hook(lambda module, given, out: seen.append(torch.nn.functional.gelu(out[:, 0])))
    try:
        classifier.eval()
        classifier.head(torch.from_numpy(tubes.features), torch.from_numpy(tubes.mask))
    finally:
        hook.remove()
    pieces, offset = _logarithm()
    count = _features_of(classifier)
    used = len(_KNEES) * count
    hidden = torch.cat(seen)[:, :used].double().numpy().reshape(-1, len(_KNEES), count)
    logs = np.einsum("nkf,k->nf", hidden, pieces) + offset
    deviation = np.maximum(logs.std(axis=0), 1e-6)
    model = LogisticRegression(C=0.01, max_iter=2000, class_weight="balanced").fit((logs - logs.mean(axis=0)) / deviation, tubes.smoke)
    weights = model.coef_[0] / deviation
    slope = np.outer(pieces, weights).ravel()
    second = layer.get_parameter("linear2.weight")
    second.zero_()
    second[_QUIET_CHANNEL, :used] = torch.from_numpy(slope).float()
    layer.get_parameter("linear2.bias").zero_()
    readout.weight.zero_()
    readout.weight[0, _QUIET_CHANNEL] = 1.0
    readout.bias.fill_(float(model.intercept_[0] + weights @ (offset - logs.mean(axis=0))))


def _tokens(patches: Tensor, stride: int) -> Tensor:
    """[B, 3, P, P] -> [B * M, 3 * S * S]: channel, row, column, as the patch embedding reads them."""
    flat = torch.nn.functional.unfold(patches, stride, stride=stride)
    return flat.permute(0, 2, 1).reshape(-1, flat.shape[1])


def _whitening(tokens: Tensor) -> tuple[Tensor, Tensor]:
    """[C, 3 * S * S] and the mean: the components with most variance, scaled to about 1; the noise floor keeps faint ones faint."""
    mean = tokens.mean(dim=0)
    values, vectors = torch.linalg.eigh(torch.cov(tokens.T).double())
    order = torch.argsort(values, descending=True)[:_COMPONENTS]
    chosen = vectors[:, order]
    chosen = chosen * torch.sign(chosen.sum(dim=0))  # eigenvectors have no sign of their own
    return (chosen / torch.sqrt(values[order] + _NOISE)).T.float(), mean


def _write_backbone(classifier: Classifier, whitening: Tensor, mean: Tensor) -> None:
    """Channels of a token: its components, then which token it is (one channel each), then zeros; the last one is a constant.

    The block's hidden units pass the components of one token each, and are closed for the others.
    """
    shape, transformer = classifier.backbone.shape, classifier.backbone.backbone
    embed, block = transformer.patch_embed, transformer.blocks[0]
    assert isinstance(block, torch.nn.Module)
    weight, offset = embed.get_parameter("proj.weight"), embed.get_parameter("proj.bias")
    weight.zero_()
    weight[:_COMPONENTS] = _QUIET * whitening.reshape(_COMPONENTS, 3, shape.stride, shape.stride)
    offset.zero_()
    offset[:_COMPONENTS] = -_QUIET * (whitening @ mean)
    transformer.cls_token.zero_()
    transformer.pos_embed.zero_()
    place = transformer.pos_embed[0, 1:]
    place[torch.arange(shape.tokens), _COMPONENTS + torch.arange(shape.tokens)] = _QUIET * _PLACE
    place[:, -1] = _QUIET * _STRENGTH
    for name in ("attn.proj.weight", "mlp.fc1.weight", "mlp.fc1.bias", "mlp.fc2.weight"):
        block.get_parameter(name).zero_()  # tokens do not look at each other yet
    first, bias, second = (block.get_parameter(f"mlp.{name}") for name in ("fc1.weight", "fc1.bias", "fc2.weight"))
    features = _features_of(classifier)
    second[:features, :features] = shape.tokens * torch.eye(features)  # undoes the mean over tokens
    block.get_parameter("mlp.fc2.bias")[-1] = _LARGE * shape.tokens
    # The layer norm divides by about this: weights times it read a component in its own unit. Open units lie where the GELU is straight.
    spread = (_STRENGTH**2 + _PLACE**2) ** 0.5 / shape.width**0.5
    for number in range(shape.tokens):
        at = slice(number * _COMPONENTS, (number + 1) * _COMPONENTS)
        first[at, :_COMPONENTS] = spread * torch.eye(_COMPONENTS)
        first[at, _COMPONENTS + number] = _GATE
        blank = block.get_submodule("norm2")(place[number : number + 1])[0]
        bias[at] = _OPEN - first[at] @ blank


def _standardise(classifier: Classifier, values: NDArray[np.float32], features: int) -> None:
    """Give the first F features mean 0 and deviation 1 over `values` [B, D]; the other channels are silent."""
    norm = classifier.backbone.backbone.fc_norm
    mean, deviation = torch.from_numpy(values.mean(axis=0)), torch.from_numpy(values.std(axis=0))
    scale = torch.where(deviation > 1e-5, 1 / deviation.clamp(min=1e-5), 0.0)
    scale[features:] = 0.0
    norm.weight.copy_(scale)
    norm.bias.copy_(-mean * scale)


def _sign(channel: int) -> float:
    """Of a constant: they alternate, so that their mean is 0. The last one is positive."""
    return 1.0 if channel % 2 else -1.0


def _write_differences(classifier: Classifier, features: int) -> None:
    """First layer: each frame minus the mean over frames, then the absolute values in channels F to 2F.

    Change is a twentieth of what stands still, so the mean must be exact: large constants make the layer norm the same for every frame,
    the values undo it, and the class token, which lacks two of the constants, is neither attended to nor attends to the frames.
    """
    head, width = classifier.head, classifier.backbone.shape.width
    signs = torch.tensor([_sign(channel) for channel in range(-_CONSTANT, 0)])
    head.pos_embed.zero_()
    head.cls_token.zero_()
    head.pos_embed[0, 1:, -_CONSTANT:] = _LARGE * signs
    head.cls_token[0, 0, -_CONSTANT:] = _LARGE * signs
    head.cls_token[0, 0, -2:] = 0.0  # both, so that its mean is 0 as well
    layer = head.encoder.get_submodule("layers.0")
    weights, biases, out = (layer.get_parameter(f"self_attn.{name}") for name in ("in_proj_weight", "in_proj_bias", "out_proj.weight"))
    weights.zero_()
    heads = layer.get_submodule("self_attn").heads
    assert isinstance(heads, int)
    first_of_head = torch.arange(heads) * (width // heads)
    deviation = _LARGE * (_CONSTANT / width) ** 0.5  # the constants' mean is 0
    # Frames attend to frames and the class token to itself: they differ in the last channel.
    weights[first_of_head, -1] = 1.0
    biases[first_of_head] = -_LARGE / deviation / 2
    weights[width + first_of_head, -1] = _ATTENTION
    passed = torch.zeros(width)
    passed[:features] = 1.0
    passed[-_CONSTANT:] = 1 - _LEFT / _LARGE
    weights[2 * width :] = deviation * torch.diag(passed)
    # The norm also takes the mean over channels, which holds a share of every feature: put it back.
    weights[2 * width : 2 * width + features, :features] += deviation / (width - features)
    out.copy_(-torch.eye(width))
    first, bias, second = (layer.get_parameter(name) for name in ("linear1.weight", "linear1.bias", "linear2.weight"))
    at, half = torch.arange(features), len(first) // 2
    for parameter in (first, bias, second):
        parameter.zero_()
    left = _LEFT * (_CONSTANT / width) ** 0.5  # the deviation of what is left
    for number, sign in ((0, 1.0), (half, -1.0)):  # gelu(x) + gelu(-x): about |x|
        first[number + at, at] = sign * _STEEP * left
        second[features + at, number + at] = _TENTHS / _STEEP
    layer.get_parameter("linear2.bias").zero_()
    layer.get_parameter("linear2.bias")[-_CONSTANT:] = _LARGE * signs


def _features_of(classifier: Classifier) -> int:
    return _COMPONENTS * classifier.backbone.shape.tokens


def _logarithm() -> tuple[NDArray[np.float64], float]:
    """Weights of the hidden units of one change x, and an offset, that together come near ln(x + _FAINT) over its range."""
    x = np.logspace(-2.5, 1, 300)
    units = torch.nn.functional.gelu(torch.from_numpy(_BEND * (x[:, None] - np.array(_KNEES))))
    found = np.linalg.lstsq(np.column_stack([units.numpy(), np.ones(len(x))]), np.log(x + _FAINT), rcond=None)[0]
    return found[:-1], float(found[-1])


def _write_changes(classifier: Classifier, features: int) -> None:
    """Second layer: the class token gathers the mean of the absolute values, and bends each of them at a few knees."""
    head, width = classifier.head, classifier.backbone.shape.width
    layer = head.encoder.get_submodule("layers.1")
    weights, biases, out = (layer.get_parameter(f"self_attn.{name}") for name in ("in_proj_weight", "in_proj_bias", "out_proj.weight"))
    passed = torch.zeros(width)
    passed[features : 2 * features] = 1.0
    weights.zero_()
    biases.zero_()
    deviation = (_LARGE + _LEFT) * (_CONSTANT / width) ** 0.5
    weights[2 * width :] = deviation * torch.diag(passed)
    out.copy_(torch.eye(width))
    first, bias = layer.get_parameter("linear1.weight"), layer.get_parameter("linear1.bias")
    first.zero_()
    bias.fill_(-10.0)  # units without a task are closed
    # What the class token is like when nothing changes: the origin of the knees.
    token = torch.cat([head.cls_token, torch.zeros(1, 1, width)], dim=1) + head.pos_embed[:, :2]
    blank = head.encoder.get_submodule("layers.0")(token, torch.ones(1, 2, dtype=torch.bool), 2)[0, 0]
    spread = float(blank.std(correction=0))
    blank = layer.get_submodule("norm2")(blank[None])[0]
    for number, knee in enumerate(_KNEES):
        at = number * features + torch.arange(features)
        first[at, features + torch.arange(features)] = _BEND * spread
        bias[at] = -_BEND * (knee + spread * blank[0])
