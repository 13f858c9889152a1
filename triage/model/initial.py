"""Writing a fitted sketch (`triage.model.sketch`) down as a transformer of the package's format: the same logits, in its layers.

The block's hidden units pass the components of one token each; the head's first layer subtracts the mean over frames and bends what is
left into logarithms; its second lets the class token gather their means and reads them. Layer norms stand in the way everywhere. Large
constants, which cancel later, make each of them divide by nearly the same number for every input; a channel that holds nothing tells the
mean that it subtracted.

Letters: D feature width, S side of a token in pixels, M tokens per patch, F numbers per patch.
"""

from __future__ import annotations

import torch

from triage.errors import BadModel
from triage.model.classifier import Classifier
from triage.model.config import ModelConfig
from triage.model.sketch import APPEARANCE, BEND, COMPONENTS, GRAINS, KNEES, READERS, Sketch, features_wanted, log_pieces

__all__ = ["insist_on_room", "write_down"]

#: Tokens are written so small that what the block adds to them drowns them.
_QUIET = 0.01
#: Of a token: the constant beside it, and how far the channel of its place stands out.
_STRENGTH, _PLACE = 300.0, 30.0
#: A hidden unit of another token is shut by so much; units that pass a number unbent are this far on the straight part of their curve.
_SHUT, _OPEN = 40.0, 12.0
#: The constants beside the numbers of a patch, and in the head beside those of a frame. The head has eight of them, with changing signs.
_PATCH_CONSTANT, _LARGE, _CONSTANTS = 4_000.0, 1_000.0, 8
#: How hard attention turns from the class token.
_ATTENTION = 60.0


def insist_on_room(classifier: Classifier, config: ModelConfig) -> None:
    """Raise BadModel when the network is not the small one a sketch fits into: one block, average pooling, a head of two layers."""
    shape, rules = classifier.backbone.shape, config.classifier
    count = features_wanted(shape.tokens)
    room = (
        shape.width >= count + max(3 + COMPONENTS + GRAINS + shape.tokens, APPEARANCE + 1 + _CONSTANTS)
        and shape.hidden >= shape.tokens * (COMPONENTS + 2 * GRAINS)
        and rules.transformer_ffn_dim >= max(2 * len(KNEES) * count, READERS)
    )
    if shape.depth != 1 or shape.pool != "avg" or rules.transformer_num_layers != 2 or not room:
        raise BadModel("config: training from scratch needs the small network's shape (triage.train.architecture); go on --from a package")


@torch.no_grad()
def write_down(classifier: Classifier, config: ModelConfig, sketch: Sketch) -> None:
    """Overwrite all weights, so that the classifier gives the sketch's logits, to about a hundredth. Raises BadModel: `insist_on_room`."""
    insist_on_room(classifier, config)
    for name, parameter in classifier.named_parameters():
        parameter.fill_(1.0 if "norm" in name and name.endswith("weight") else 0.0)
    _write_backbone(classifier, sketch)
    _write_distances(classifier, sketch)
    _write_reading(classifier, sketch)


def _write_backbone(classifier: Classifier, sketch: Sketch) -> None:
    """Channels of a patch: its F numbers, then what is silenced at the end: minus their sum, a token's parts, its place, two constants."""
    shape, transformer = classifier.backbone.shape, classifier.backbone.backbone
    count, tokens, parts = features_wanted(shape.tokens), shape.tokens, COMPONENTS + GRAINS
    embed, block = transformer.patch_embed, transformer.blocks[0]
    assert isinstance(block, torch.nn.Module)
    part, place = count + 1, count + 1 + parts
    embed.get_parameter("proj.weight")[part:place] = _QUIET * sketch.embed.weight.reshape(parts, 3, shape.stride, shape.stride)
    embed.get_parameter("proj.bias")[part:place] = _QUIET * sketch.embed.bias
    at = torch.arange(tokens)
    transformer.pos_embed[0, 1 + at, place + at] = _QUIET * _PLACE
    transformer.pos_embed[0, 1:, -2] = _QUIET * _STRENGTH
    transformer.pos_embed[0, 1:, -1] = -_QUIET * _STRENGTH
    first, bias, second = (block.get_parameter(f"mlp.{name}") for name in ("fc1.weight", "fc1.bias", "fc2.weight"))
    bias.fill_(-_SHUT)
    # What the layer norm divides by, so that weights times it read a part of a token in its own unit; channel 0 holds nothing yet.
    unit = ((2 * _STRENGTH**2 + _PLACE**2) / shape.width) ** 0.5
    each = COMPONENTS + 2 * GRAINS
    for token in range(tokens):
        units = slice(token * each, (token + 1) * each)
        first[units, place + token] = _SHUT * unit / _PLACE
        rows = torch.arange(each) + token * each
        which = torch.cat([torch.arange(COMPONENTS), COMPONENTS + torch.arange(GRAINS), COMPONENTS + torch.arange(GRAINS)])
        sign = torch.cat([torch.ones(COMPONENTS + GRAINS), -torch.ones(GRAINS)])
        first[rows, part + which] = sign * unit
        first[rows, 0] = -sign * unit - _SHUT * unit / _PLACE
        bias[rows[:COMPONENTS]] += _OPEN
    used = tokens * each
    second[:count, :used] = tokens * sketch.mix.weight  # undoes the mean over tokens
    offset = block.get_parameter("mlp.fc2.bias")
    straight = torch.arange(used) % each < COMPONENTS
    offset[:count] = sketch.mix.bias - _OPEN * sketch.mix.weight[:, straight].sum(dim=1)
    # With minus their sum beside them, the numbers have no mean that the last norm could take away.
    second[count] = -second[:count].sum(dim=0)
    offset[count] = -offset[:count].sum()
    offset[-2], offset[-1] = _PATCH_CONSTANT, -_PATCH_CONSTANT
    norm = transformer.fc_norm.get_parameter("weight")
    norm.zero_()
    norm[:count] = _PATCH_CONSTANT * (2 / shape.width) ** 0.5


