"""Changes to patches that leave smoke smoke: what one camera, lens, hour or box might do. For training only.

All changes are drawn per tube and are the same in its frames, because the camera stands still; only noise, a flicker of brightness and
a little shaking differ from frame to frame. Letters: N tubes, T slots, P patch size in pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  the name every torch program gives it

__all__ = ["augmented", "thinned"]

#: The largest deviation of a shaking camera's frames, in halves of a patch.
_SHAKE = 0.04


def augmented(patches: Tensor, generator: torch.Generator, *, strength: float = 1.0) -> Tensor:
    """patches [N, T, 3, P, P] float32 in [0, 1], RGB -> the same shape and range, changed at random.

    strength: of all changes, in (0, 1]; below 1 nothing is blurred or covered, because a small network cannot learn that as well.
    """
    x = _moved(patches, generator, strength)
    x = _relit(x, generator, strength)
    if strength == 1:
        x = _softened(x, generator)
    noise = _uniform((len(x), 1, 1, 1, 1), 0.0, 0.035 * strength, generator)
    x = (x + noise * torch.randn(x.shape, generator=generator)).clamp(0, 1)
    return _covered(x, generator) if strength == 1 else x


def thinned(mask: Tensor, generator: torch.Generator, *, most: int) -> Tensor:
    """mask [N, T] bool -> a mask that keeps between 1 and `most` of each tube's slots, at random; in time order as before."""
    order = torch.rand(mask.shape, generator=generator).masked_fill(~mask, 2.0)
    rank = order.argsort(dim=1).argsort(dim=1)
    real = mask.sum(dim=1, keepdim=True)
    # Mostly all of them, up to `most`: short tubes are rarer than long ones.
    wanted = (real * _uniform((len(mask), 1), 0.5, 1.6, generator)).long().clamp(min=1, max=most)
    return mask & (rank < torch.minimum(wanted, real))


def _uniform(shape: tuple[int, ...], low: float, high: float, generator: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=generator) * (high - low) + low


def _chosen(n: int, share: float, generator: torch.Generator) -> Tensor:
    """[n, 1, 1, 1, 1] bool, True for about `share` of them."""
    return _uniform((n, 1, 1, 1, 1), 0, 1, generator) < share


def _moved(x: Tensor, generator: torch.Generator, strength: float) -> Tensor:
    """Mirror, and at full strength zoom (0.75 to 1.3), shift (a tenth), turn (8 degrees); what comes from outside is mirrored.

    Half of the tubes shake besides: each of their frames is shifted a little more, by up to about a thirtieth.
    """
    n, t = x.shape[:2]
    zoom = torch.exp(_uniform((n,), -0.29, 0.26, generator) * strength)
    turn = _uniform((n,), -0.14, 0.14, generator) * strength
    mirror = torch.where(_uniform((n,), 0, 1, generator) < 0.5, -1.0, 1.0)
    theta = torch.zeros(n, t, 2, 3)
    theta[..., 0, 0], theta[..., 0, 1] = (zoom * turn.cos() * mirror)[:, None], (-zoom * turn.sin())[:, None]
    theta[..., 1, 0], theta[..., 1, 1] = (zoom * turn.sin() * mirror)[:, None], (zoom * turn.cos())[:, None]
    theta[..., 2] = (_uniform((n, 1, 2), -0.2, 0.2, generator)) * strength
    shake = _uniform((n, 1, 1), -_SHAKE, _SHAKE, generator).clamp(min=0)
    theta[..., 2] += shake * torch.randn(n, t, 2, generator=generator)
    flat = x.flatten(0, 1)
    grid = F.affine_grid(theta.flatten(0, 1), list(flat.shape), align_corners=False)
    return F.grid_sample(flat, grid, mode="bilinear", padding_mode="reflection", align_corners=False).reshape(x.shape)


def _relit(x: Tensor, generator: torch.Generator, strength: float) -> Tensor:
    """Gamma, contrast, brightness, a tint, saturation down to grey and up, and a small flicker between frames."""
    n, t = x.shape[:2]
    per_tube = (n, 1, 1, 1, 1)

    def drawn(shape: tuple[int, ...], reach: float) -> Tensor:
        return _uniform(shape, -reach, reach, generator) * strength

    x = x.clamp(1e-4, 1).pow(torch.exp(drawn(per_tube, 0.45)))
    mean = x.mean(dim=(1, 2, 3, 4), keepdim=True)
    x = (x - mean) * (1 + drawn(per_tube, 0.45)) + mean + drawn(per_tube, 0.2)
    x = x + drawn((n, 1, 3, 1, 1), 0.07) + drawn((n, t, 1, 1, 1), 0.02)
    grey = x.mean(dim=2, keepdim=True)
    saturation = 1 + _uniform(per_tube, -0.8, 0.5, generator) * strength
    saturation = torch.where(_chosen(n, 0.15 * strength, generator), torch.zeros_like(saturation), saturation)
    return (grey + (x - grey) * saturation).clamp(0, 1)


def _softened(x: Tensor, generator: torch.Generator) -> Tensor:
    """A third of the tubes as if seen from farther away or out of focus: halved and enlarged again."""
    n, t = x.shape[:2]
    size = x.shape[-1]
    small = F.avg_pool2d(x.reshape(n * t, *x.shape[2:]), 2)
    soft = F.interpolate(small, size=(size, size), mode="bilinear", align_corners=False).reshape(x.shape)
    return torch.where(_chosen(n, 0.33, generator), soft, x)


def _covered(x: Tensor, generator: torch.Generator) -> Tensor:
    """A quarter of the tubes lose a rectangle of up to two fifths of a side, the same in all frames, filled with the tube's mean."""
    n, size = len(x), x.shape[-1]
    half = _uniform((n, 2), 0.05, 0.2, generator) * size
    centre = _uniform((n, 2), 0, 1, generator) * size
    at = torch.arange(size)
    rows = ((at - centre[:, :1]).abs() < half[:, :1])[:, :, None]
    columns = ((at - centre[:, 1:]).abs() < half[:, 1:])[:, None, :]
    hidden = (rows & columns)[:, None, None] & _chosen(n, 0.25, generator)
    return torch.where(hidden, x.mean(dim=(1, 3, 4), keepdim=True), x)
