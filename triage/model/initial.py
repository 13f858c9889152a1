"""First weights for training from scratch: a backbone that sees a coarse picture, and a head that looks at what changes in it.

A transformer with random weights needs far more tubes than a small archive has; and what tells smoke from a ridge is change, which a
random head finds last. So the backbone starts as the main components of the tokens, pooled over four regions of the patch (principal
components, whitened; no labels are looked at), and the head as their mean absolute deviation from the mean over frames. Everything
learns on from there.

Letters: D feature width, S side of a token in pixels, M tokens per patch, C components per region, F = 4 C features.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from triage.errors import BadModel
from triage.model.classifier import Classifier
from triage.model.config import ModelConfig
from triage.model.training import as_input, features_of

__all__ = ["start_from_patches"]

#: Channels that carry constants, so that layer norms do not divide away how strong a contrast or a change is.
_CONSTANT = 8
_COMPONENTS = 12
_REGIONS = 4
#: F: channels 0..F-1 hold features, F..2F-1 their changes.
_FEATURES = _COMPONENTS * _REGIONS
_NOISE = 0.02
_PATCHES = 3_000
_STRENGTH = 14.0
_REGION = 6.0
_OPEN = 5.0
_GATE = 10.0
_STEEP = 8.0
_LARGE = 60.0
_LEFT = 1.0
_ATTENTION = 60.0
#: Tokens are written so small that what the block adds to them drowns them.
_QUIET = 0.1


@torch.no_grad()
def start_from_patches(classifier: Classifier, config: ModelConfig, patches: NDArray[np.uint8], seed: int) -> None:
    """Overwrite the first weights in place. patches: [U, P, P, 3] uint8, of the training cameras only.

    Raises BadModel when the network is not the small one this is made for: one block, average pooling, two layers in the head.
    """
    shape = classifier.backbone.shape
    fits = shape.depth == 1 and shape.pool == "avg" and min(shape.hidden, shape.width - _CONSTANT) >= 2 * _FEATURES
    if not fits or config.classifier.transformer_num_layers != 2 or config.classifier.transformer_ffn_dim < 2 * _FEATURES:
        raise BadModel(
            f"config: training from scratch needs one block and a head of two layers, {2 * _FEATURES} wide; go on --from a package"
        )
    chosen = patches[np.sort(np.random.default_rng(seed).permutation(len(patches))[:_PATCHES])]
    whitening, mean = _whitening(_tokens(as_input(chosen, config), shape.stride))
    _write_backbone(classifier, whitening, mean, _regions(round(shape.tokens**0.5)))
    _standardise(classifier, features_of(classifier, config, chosen))
    _write_change(classifier)


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


def _regions(side: int) -> list[Tensor]:
    """Four sets of tokens, each [M] bool: the middle, the upper edge, the lower edge, the sides."""
    at, quarter = torch.arange(side), max(1, side // 4)
    upper, lower = (at < quarter)[:, None].expand(side, side), (at >= side - quarter)[:, None].expand(side, side)
    sides = ((at < quarter) | (at >= side - quarter))[None, :] & ~upper & ~lower
    return [one.flatten() for one in (~upper & ~lower & ~sides, upper, lower, sides)]


def _write_backbone(classifier: Classifier, whitening: Tensor, mean: Tensor, regions: list[Tensor]) -> None:
    """Channels of a token: its components, then where it is (one channel per region), then zeros; the last one is a constant.

    The block's hidden units pass the components of one region each, and are closed elsewhere.
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
    for number, region in enumerate(regions):
        place[region, _COMPONENTS + number] = _QUIET * _REGION
    place[:, -1] = _QUIET * _STRENGTH
    block.get_parameter("attn.proj.weight").zero_()  # tokens do not look at each other yet
    first, bias, second = (block.get_parameter(f"mlp.{name}") for name in ("fc1.weight", "fc1.bias", "fc2.weight"))
    second[:, :_FEATURES] = 0.0
    second[:_FEATURES] = 0.0
    second[:_FEATURES, :_FEATURES] = torch.eye(_FEATURES)
    second[-_CONSTANT:] = 0.0
    first[:_FEATURES] = 0.0
    block.get_parameter("mlp.fc2.bias")[-1] = _LARGE  # so large that the last norm is the same for every patch
    # The layer norm divides by about this: weights times it read a component in its own unit. Open units lie where the GELU is straight.
    spread = (_STRENGTH**2 + _REGION**2) ** 0.5 / shape.width**0.5
    for number, region in enumerate(regions):
        at = slice(number * _COMPONENTS, (number + 1) * _COMPONENTS)
        first[at, :_COMPONENTS] = spread * torch.eye(_COMPONENTS)
        first[at, _COMPONENTS + number] = _GATE
        blank = block.get_submodule("norm2")(place[region][:1])[0]
        bias[at] = _OPEN - first[at] @ blank


