"""The vision transformer that turns one patch into one feature (rule 11), with the checkpoint's key names.

Letters: B patches, P patch size in pixels, S stride (side of a token in pixels), T = (P / S)^2 tokens, D feature width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name every torch program gives it

from triage.errors import BadModel
from triage.model.config import ClassifierConfig

__all__ = ["Backbone", "BackboneShape", "backbone_shape"]

_EPSILON = 1e-6


@dataclass(frozen=True, slots=True)
class BackboneShape:
    """What the tensors' shapes do not all say. image: side of a patch in pixels; stride: side of a token in pixels."""

    width: int
    depth: int
    heads: int
    stride: int
    hidden: int
    layer_scale: bool
    image: int
    pool: Literal["token", "avg"]

    @property
    def tokens(self) -> int:
        """Tokens per patch without the class token."""
        return (self.image // self.stride) ** 2


#: timm's name without its tag: width, stride, layer scale, default image side. All have 12 blocks, heads of 64 channels, MLP x 4.
_KNOWN: dict[str, tuple[int, int, bool, int]] = {
    "vit_tiny_patch16_224": (192, 16, False, 224),
    "vit_small_patch16_224": (384, 16, False, 224),
    "vit_base_patch16_224": (768, 16, False, 224),
    "vit_small_patch14_dinov2": (384, 14, True, 518),
    "vit_base_patch14_dinov2": (768, 14, True, 518),
}


def backbone_shape(config: ClassifierConfig, patch_size: int, where: str = "config") -> BackboneShape:
    """The backbone a config asks for: a timm name (its tag is ignored), or `vit` with its own numbers. Raises BadModel."""
    name = config.backbone.split(".")[0]
    if name in _KNOWN:
        width, stride, layer_scale, default_image = _KNOWN[name]
        shape = BackboneShape(width, 12, width // 64, stride, 4 * width, layer_scale, config.img_size or default_image, config.global_pool)
    elif config.backbone == "vit":
        numbers = {key: getattr(config, key) for key in ("embed_dim", "depth", "num_heads", "patch_stride", "mlp_ratio")}
        missing = [key for key, value in numbers.items() if value is None]
        if missing:
            raise BadModel(f"{where}: classifier.backbone vit needs classifier.{missing[0]}, found none; export the package again")
        width, heads = int(numbers["embed_dim"]), int(numbers["num_heads"])
        if width % heads:
            raise BadModel(f"{where}: classifier.embed_dim {width} must be a multiple of num_heads {heads}")
        shape = BackboneShape(
            width,
            int(numbers["depth"]),
            heads,
            int(numbers["patch_stride"]),
            int(width * numbers["mlp_ratio"]),
            False,
            config.img_size or patch_size,
            config.global_pool,
        )
    else:
        names = ", ".join([*_KNOWN, "vit"])
        raise BadModel(f"{where}: unknown classifier.backbone {config.backbone!r}; known are {names}")
    if shape.image != patch_size or shape.image % shape.stride:
        raise BadModel(
            f"{where}: model_input.patch_size {patch_size} must equal classifier.img_size {shape.image} and be a multiple of {shape.stride}"
        )
    return shape


class _PatchEmbed(nn.Module):
    def __init__(self, stride: int, width: int) -> None:
        super().__init__()
        self.stride = stride
        self.proj = nn.Conv2d(3, width, stride, stride)

    def forward(self, patches: Tensor) -> Tensor:
        # The convolution as one matrix product: a product of rows gives a token the same bits whatever its neighbours are.
        batch, channels, height, width = patches.shape
        s = self.stride
        tokens = patches.reshape(batch, channels, height // s, s, width // s, s).permute(0, 2, 4, 1, 3, 5)
        flat = tokens.reshape(batch, (height // s) * (width // s), channels * s * s)
        return F.linear(flat, self.proj.weight.flatten(1), self.proj.bias)


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, queries: int) -> Tensor:
        batch, tokens, width = x.shape
        shape = (batch, tokens, self.heads, width // self.heads)
        if queries == tokens:
            q, k, v = (part.reshape(shape).transpose(1, 2) for part in self.qkv(x).chunk(3, dim=-1))
        else:
            k, v = (
                part.reshape(shape).transpose(1, 2) for part in F.linear(x, self.qkv.weight[width:], self.qkv.bias[width:]).chunk(2, dim=-1)
            )
            q = F.linear(x[:, :queries], self.qkv.weight[:width], self.qkv.bias[:width])
            q = q.reshape(batch, queries, self.heads, width // self.heads).transpose(1, 2)
        mixed = F.scaled_dot_product_attention(q, k, v)
        out: Tensor = self.proj(mixed.transpose(1, 2).reshape(batch, queries, width))
        return out


class _Mlp(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return out


class _LayerScale(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((width,), 1e-5))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


class _Block(nn.Module):
    def __init__(self, shape: BackboneShape) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(shape.width, eps=_EPSILON)
        self.attn = _Attention(shape.width, shape.heads)
        self.ls1 = _LayerScale(shape.width) if shape.layer_scale else nn.Identity()
        self.norm2 = nn.LayerNorm(shape.width, eps=_EPSILON)
        self.mlp = _Mlp(shape.width, shape.hidden)
        self.ls2 = _LayerScale(shape.width) if shape.layer_scale else nn.Identity()

    def forward(self, x: Tensor, queries: int) -> Tensor:
        """Only the first `queries` tokens are computed; all tokens are attended to."""
        x = x[:, :queries] + self.ls1(self.attn(self.norm1(x), queries))
        out: Tensor = x + self.ls2(self.mlp(self.norm2(x)))
        return out


class _VisionTransformer(nn.Module):
    def __init__(self, shape: BackboneShape) -> None:
        super().__init__()
        self.shape = shape
        self.cls_token = nn.Parameter(torch.zeros(1, 1, shape.width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + shape.tokens, shape.width))
        self.patch_embed = _PatchEmbed(shape.stride, shape.width)
        self.blocks = nn.ModuleList(_Block(shape) for _ in range(shape.depth))
        norm = nn.LayerNorm(shape.width, eps=_EPSILON)
        if shape.pool == "token":
            self.norm = norm
        else:
            self.fc_norm = norm
        self._initialise()

    def _initialise(self) -> None:
        nn.init.trunc_normal_(self.cls_token, std=0.02)
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                nn.init.trunc_normal_(module.weight, std=min(0.02, 1 / math.sqrt(module.weight[0].numel())))
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, patches: Tensor) -> Tensor:
        tokens = self.patch_embed(patches)
        x = torch.cat([self.cls_token.expand(len(tokens), -1, -1), tokens], dim=1) + self.pos_embed
        last = len(self.blocks) - 1
        for number, block in enumerate(self.blocks):
            # Only the class token of the last block is read when pooling by token.
            x = block(x, 1 if number == last and self.shape.pool == "token" else x.shape[1])
        pooled: Tensor = self.norm(x[:, 0]) if self.shape.pool == "token" else self.fc_norm(x[:, 1:].mean(dim=1))
        return pooled


class Backbone(nn.Module):
    """Patches [B, 3, P, P] float32, normalised, RGB -> features [B, D] float32. Keys begin with `backbone.`, as in the checkpoint."""

    def __init__(self, shape: BackboneShape) -> None:
        super().__init__()
        self.shape = shape
        self.backbone = _VisionTransformer(shape)

    def forward(self, patches: Tensor) -> Tensor:
        """Features [B, D]."""
        out: Tensor = self.backbone(patches)
        return out
