"""Plume: puffs that leave a source, rise, drift with the wind, widen and thin out. Smoke, and with other numbers dust and fog.

A puff's path is a formula of its age, so that any moment can be drawn without the ones before: frames are rendered in any order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from triage.demo.scenes.noise import grain_of
from triage.demo.scenes.terrain import Rect, Terrain
from triage.demo.scenes.weather import Scenery, Weather, grade_colour

__all__ = ["Plume", "make_dust", "make_fog", "make_smoke"]

Numbers = NDArray[np.float64]

#: By how much (of 255, at noon) a plume must differ from what is behind it, on average over what it covers, for anyone to report it; and
#: how far its own tone may be moved from the ground's for that: at least, at most.
_SEEN = 14.0
_GAP = (38.0, 105.0)
#: A plume that covers less than this share of what is behind it is not framed: no detector sees it yet.
_VEIL = 0.12


@dataclass(frozen=True, slots=True)
class Plume:
    """A source of puffs at (x, y), canvas pixels, on `layer` (0-based) of the terrain: nearer layers hide it.

    height: how high puffs rise in their life, pixels; lean: drift along x per height; life: seconds. spread, start: radii at
    the end and at the source, per height. opacity in [0, 1]: of the densest part. colour in 0..255 before grading. begin: second
    at which the source starts; ramp: seconds until it is at full strength; end: when it stops. travel: pixels per second that the source
    moves along x. wobble: meandering. level: puffs stay as they are (fog) instead of being replaced. drawn_share: how much
    of the plume the detector frames: puffs thinner than this share of the thickest are ignored.
    """

    x: float
    y: float
    layer: int
    height: float
    lean: float
    life: float
    spread: float
    start: float
    opacity: float
    colour: tuple[float, float, float]
    begin: float
    ramp: float
    end: float
    travel: float
    wobble: float
    level: bool
    drawn_share: float
    texture: float
    seed: int

    def puffs(self, seconds: float) -> tuple[Numbers, Numbers, Numbers, Numbers]:
        """x, y, radius (canvas pixels) and strength (0..1) of each puff after `seconds`."""
        rng = np.random.default_rng([self.seed, 6])
        count = 90
        phase, jitter = rng.random(count), rng.normal(0, 1, (4, count))
        if self.level:
            age = phase
            emitted = np.zeros(count)
        else:
            # Each of `count` puffs is born again every `life` seconds; its generation redraws its jitter.
            turn = seconds / self.life + phase
            age = turn % 1.0
            emitted = seconds - age * self.life
            generation = np.floor(turn).astype(np.int64)
            hashed = (
                np.sin((np.arange(count) * 12.9898 + generation * 78.233)[None, :] * np.array([[1.0], [1.7], [2.3], [3.1]])) * 43758.5453
            )
            jitter = np.sqrt(3) * (2 * (hashed - np.floor(hashed)) - 1)
        strength = np.clip((emitted - self.begin) / max(self.ramp, 1e-6), 0, 1) * (emitted <= self.end)
        if self.level:
            strength = np.full(count, float(np.clip((seconds - self.begin) / max(self.ramp, 1e-6), 0.15, 1)))
        bend = np.sin(emitted / self.life * 2.1 + self.seed % 7) + 0.6 * np.sin(emitted / self.life * 5.3 + self.seed % 11)
        x = (
            self.x
            + self.travel * emitted
            + self.height
            * (self.lean * age**1.25 + self.wobble * bend * age**1.1 + 0.16 * jitter[0] * (0.15 + age**0.8) * (1 + abs(self.lean) * 0.4))
        )
        y = self.y - self.height * (age**0.75 + 0.10 * jitter[1] * age**0.7)
        if self.level:
            x = self.x + self.travel * seconds + self.height * self.lean * 0.4 * jitter[0]
            y = self.y + self.height * 0.22 * jitter[1]
        radius = self.height * (self.start + (self.spread - self.start) * age**0.85) * (1 + 0.3 * np.tanh(jitter[2]))
        strength = strength * np.clip(age * 14 + 0.25, 0, 1) * (1 - age) ** 1.15 * (0.7 + 0.3 * np.tanh(jitter[3]))
        return x, y, np.maximum(radius, 0.7), strength

    def extent(self, terrain: Terrain, seconds: float) -> Rect | None:
        """What a detector could frame after `seconds`: the visible puffs, canvas pixels; None = nothing to be seen."""
        x, y, radius, strength = self.puffs(seconds)
        column = np.clip(x, 0, terrain.width - 1).astype(int)
        seen = np.clip((terrain.front(self.layer)[column] - (y - radius)) / (2 * radius), 0, 1)
        thick = strength * seen * (self.height * 0.2 / radius) ** 0.35
        if thick.max() < 0.05 or self._depth(x, y, radius, strength * seen) < _VEIL:
            return None
        # A detector does not frame the same share each time.
        share = self.drawn_share * float(np.exp(np.random.default_rng([self.seed, 18, round(abs(seconds))]).normal(0, 0.6)))
        kept = (thick >= min(share, 0.8) * thick.max()) & (thick > 0.02)
        reach = radius * 0.95
        x1, x2 = float((x - reach)[kept].min()), float((x + reach)[kept].max())
        y1 = float((y - reach)[kept].min())
        y2 = min(float((y + reach)[kept].max()), float(terrain.front(self.layer)[column[kept]].max()))
        edge = terrain.margin
        x1, x2 = max(x1, edge), min(x2, terrain.width - edge)
        y1, y2 = max(y1, edge), min(y2, terrain.height - edge)
        return (x1, y1, x2, y2) if x2 - x1 >= 3 and y2 - y1 >= 3 else None

    def paint(self, frame: Image.Image, scenery: Scenery, seconds: float) -> None:
        """Blend the plume into `frame` (the whole canvas)."""
        x, y, radius, strength = self.puffs(seconds)
        alive = strength > 0.004
        if not alive.any():
            return
        x, y, radius, strength = x[alive], y[alive], radius[alive], strength[alive]
        left, right = max(0, int((x - 2.2 * radius).min())), min(frame.width, int((x + 2.2 * radius).max()) + 1)
        top, bottom = max(0, int((y - 2.2 * radius).min())), min(frame.height, int((y + 2.2 * radius).max()) + 1)
        if right - left < 3 or bottom - top < 3:
            return
        shape = (bottom - top, right - left)
        density, shade = self._density(x - left, y - top, radius, strength, shape, round(seconds * 10))
        cover = self.opacity * (1 - np.exp(-density))
        visible = scenery.landscape.layer[top:bottom, left:right] <= self.layer + 1
        mask = Image.fromarray((np.clip(cover, 0, 1) * visible * 255).astype(np.uint8))
        tone = self._tone(scenery, np.asarray(frame.crop((left, top, right, bottom)), np.float32), cover)
        colours = np.clip(tone * shade[..., None], 0, 255).astype(np.uint8)
        frame.paste(Image.fromarray(colours), (left, top), mask)

    def _tone(self, scenery: Scenery, behind: NDArray[np.float32], cover: Numbers) -> NDArray[np.float32]:
        # Distance veils smoke as it veils the land behind it.
        weather: Weather = scenery.weather
        near = scenery.landscape.terrain.near[self.layer]
        see = float(np.exp(-weather.haze * (1 - near) ** 1.5 * 0.8))
        mixed = [h + (c - h) * see for h, c in zip(weather.haze_colour, self.colour, strict=True)]
        tone = np.array(grade_colour((mixed[0], mixed[1], mixed[2]), weather), np.float32)
        # What nobody could see, nobody reports: it stands out from what is behind it, darker where that is bright.
        # A thin plume needs a tone farther from the ground's to be seen as well as a thick one.
        weights = cover + 1e-6
        ground, depth = float(np.average(behind.mean(axis=2), weights=weights)), float(np.average(cover, weights=weights))
        least = float(np.clip(_SEEN / max(depth, 1e-3), *_GAP)) * (0.25 + 0.75 * weather.daylight)
        gap = float(tone.mean()) - ground
        if abs(gap) < least:
            tone += (least - gap) if ground < 175 else (-least - gap)
        return np.clip(tone, 0, 255).astype(np.float32)

    def _depth(self, x: Numbers, y: Numbers, radius: Numbers, strength: Numbers) -> float:
        """How much the plume covers of what is behind it, in [0, 1]: the mean over its puffs' centres, thick ones counting more."""
        weight = strength * (self.height * 0.2 / np.maximum(radius, self.height * 0.03)) ** 0.5
        apart = ((x[:, None] - x) ** 2 + (y[:, None] - y) ** 2) / (0.55 * radius) ** 2
        cover = self.opacity * (1 - np.exp(-np.exp(-0.5 * apart) @ weight))
        return float(np.average(cover, weights=cover + 1e-9))

    def _density(
        self, x: Numbers, y: Numbers, radius: Numbers, strength: Numbers, shape: tuple[int, int], moment: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Optical depth and brightness of each pixel: soft balls, torn by noise, lit from above and one side."""
        step = max(1.0, max(shape) / 230)
        rows, columns = max(3, round(shape[0] / step)), max(3, round(shape[1] / step))
        gy, gx = (np.arange(rows) + 0.5) * shape[0] / rows, (np.arange(columns) + 0.5) * shape[1] / columns
        along_y = np.exp(-0.5 * ((gy[None, :] - y[:, None]) / (0.55 * radius[:, None])) ** 2)
        along_x = np.exp(-0.5 * ((gx[None, :] - x[:, None]) / (0.55 * radius[:, None])) ** 2)
        weight = strength * (self.height * 0.2 / np.maximum(radius, self.height * 0.03)) ** 0.5
        density = (along_y * weight[:, None]).T @ along_x
        rng = np.random.default_rng([self.seed, 7, 0 if self.level else moment])
        grain = grain_of(1280, 720)
        # Tear the soft sum: look each point up a little aside, farther aside where the noise says so.
        reach = 0.16 * min(rows, columns) * self.texture
        dy = ((grain.cut(rng, "round", (rows * 2, columns * 2))[::2, ::2] - 0.5) * 2 * reach).astype(int)
        dx = ((grain.cut(rng, "round", (rows * 2, columns * 2))[::2, ::2] - 0.5) * 2 * reach).astype(int)
        r, c = np.mgrid[0:rows, 0:columns]
        density = density[np.clip(r + dy, 0, rows - 1), np.clip(c + dx, 0, columns - 1)]
        clumps = grain.cut(rng, "round", (rows * 4, columns * 4))[::4, ::4]
        density = density * np.exp((clumps - 0.5) * 3.2 * self.texture)
        # The borders of the cut-out fade, whatever the noise did there.
        fade_y, fade_x = (np.minimum(np.arange(n), np.arange(n)[::-1]) / (0.06 * n + 1) for n in (rows, columns))
        density *= np.clip(fade_y, 0, 1)[:, None] * np.clip(fade_x, 0, 1)[None, :]
        thick = 1 - np.exp(-density)
        light = np.roll(thick, (2, 2 if self.seed % 2 else -2), (0, 1)) - np.roll(thick, (-2, -2 if self.seed % 2 else 2), (0, 1))
        shade = 1 - 0.3 * self.texture * light + 0.12 * (clumps - 0.5) * thick
        size = (shape[1], shape[0])
        whole = np.asarray(Image.fromarray(density.astype(np.float32)).resize(size, Image.Resampling.BICUBIC))
        lit = np.asarray(Image.fromarray(shade.astype(np.float32)).resize(size, Image.Resampling.BILINEAR))
        return np.maximum(whole, 0), lit


def make_smoke(seed: int, terrain: Terrain, *, first_seen: float, industrial: bool = False) -> Plume:
    """A plume of smoke that rises from the land; it begins about `first_seen` seconds after the first frame (negative = before)."""
    rng = np.random.default_rng([seed, 8])
    x, y, layer = terrain.spot(rng)
    if rng.random() < 0.3:  # the fire itself is behind a crest
        y = max(y, float(terrain.front(layer)[int(x)]) + terrain.unit * rng.uniform(0, 8)) if layer + 1 < len(terrain.crests) else y
    size = float(np.exp(rng.uniform(np.log(34), np.log(480)))) * terrain.unit
    size = min(size, max(10 * terrain.unit, (y - terrain.margin) * 1.15))
    grey = rng.uniform(196, 250) if rng.random() < 0.78 else rng.uniform(50, 130)
    if industrial:
        grey = rng.uniform(225, 252)
    brown = rng.uniform(-6, 16)
    thin = rng.random() < 0.3
    life = rng.uniform(25, 140)
    return Plume(
        x=x, y=y, layer=layer, height=size,
        lean=float(rng.normal(0, 1.0) if rng.random() < 0.7 else rng.normal(0, 2.2)),
        life=float(life), spread=float(rng.uniform(0.14, 0.38)), start=float(rng.uniform(0.015, 0.05)),
        opacity=float(rng.uniform(0.32, 0.5) if thin else rng.uniform(0.48, 0.9)),
        colour=(grey + brown, grey, grey - brown * 0.8),
        begin=first_seen - (life if industrial else life * 0.3), ramp=float(rng.uniform(5, 120)), end=1e9, travel=0.0,
        wobble=float(rng.uniform(0.02, 0.3)), level=False, drawn_share=float(rng.uniform(0.06, 0.35)),
        texture=float(rng.uniform(0.5, 1.25)), seed=seed,
    )  # fmt: skip


def make_dust(seed: int, terrain: Terrain) -> Plume:
    """Dust behind something that drives: low, brown, its source moves along the ground."""
    rng = np.random.default_rng([seed, 9])
    x, y, layer = terrain.spot(rng)
    size = float(np.exp(rng.uniform(np.log(8), np.log(46)))) * terrain.unit * (0.5 + terrain.near[layer])
    tone = rng.uniform(150, 215)
    return Plume(
        x=x, y=y, layer=layer, height=size, lean=float(rng.normal(0, 0.8)), life=float(rng.uniform(14, 40)),
        spread=float(rng.uniform(0.3, 0.6)), start=0.08, opacity=float(rng.uniform(0.3, 0.75)),
        colour=(tone * 1.06, tone * 0.94, tone * 0.74), begin=-200.0, ramp=5.0, end=float(rng.uniform(120, 900)),
        travel=float(rng.choice((-1, 1)) * rng.uniform(0.25, 1.6)) * terrain.unit, wobble=0.05, level=False,
        drawn_share=float(rng.uniform(0.1, 0.4)), texture=float(rng.uniform(0.6, 1.2)), seed=seed,
    )  # fmt: skip


def make_fog(seed: int, terrain: Terrain) -> Plume:
    """A bank of fog or low cloud in a valley: wide, flat, without a source; it hardly changes and slides along slowly."""
    rng = np.random.default_rng([seed, 10])
    x, y, layer = terrain.spot(rng, crest=bool(rng.random() < 0.6))
    size = float(np.exp(rng.uniform(np.log(18), np.log(80)))) * terrain.unit
    tone = rng.uniform(205, 250)
    return Plume(
        x=x, y=y, layer=layer, height=size, lean=float(rng.uniform(2.0, 7.0)), life=100.0,
        spread=float(rng.uniform(0.3, 0.55)), start=float(rng.uniform(0.2, 0.35)), opacity=float(rng.uniform(0.3, 0.9)),
        colour=(tone * 0.98, tone, tone * 1.02), begin=-500.0, ramp=1.0, end=1e9,
        travel=float(rng.normal(0, 0.12)) * terrain.unit, wobble=0.0, level=True, drawn_share=float(rng.uniform(0.1, 0.3)),
        texture=float(rng.uniform(0.4, 1.2)), seed=seed,
    )  # fmt: skip