def _standardise(classifier: Classifier, features: NDArray[np.float32]) -> None:
    """Give the first F features mean 0 and deviation 1 over `features` [B, D]; the other channels are silent."""
    norm = classifier.backbone.backbone.fc_norm
    mean, deviation = torch.from_numpy(features.mean(axis=0)), torch.from_numpy(features.std(axis=0))
    scale = torch.where(deviation > 1e-4, 1 / deviation.clamp(min=1e-4), 0.0)
    scale[_FEATURES:] = 0.0
    norm.weight.copy_(scale)
    norm.bias.copy_(-mean * scale)


def _write_change(classifier: Classifier) -> None:
    """First layer: each frame minus the mean over frames, then its absolute value beside it. Second: the class token gathers those.

    Change is a twentieth of what stands still, so the mean must be exact: large constants make the layer norm the same for every frame,
    the values undo it, and the class token, which lacks one of the constants, gets no share of the attention. What is left of the
    constants then keeps the later norms from making all changes equally large.
    """
    head, width = classifier.head, classifier.backbone.shape.width
    head.pos_embed[0, 1:] *= 0.01
    head.pos_embed[0, 1:, -_CONSTANT::2] = head.cls_token[0, 0, -_CONSTANT::2] = -_LARGE
    head.pos_embed[0, 1:, 1 - _CONSTANT :: 2] = head.cls_token[0, 0, 1 - _CONSTANT :: 2] = _LARGE
    head.cls_token[0, 0, -1] = 0.0
    layers = [head.encoder.get_submodule(f"layers.{number}") for number in (0, 1)]
    weights, biases = (layers[0].get_parameter(f"self_attn.in_proj_{name}") for name in ("weight", "bias"))
    out = layers[0].get_parameter("self_attn.out_proj.weight")
    deviation = _LARGE * (_CONSTANT / width) ** 0.5  # the constants' mean is 0
    weights.zero_()
    heads = layers[0].get_submodule("self_attn").heads
    assert isinstance(heads, int)
    first_of_head = torch.arange(heads) * (width // heads)
    biases[first_of_head] = 1.0
    weights[width + first_of_head, -1] = _ATTENTION
    passed = torch.zeros(width)
    passed[:_FEATURES] = 1.0
    passed[-_CONSTANT:] = 1 - _LEFT / _LARGE
    weights[2 * width :] = deviation * torch.diag(passed)
    # The norm also takes the mean over channels, which holds a share of every feature: put it back.
    weights[2 * width : 2 * width + _FEATURES, :_FEATURES] += deviation / (width - _FEATURES)
    out.copy_(-torch.eye(width))
    first, second = layers[0].get_parameter("linear1.weight"), layers[0].get_parameter("linear2.weight")
    at = torch.arange(_FEATURES)
    first[: 2 * _FEATURES] = 0.0
    first[at, at], first[_FEATURES + at, at] = _STEEP, -_STEEP  # gelu(x) + gelu(-x): about |x|
    second.mul_(0.1)
    second[:, : 2 * _FEATURES] = 0.0
    second[_FEATURES + at, at] = second[_FEATURES + at, _FEATURES + at] = 1.0
    weights, out = (layers[1].get_parameter(f"self_attn.{name}") for name in ("in_proj_weight", "out_proj.weight"))
    changes = torch.zeros(width)
    changes[_FEATURES : 2 * _FEATURES] = 1.0
    weights[: 2 * width] *= 0.1
    weights[2 * width :] = torch.diag(changes)
    out.copy_(torch.eye(width))
    # At first the second layer reads changes only: learning what single pictures look like is the way to learn them by heart.
    layers[1].get_parameter("linear1.weight")[:, :_FEATURES] = 0.0
    head.classifier.weight[:, :_FEATURES] = 0.0