def _signs() -> torch.Tensor:
    """Of the head's constants: they alternate, so that their mean is 0."""
    return torch.tensor([1.0 if number % 2 else -1.0 for number in range(_CONSTANTS)])


def _pass_on(layer: torch.nn.Module, width: int, channels: int, unit: float, empty: int) -> None:
    """Attention's values: the first `channels` of a frame in their own unit. Frames look at frames alone, the class token's key repels."""
    weights, biases = layer.get_parameter("self_attn.in_proj_weight"), layer.get_parameter("self_attn.in_proj_bias")
    heads = layer.get_submodule("self_attn").heads
    assert isinstance(heads, int)
    first_of_head = torch.arange(heads) * (width // heads)
    weights[width + first_of_head, -1] = _ATTENTION
    biases[first_of_head] = 1.0
    at = torch.arange(channels)
    weights[2 * width + at, at] = unit
    weights[2 * width + at, empty] = -unit


def _write_distances(classifier: Classifier, sketch: Sketch) -> None:
    """First layer: each frame minus the mean over frames, bent into its logarithm; beside it what the place looks like."""
    head, width = classifier.head, classifier.backbone.shape.width
    count = features_wanted(sketch.tokens)
    empty = count + APPEARANCE
    head.pos_embed[0, 1:, -_CONSTANTS:] = _LARGE * _signs()
    head.cls_token[0, 0, -_CONSTANTS:] = _LARGE * _signs()
    head.cls_token[0, 0, -2:] = 0.0  # tells it from the frames; both, so that its mean is 0 as well
    layer = head.encoder.get_submodule("layers.0")
    unit = _LARGE * (_CONSTANTS / width) ** 0.5
    _pass_on(layer, width, count, unit, empty)
    # The class token looks at itself: asked with the same question as frames are, it would look at them.
    weights, biases = layer.get_parameter("self_attn.in_proj_weight"), layer.get_parameter("self_attn.in_proj_bias")
    asking = biases[:width] > 0
    weights[:width][asking, -1] = 1.0
    biases[:width][asking] = -0.5 * _LARGE / unit
    out = layer.get_parameter("self_attn.out_proj.weight")
    at = torch.arange(count)
    out[at, at] = -1.0
    out[count:empty, :count] = sketch.place.weight
    first, bias, second = (layer.get_parameter(name) for name in ("linear1.weight", "linear1.bias", "linear2.weight"))
    bias.fill_(-10.0)  # units without a task are shut
    pieces, _ = log_pieces()
    for number, (knee, piece) in enumerate(zip(KNEES, pieces, strict=True)):
        for side, sign in enumerate((1.0, -1.0)):
            rows = (2 * number + side) * count + at
            first[rows, at] = sign * BEND * unit
            first[rows, empty] = -sign * BEND * unit
            bias[rows] = -BEND * knee
            second[at, rows] = piece
            if knee == 0.0:  # gelu(x) - gelu(-x) = x: the distance itself goes, its logarithm stays
                second[at, rows] -= sign / BEND


def _write_reading(classifier: Classifier, sketch: Sketch) -> None:
    """Second layer: the class token gathers means over frames, hidden units read them, and their sum is put where nothing was."""
    head, width = classifier.head, classifier.backbone.shape.width
    count = features_wanted(sketch.tokens)
    empty = count + APPEARANCE
    layer = head.encoder.get_submodule("layers.1")
    _pass_on(layer, width, empty, _LARGE * (_CONSTANTS / width) ** 0.5, empty)
    out = layer.get_parameter("self_attn.out_proj.weight")
    at = torch.arange(empty)
    out[at, at] = 1.0
    # What the class token brings along: the logarithm of no distance.
    token = torch.cat([head.cls_token, torch.zeros(1, 1, width)], dim=1) + head.pos_embed[:, :2]
    brought = head.encoder.get_submodule("layers.0")(token, torch.ones(1, 2, dtype=torch.bool), 2)[0, 0, :count]
    _, offset = log_pieces()
    scaled = sketch.read.weight.clone()
    scaled[:, :count] /= sketch.spread
    moved = (offset - brought - sketch.centre) / sketch.spread
    unit = _LARGE * ((_CONSTANTS - 2) / width) ** 0.5
    first, bias, second = (layer.get_parameter(name) for name in ("linear1.weight", "linear1.bias", "linear2.weight"))
    bias.fill_(-10.0)
    first[:READERS, :empty] = unit * scaled
    first[:READERS, empty] = -unit * scaled.sum(dim=1)
    bias[:READERS] = sketch.read.bias + sketch.read.weight[:, :count] @ moved + sketch.read.weight[:, count:] @ sketch.place.bias
    second[empty, :READERS] = sketch.out.weight[0]
    # The constants have done their work: the classifier, which may learn on, does not see them.
    layer.get_parameter("linear2.bias")[-_CONSTANTS:] = -head.cls_token[0, 0, -_CONSTANTS:]
    head.classifier.weight[0, :count] = sketch.straight.weight[0] / sketch.spread
    head.classifier.weight[0, empty] = 1.0
    head.classifier.bias[0] = sketch.out.bias[0] + sketch.straight.bias[0] + sketch.straight.weight[0] @ moved
