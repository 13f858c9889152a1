"""Noise fields: the grain of everything in a scene. Made once per size, then cut, flipped and turned for each use."""

from __future__ import annotations

import functools
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["Field", "Grain", "Kind", "crest_noise", "grain_of"]

Field = NDArray[np.float32]
#: "round": clouds and smoke; "wide": fields and strata, stretched along x; "coarse" and "fine": canopy and rubble, near and far;
#: "white": no grain.
Kind = Literal["round", "wide", "coarse", "fine", "white"]

_TILE_SEED = 20261121


def _octaves(rng: np.random.Generator, shape: tuple[int, int], first: tuple[float, float], octaves: int, gain: float) -> Field:
    """Fractal noise in [0, 1]: `octaves` random grids, the first with cells of `first` (y, x) pixels, each later one half as large."""
    height, width = shape
    total: Field = np.zeros(shape, np.float32)
    weight = 1.0
    for octave in range(octaves):
        rows = max(2, round(height / first[0] * 2**octave) + 2)
        columns = max(2, round(width / first[1] * 2**octave) + 2)
        if rows > height or columns > width:
            break
        grid = Image.fromarray(rng.random((rows, columns), dtype=np.float32))
        total += weight * np.asarray(grid.resize((width, height), Image.Resampling.BICUBIC))
        weight *= gain
    low, high = np.percentile(total[::4, ::4], (0.5, 99.5))
    clipped: Field = np.clip((total - low) / max(high - low, 1e-6), 0, 1).astype(np.float32)
    return clipped


class Grain:
    """Tiles of noise for images up to `width` x `height`, from which fields are cut."""

    def __init__(self, width: int, height: int) -> None:
        rng = np.random.default_rng([_TILE_SEED, width, height])
        self._shape = (round(height * 1.6) + 8, round(width * 1.6) + 8)
        unit = width / 1280
        self._tiles: dict[Kind, list[Field]] = {
            "round": [_octaves(rng, self._shape, (260 * unit, 260 * unit), 7, 0.55) for _ in range(3)],
            "wide": [_octaves(rng, self._shape, (90 * unit, 420 * unit), 6, 0.6) for _ in range(3)],
            "coarse": [_octaves(rng, self._shape, (15 * unit, 15 * unit), 4, 0.8) for _ in range(2)],
            "fine": [_octaves(rng, self._shape, (5 * unit + 0.5, 5 * unit + 0.5), 2, 0.8) for _ in range(2)],
            "white": [rng.random(self._shape, dtype=np.float32) for _ in range(1)],
        }

    def cut(self, rng: np.random.Generator, kind: Kind, shape: tuple[int, int]) -> Field:
        """A field of `shape` (rows, columns) with values in [0, 1], at a random place, perhaps mirrored. A view: do not write to it.

        A shape larger than the tile is stretched to fit.
        """
        tiles = self._tiles[kind]
        tile = tiles[int(rng.integers(len(tiles)))]
        rows, columns = min(shape[0], self._shape[0]), min(shape[1], self._shape[1])
        top = int(rng.integers(self._shape[0] - rows + 1))
        left = int(rng.integers(self._shape[1] - columns + 1))
        flip = int(rng.integers(2))
        field: Any = tile[top : top + rows, left : left + columns]
        if flip:
            field = field[:, ::-1]
        if (rows, columns) != shape:
            field = np.asarray(Image.fromarray(np.ascontiguousarray(field)).resize((shape[1], shape[0])))
        return field  # type: ignore[no-any-return]  # slices and Image both give float32


@functools.lru_cache(maxsize=4)
def grain_of(width: int, height: int) -> Grain:
    """The tiles for one image size; the same in every process."""
    return Grain(width, height)


def crest_noise(rng: np.random.Generator, width: int, knots: int, octaves: int, gain: float = 0.5) -> NDArray[np.float64]:
    """A line of `width` values around 0, within about [-1, 1]: the shape of a ridge. `knots` bends in the first octave."""
    x = np.linspace(0, 1, width)
    line: NDArray[np.float64] = np.zeros(width)
    weight, norm = 1.0, 0.0
    for octave in range(octaves):
        count = knots * 2**octave + 1
        values = rng.uniform(-1, 1, count)
        # Cosine interpolation keeps the hills round; straight lines between knots would look like folded paper.
        place = np.clip(x * (count - 1), 0, count - 1 - 1e-9)
        index = place.astype(int)
        blend = (1 - np.cos((place - index) * np.pi)) / 2
        line += weight * (values[index] * (1 - blend) + values[index + 1] * blend)
        norm += weight**2
        weight *= gain
    return np.asarray(line / np.sqrt(norm))
