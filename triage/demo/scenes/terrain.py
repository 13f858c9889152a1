"""Terrain: where the ridges of one camera's view lie and what stands on them. Geometry only, cheap; `landscape` paints it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from triage.demo.scenes.noise import crest_noise

__all__ = ["Biome", "Feature", "Rect", "Terrain", "make_terrain"]

#: x1, y1, x2, y2 in pixels of the canvas (the image and a margin for camera shake).
Rect = tuple[float, float, float, float]
Biome = Literal["forest", "scrub", "grass", "desert", "alpine"]
BIOMES: tuple[Biome, ...] = ("forest", "scrub", "grass", "desert", "alpine")


@dataclass(frozen=True, slots=True)
class Feature:
    """Something permanent that a detector may take for smoke. kind: the annotator's word for it; look: what is painted."""

    kind: str
    look: str
    rect: Rect
    layer: int
    seed: int


@dataclass(frozen=True, slots=True)
class Terrain:
    """One camera's view.

    width, height: of the canvas, pixels; margin: of it on each side, outside the image. crests: one line per layer, farthest first: y of
    its upper edge for every x. near: how near each layer is, in (0, 1], ascending. seed: of everything painted on it.
    """

    width: int
    height: int
    margin: int
    biome: Biome
    crests: tuple[NDArray[np.float64], ...]
    near: tuple[float, ...]
    features: tuple[Feature, ...]
    seed: int

    @property
    def unit(self) -> float:
        """Pixels per pixel of a 1280-wide image."""
        return (self.width - 2 * self.margin) / 1280

    def skyline(self) -> NDArray[np.float64]:
        """y of the edge between sky and land for every x."""
        return np.asarray(np.minimum.reduce(self.crests))

    def front(self, layer: int) -> NDArray[np.float64]:
        """For every x the y below which something on `layer` (0-based) is hidden by nearer layers; the height when by none."""
        nearer = self.crests[layer + 1 :]
        return np.minimum.reduce(nearer) if nearer else np.full(self.width, float(self.height))

    def spot(self, rng: np.random.Generator, *, crest: bool = False) -> tuple[float, float, int]:
        """A visible point on the land, not behind a tree or pole: x, y, layer. crest: on an upper edge."""
        image = self.width - 2 * self.margin
        best = (self.width / 2, float(self.crests[0][self.width // 2]), 0)
        for _ in range(24):
            x = self.margin + image * rng.uniform(0.03, 0.97)
            layer = int(rng.integers(len(self.crests)))
            top, bottom = float(self.crests[layer][int(x)]), float(self.front(layer)[int(x)])
            bottom = min(bottom, self.height - self.margin - 4.0)
            if bottom - top < (2 if crest else 6) * self.unit or top < self.margin + 4:
                continue
            y = top if crest else top + (bottom - top) * rng.beta(1.2, 2.0)
            if not self._behind_something(x):
                return x, y, layer
        return best

    def _behind_something(self, x: float) -> bool:
        """Whether a tree or a pole before the camera stands in column `x`."""
        return any(feature.look in ("tree", "pole") and feature.rect[0] <= x <= feature.rect[2] for feature in self.features)


def make_terrain(seed: int, size: tuple[int, int], margin: int) -> Terrain:
    """The view of one camera: `size` = (width, height) of the image, pixels."""
    rng = np.random.default_rng([seed, 1])
    width, height = size[0] + 2 * margin, size[1] + 2 * margin
    biome = BIOMES[int(rng.integers(len(BIOMES)))]
    layers = int(rng.integers(2, 7))
    horizon = margin + size[1] * (rng.uniform(0.03, 0.15) if rng.random() < 0.15 else rng.uniform(0.2, 0.58))
    floor = margin + size[1] * rng.uniform(0.75, 1.05)
    bend = rng.uniform(0.8, 1.9)
    crests, near = [], []
    rough = rng.uniform(0.3, 0.6)
    for layer in range(layers):
        share = layer / layers
        base = horizon + (floor - horizon) * share**bend
        swing = size[1] * float(np.exp(rng.uniform(np.log(0.008), np.log(0.09)))) * (1 + share) * (1.6 if biome == "alpine" else 1.0)
        line = base + swing * crest_noise(rng, width, int(rng.integers(2, 6)), 6, rough)
        if rng.random() < (0.85 if biome == "forest" else 0.3):
            line -= _treeline(rng, width, size[0] / 1280 * (1 + 9 * share**1.5))
        crests.append(line)
        near.append(((layer + 1) / layers) ** rng.uniform(0.8, 1.6))
    bare = Terrain(width, height, margin, biome, tuple(crests), tuple(np.maximum.accumulate(near).tolist()), (), seed)
    return Terrain(width, height, margin, biome, bare.crests, bare.near, tuple(_features(rng, bare)), seed)


def _treeline(rng: np.random.Generator, width: int, tall: float) -> NDArray[np.float64]:
    """How far tree tops stick out of a crest, in pixels, for every x."""
    heights = np.zeros(width)
    spacing = max(1.5, tall * 0.7)
    for centre in np.cumsum(rng.uniform(0.4, 1.6, int(width / spacing) + 8) * spacing):
        top = tall * rng.uniform(0.3, 1.3)
        half = max(1.0, top * rng.uniform(0.25, 0.5))
        low, high = max(0, int(centre - half)), min(width, int(centre + half) + 1)
        if low < high:
            x = np.arange(low, high)
            heights[low:high] = np.maximum(heights[low:high], top * (1 - np.abs(x - centre) / (half + 0.5)))
    return heights


#: What can stand in a view: (the annotator's word, what is painted, how often, width and height in pixels at 1280, on a crest).
_STOCK: tuple[tuple[str, str, float, tuple[float, float], tuple[float, float], bool], ...] = (
    ("building", "building", 1.0, (16, 90), (12, 45), False),
    ("antenna", "antenna", 0.8, (14, 40), (40, 150), True),
    ("cliff", "rock", 0.9, (30, 160), (18, 80), False),
    ("cliff", "snow", 0.7, (30, 180), (14, 60), True),
    ("road", "road", 0.8, (50, 200), (20, 80), False),
    ("water_body", "water", 0.7, (60, 260), (10, 40), False),
    ("tree", "tree", 0.9, (50, 240), (80, 300), False),
    ("other", "field", 0.9, (40, 220), (16, 70), False),
    ("other", "pole", 0.4, (14, 50), (200, 500), False),
)


def _features(rng: np.random.Generator, terrain: Terrain) -> list[Feature]:
    features = []
    odds = np.array([row[2] for row in _STOCK])
    for _ in range(int(rng.integers(5, 12))):
        kind, look, _, wide, tall, on_crest = _STOCK[int(rng.choice(len(_STOCK), p=odds / odds.sum()))]
        x, y, layer = terrain.spot(rng, crest=on_crest)
        scale = terrain.unit * (0.5 + terrain.near[layer])
        w = float(np.exp(rng.uniform(*np.log(wide)))) * scale
        h = float(np.exp(rng.uniform(*np.log(tall)))) * scale
        if look == "antenna":
            rect = (x - w / 2, y - h, x + w / 2, y + 4 * terrain.unit)
        elif look in ("tree", "pole"):
            layer = len(terrain.crests) - 1
            foot = terrain.height - terrain.margin * rng.uniform(0, 1)
            rect = (x - w / 2, max(terrain.margin + 4, foot - h * 1.3), x + w / 2, foot)
        elif look == "snow":
            rect = (x - w / 2, y, x + w / 2, y + h)
        else:
            rect = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
        features.append(Feature(kind, look, rect, layer, int(rng.integers(2**31))))
    return features
