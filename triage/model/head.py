"""The temporal head that turns the features of one tube into one logit (rule 12), with the checkpoint's key names.

Letters: N tubes (or prefixes of tubes), T = max_frames slots, D feature width, H heads.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name every torch program gives it

__all__ = ["TemporalHead"]


def _each(x: Tensor, n: int) -> Tensor:
    """n rows out of fewer: each one as often as it takes, copies side by side."""
    return x if len(x) == n else x.repeat_interleave(n // len(x), dim=0)


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, x: Tensor, keys: Tensor, queries: int) -> Tensor:
        tokens, width = x.shape[1:]
        n = len(keys)
        shape = (self.heads, width // self.heads)
        q = F.linear(x[:, :queries], self.in_proj_weight[:width], self.in_proj_bias[:width])
        kv = F.linear(x, self.in_proj_weight[width:], self.in_proj_bias[width:])
        k, v = (_each(part, n).reshape(n, tokens, *shape).transpose(1, 2) for part in kv.chunk(2, dim=-1))
        mixed = F.scaled_dot_product_attention(
            _each(q, n).reshape(n, queries, *shape).transpose(1, 2),
            k,
            v,
            attn_mask=keys[:, None, None, :].expand(n, 1, queries, tokens),
            dropout_p=self.dropout if self.training else 0.0,
        )
        out: Tensor = self.out_proj(mixed.transpose(1, 2).reshape(n, queries, width))
        return out


class _Layer(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.self_attn = _Attention(width, heads, dropout)
        self.linear1 = nn.Linear(width, hidden)
        self.linear2 = nn.Linear(hidden, width)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, keys: Tensor, queries: int) -> Tensor:
        x = _each(x[:, :queries], len(keys)) + self.dropout(self.self_attn(self.norm1(x), keys, queries))
        hidden = self.dropout(F.gelu(self.linear1(self.norm2(x))))
        out: Tensor = x + self.dropout(self.linear2(hidden))
        return out


class _Encoder(nn.Module):
    """x [N, T, D], keys [N * P, T]: P masks per row; what does not depend on the mask is computed once per row. Gives N * P rows."""

    def __init__(self, width: int, heads: int, hidden: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Layer(width, heads, hidden, dropout) for _ in range(layers))

    def forward(self, x: Tensor, keys: Tensor) -> Tensor:
        last = len(self.layers) - 1
        for number, layer in enumerate(self.layers):
            x = layer(x, keys, 1 if number == last else x.shape[1])  # only the class token of the last layer is read
        return x


class TemporalHead(nn.Module):
    """features [N, T, D] float32, mask [N, T] bool (True = a real slot) -> logits [N] float32.

    What stands in masked slots does not matter, as long as it is finite. Fewer than max_frames slots may be given when all later ones
    are masked.
    """

    def __init__(self, *, width: int, slots: int, heads: int, hidden: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + slots, width))
        self.encoder = _Encoder(width, heads, hidden, layers, dropout)
        self.classifier = nn.Linear(width, 1)
        nn.init.trunc_normal_(self.cls_token, std=0.02)
        nn.init.trunc_normal_(self.pos_embed, std=0.02)

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """Logits [N]."""
        return self.prefixes(features, mask[:, None])[:, 0]

    def prefixes(self, features: Tensor, masks: Tensor) -> Tensor:
        """Logits [N, P] of the same features under P masks each: masks [N, P, T]."""
        n, count, _ = masks.shape
        x = torch.cat([self.cls_token.expand(n, -1, -1), features], dim=1) + self.pos_embed[:, : 1 + features.shape[1]]
        keys = torch.cat([masks.new_ones(n, count, 1), masks], dim=2).flatten(0, 1)
        logits: Tensor = self.classifier(self.encoder(x, keys)[:, 0])
        return logits.reshape(n, count)
