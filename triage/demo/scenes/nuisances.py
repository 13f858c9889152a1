"""Nuisances: what a detector takes for smoke and is none. Things in the sky, on the lens and in the dark, and plain spots of the land.

Dust and fog are made of puffs and live in `plume`; buildings, roads and the like are painted with the land and only framed here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from triage.demo.scenes.noise import grain_of
from triage.demo.scenes.plume import make_dust, make_fog
from triage.demo.scenes.terrain import Rect, Terrain
from triage.demo.scenes.weather import Scenery, grade_colour

__all__ = ["NUISANCES", "Thing", "make_nuisance"]


class Thing(Protocol):
    """Something in the view that a detector may frame."""

    def extent(self, terrain: Terrain, seconds: float) -> Rect | None:
        """Where it is after `seconds`, canvas pixels; None = not to be seen."""
        ...

    def paint(self, frame: Image.Image, scenery: Scenery, seconds: float) -> None:
        """Put it into `frame`, the whole canvas."""
        ...


@dataclass(frozen=True, slots=True)
class Spot:
    """A piece of the land or the sky where nothing happens."""

    rect: Rect

    def extent(self, terrain: Terrain, seconds: float) -> Rect | None:
        """Always there."""
        return self.rect

    def paint(self, frame: Image.Image, scenery: Scenery, seconds: float) -> None:
        """It is painted with the land."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """One cloud above or behind the ridges, or a contrail (flat and thin): it slides along and keeps its shape. speed: pixels a second."""

    rect: Rect
    speed: float
    opacity: float
    grey: float
    slope: float
    seed: int

    def extent(self, terrain: Terrain, seconds: float) -> Rect | None:
        """Its rectangle, moved, as far as it is in the image."""
        return _inside(_moved(self.rect, self.speed * seconds, 0.0), terrain)

    def paint(self, frame: Image.Image, scenery: Scenery, seconds: float) -> None:
        """Blend it into the sky only."""
        x1, y1, x2, y2 = (round(value) for value in _moved(self.rect, self.speed * seconds, 0.0))
        rng = np.random.default_rng([self.seed, 11])
        shape = (max(3, y2 - y1), max(3, x2 - x1))
        y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
        if self.slope:
            body = np.clip(1 - np.abs(y - self.slope * x) * 9, 0, 1) * (0.5 + 0.5 * grain_of(1280, 720).cut(rng, "round", shape))
        else:
            body = np.clip((1 - np.hypot(x, y)) * 1.5 + (grain_of(1280, 720).cut(rng, "round", shape) - 0.5) * 1.8, 0, 1)
            body = body * np.clip((1 - np.maximum(np.abs(x), np.abs(y))) * 8, 0, 1)
        tone = grade_colour((self.grey, self.grey, self.grey * 1.02), scenery.weather)
        mask = Image.fromarray((np.clip(body * self.opacity, 0, 1) * 255).astype(np.uint8))
        left, top, right, bottom = max(0, x1), max(0, y1), min(frame.width, x2), min(frame.height, y2)
        if right <= left or bottom <= top:  # it has drifted out of view
            return
        cut = mask.crop((left - x1, top - y1, right - x1, bottom - y1))
        sky = Image.fromarray(((scenery.landscape.layer[top : top + cut.height, left : left + cut.width] == 0) * 255).astype(np.uint8))
        frame.paste((int(tone[0]), int(tone[1]), int(tone[2])), (left, top), ImageChops.multiply(cut, sky))


@dataclass(frozen=True, slots=True)
class Flare:
    """A ghost of the sun in the lens: a coloured translucent disc or ring, with a streak now and then."""

    rect: Rect
    speed: float
    colour: tuple[int, int, int]
    opacity: float
    ring: bool
    seed: int

    def extent(self, terrain: Terrain, seconds: float) -> Rect | None:
        """It wanders slowly with the sun."""
        return _inside(_moved(self.rect, self.speed * seconds, self.speed * seconds * 0.4), terrain)

    def paint(self, frame: Image.Image, scenery: Scenery, seconds: float) -> None:
        """Add its light."""
        x1, y1, x2, y2 = _moved(self.rect, self.speed * seconds, self.speed * seconds * 0.4)
        pad = 6
        box = (int(x1) - pad, int(y1) - pad, int(x2) + pad, int(y2) + pad)
        light = Image.new("L", (box[2] - box[0], box[3] - box[1]), 0)
        draw = ImageDraw.Draw(light)
        level = int(255 * self.opacity)
        inner = (pad, pad, light.width - pad, light.height - pad)
        if self.ring:
            draw.ellipse(inner, outline=level, width=max(2, light.height // 7))
        else:
            draw.ellipse(inner, fill=level)
        if self.seed % 3 == 0:
            draw.line((0, light.height, light.width, 0), fill=min(255, level * 2), width=max(1, light.height // 12))
        frame.paste(self.colour, box[:2], light.filter(ImageFilter.GaussianBlur(2.0)))


@dataclass(frozen=True, slots=True)
class Droplet:
    """A drop on the lens: what is behind it is blurred, lifted and turned upside down."""

    rect: Rect
    lift: float

    def extent(self, terrain: Terrain, seconds: float) -> Rect | None:
        """It stays."""
        return self.rect

    def paint(self, frame: Image.Image, scenery: Scenery, seconds: float) -> None:
        """Bend what is behind it."""
        box = (int(self.rect[0]), int(self.rect[1]), int(self.rect[2]), int(self.rect[3]))
        behind = frame.crop(box)
        width, height = behind.size
        bent = behind.transpose(Image.Transpose.FLIP_TOP_BOTTOM).filter(ImageFilter.GaussianBlur(max(2.0, width / 14)))
        bent = Image.blend(bent, Image.new("RGB", bent.size, (235, 238, 240)), self.lift)
        mask = Image.new("L", behind.size, 0)
        ImageDraw.Draw(mask).ellipse((width * 0.08, height * 0.08, width * 0.92, height * 0.92), fill=225)
        frame.paste(bent, box[:2], mask.filter(ImageFilter.GaussianBlur(max(1.0, width / 18))))


@dataclass(frozen=True, slots=True)
class Lamp:
    """A light at dusk or night, with its glow; it may blink."""

    x: float
    y: float
    reach: float
    colour: tuple[int, int, int]
    blinks: bool
    seed: int

    def extent(self, terrain: Terrain, seconds: float) -> Rect | None:
        """A square around it, unless it is off."""
        if self.blinks and np.random.default_rng([self.seed, int(seconds)]).random() < 0.35:
            return None
        return self.x - self.reach, self.y - self.reach, self.x + self.reach, self.y + self.reach

    def paint(self, frame: Image.Image, scenery: Scenery, seconds: float) -> None:
        """Add point and glow."""
        if self.extent(scenery.landscape.terrain, seconds) is None:
            return
        reach = max(3, int(self.reach * 1.5))
        y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        distance = np.hypot(x, y) / self.reach
        glow = np.clip(np.exp(-((distance * 1.9) ** 2)) * 0.75 + np.exp(-((distance * 7) ** 2)), 0, 1)
        frame.paste(self.colour, (int(self.x) - reach, int(self.y) - reach), Image.fromarray((glow * 255).astype(np.uint8)))


@dataclass(frozen=True, slots=True)
class Rain:
    """Rain in front of the lens: a grey veil and streaks that are new in each frame; the detector frames a brighter gust."""

    rect: Rect
    amount: float
    seed: int

    def extent(self, terrain: Terrain, seconds: float) -> Rect | None:
        """The gust, somewhere near its place."""
        rng = np.random.default_rng([self.seed, int(seconds)])
        return _inside(_moved(self.rect, *(rng.normal(0, 9, 2) * terrain.unit)), terrain)

    def paint(self, frame: Image.Image, scenery: Scenery, seconds: float) -> None:
        """Veil all, streak all, and lift the gust."""
        rng = np.random.default_rng([self.seed, 12, int(seconds)])
        tone = grade_colour((188, 192, 198), scenery.weather)
        grey = (int(tone[0]), int(tone[1]), int(tone[2]))
        veil = Image.new("L", frame.size, int(70 * self.amount))
        where = self.extent(scenery.landscape.terrain, seconds)
        draw = ImageDraw.Draw(veil)
        if where is not None:
            draw.ellipse(where, fill=int(150 * self.amount))
            veil = veil.resize((frame.width // 8, frame.height // 8)).filter(ImageFilter.GaussianBlur(4)).resize(frame.size)
            draw = ImageDraw.Draw(veil)
        unit = scenery.landscape.terrain.unit
        for _ in range(int(260 * self.amount)):
            x, y, long = rng.uniform(0, frame.width), rng.uniform(0, frame.height), rng.uniform(12, 60) * unit
            draw.line((x, y, x + long * 0.12, y + long), fill=int(rng.integers(110, 190)), width=1)
        frame.paste(grey, (0, 0), veil)


def _moved(rect: Rect, dx: float, dy: float) -> Rect:
    return rect[0] + dx, rect[1] + dy, rect[2] + dx, rect[3] + dy


def _inside(rect: Rect, terrain: Terrain) -> Rect | None:
    edge = terrain.margin
    x1, x2 = max(rect[0], edge), min(rect[2], terrain.width - edge)
    y1, y2 = max(rect[1], edge), min(rect[3], terrain.height - edge)
    return (x1, y1, x2, y2) if x2 - x1 >= 4 and y2 - y1 >= 4 else None


#: The annotator's words this room can show, and how often each is drawn.
NUISANCES: dict[str, float] = {
    "other": 5.0, "tree": 2.2, "cliff": 2.0, "sky": 1.3, "high_cloud": 2.4, "low_cloud": 2.0, "antenna": 1.5, "building": 1.5,
    "road": 1.0, "water_body": 1.0, "dust": 1.2, "combine_harvester": 0.4, "lens_flare": 0.9, "lens_droplet": 0.8, "light": 0.8,
    "rain": 0.7, "trail": 0.7, "dark": 0.5,
}  # fmt: skip


def make_nuisance(kind: str, seed: int, terrain: Terrain) -> tuple[str, Thing]:
    """A nuisance of `kind`, and the word for what it has become: a view without a road gives a bare spot ("other") instead."""
    rng = np.random.default_rng([seed, 13])
    unit = terrain.unit
    if kind == "dust":
        return kind, make_dust(seed, terrain)
    if kind == "combine_harvester":
        return kind, make_dust(seed + 1, terrain)
    if kind == "low_cloud":
        return kind, make_fog(seed, terrain)
    if kind in ("high_cloud", "trail"):
        return kind, _cloud(rng, terrain, trail=kind == "trail", seed=seed)
    if kind == "sky":
        x, y, w, h = _sky_place(rng, terrain)
        return kind, Spot(_fit((x - w / 2, y - h / 2, x + w / 2, y + h / 2), terrain))
    if kind in ("lens_flare", "lens_droplet"):
        return kind, _on_lens(rng, terrain, flare=kind == "lens_flare", seed=seed)
    if kind == "light":
        x, y, _ = terrain.spot(rng)
        colour = [(255, 244, 214), (255, 214, 150), (255, 120, 90), (220, 235, 255)][int(rng.integers(4))]
        return kind, Lamp(x, y, float(rng.uniform(7, 30)) * unit, colour, bool(rng.random() < 0.4), seed)
    if kind == "rain":
        return kind, Rain(_anywhere(rng, terrain, 80, 320), float(rng.uniform(0.4, 1.0)), seed)
    if kind == "dark":
        return kind, Spot(_anywhere(rng, terrain, 30, 200))
    if kind != "other" or rng.random() < 0.3:
        known = [feature for feature in terrain.features if feature.kind == kind and _inside(feature.rect, terrain) is not None]
        if known:
            feature = known[int(rng.integers(len(known)))]
            return kind, Spot(_around(rng, feature.rect, terrain, tight=feature.look not in ("tree", "pole")))
    return ("tree" if kind == "tree" and terrain.biome == "forest" else "other"), _bare_spot(rng, terrain)


def _bare_spot(rng: np.random.Generator, terrain: Terrain) -> Spot:
    """A ridge line, a slope: what a detector frames for no reason that a human could name."""
    x, y, _ = terrain.spot(rng, crest=bool(rng.random() < 0.5))
    if rng.random() < 0.5:
        y = float(terrain.skyline()[int(x)])
    w = float(np.exp(rng.uniform(np.log(24), np.log(230)))) * terrain.unit
    h = w * float(np.exp(rng.uniform(np.log(0.35), np.log(1.3))))
    dy = rng.uniform(-0.3, 0.3) * h
    return Spot(_fit((x - w / 2, y - h / 2 + dy, x + w / 2, y + h / 2 + dy), terrain))


def _around(rng: np.random.Generator, rect: Rect, terrain: Terrain, *, tight: bool) -> Rect:
    """A frame around a thing, or around a piece of a large one."""
    x1, y1, x2, y2 = rect
    if not tight:
        w, h = (x2 - x1) * rng.uniform(0.3, 0.9), (y2 - y1) * rng.uniform(0.15, 0.6)
        left, top = rng.uniform(x1, x2 - w), rng.uniform(y1, y1 + (y2 - y1 - h) * 0.6)
        return _fit((left, top, left + w, top + h), terrain)
    more = [float(value) for value in rng.uniform(0.02, 0.35, 4)]
    w, h = x2 - x1, y2 - y1
    return _fit((x1 - more[0] * w, y1 - more[1] * h, x2 + more[2] * w, y2 + more[3] * h), terrain)


def _fit(rect: Rect, terrain: Terrain) -> Rect:
    edge = terrain.margin + 2
    w, h = min(rect[2] - rect[0], terrain.width - 2 * edge), min(rect[3] - rect[1], terrain.height - 2 * edge)
    x = float(np.clip(rect[0], edge, terrain.width - edge - w))
    y = float(np.clip(rect[1], edge, terrain.height - edge - h))
    return x, y, x + w, y + h


def _anywhere(rng: np.random.Generator, terrain: Terrain, least: float, most: float) -> Rect:
    w, h = rng.uniform(least, most, 2) * terrain.unit
    x, y = rng.uniform(0, terrain.width), rng.uniform(0, terrain.height)
    return _fit((x, y, x + w, y + h), terrain)


def _sky_place(rng: np.random.Generator, terrain: Terrain) -> tuple[float, float, float, float]:
    x = terrain.margin + rng.uniform(0.05, 0.95) * (terrain.width - 2 * terrain.margin)
    skyline = float(terrain.skyline()[int(x)])
    top = terrain.margin + 6
    y = max(top, skyline - abs(rng.normal(0, 0.35)) * (skyline - top))
    w = float(np.exp(rng.uniform(np.log(40), np.log(300)))) * terrain.unit
    return x, y, w, w * float(rng.uniform(0.25, 0.8))


def _cloud(rng: np.random.Generator, terrain: Terrain, *, trail: bool, seed: int) -> Cloud:
    x, y, w, h = _sky_place(rng, terrain)
    if trail:
        w, h = w * 1.5, w * rng.uniform(0.15, 0.6)
        y = max(terrain.margin + h / 2, y - h)
    slope = float(rng.choice((-1, 1)) * rng.uniform(0.6, 1.0)) if trail else 0.0
    grey = float(rng.uniform(170, 255))
    return Cloud(
        _fit((x - w / 2, y - h / 2, x + w / 2, y + h / 2), terrain), float(rng.normal(0, 0.35)) * terrain.unit,
        float(rng.uniform(0.35, 0.95)), grey, slope, seed,
    )  # fmt: skip


def _on_lens(rng: np.random.Generator, terrain: Terrain, *, flare: bool, seed: int) -> Thing:
    radius = rng.uniform(14, 90) * terrain.unit
    x, y = rng.uniform(0.1, 0.9) * terrain.width, rng.uniform(0.1, 0.9) * terrain.height
    rect = _fit((x - radius, y - radius * rng.uniform(0.7, 1.2), x + radius, y + radius), terrain)
    if not flare:
        return Droplet(rect, float(rng.uniform(0.05, 0.4)))
    colours: NDArray[np.int64] = rng.integers(120, 256, 3)
    colour = (int(colours[0]), int(colours[1]), int(colours[2]))
    return Flare(rect, float(rng.normal(0, 0.05)), colour, float(rng.uniform(0.15, 0.6)), bool(rng.random() < 0.3), seed)
