"""Landscape: paints a terrain without weather. Colours of the land, what stands on it, and how near each pixel is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from triage.demo.scenes.noise import Field, Grain, Kind, grain_of
from triage.demo.scenes.terrain import Biome, Feature, Terrain

__all__ = ["Landscape", "paint_landscape"]

_PALETTES: dict[Biome, tuple[tuple[tuple[int, int, int], tuple[int, int, int]], ...]] = {
    "forest": (((32, 46, 26), (58, 76, 40)), ((40, 52, 38), (70, 84, 56)), ((28, 40, 34), (52, 66, 50))),
    "scrub": (((74, 72, 44), (124, 116, 74)), ((62, 66, 44), (138, 120, 80)), ((86, 82, 62), (112, 110, 76))),
    "grass": (((104, 108, 52), (166, 152, 88)), ((76, 96, 44), (128, 136, 66)), ((132, 120, 70), (186, 164, 104))),
    "desert": (((122, 100, 76), (176, 146, 112)), ((110, 88, 78), (160, 128, 110)), ((138, 120, 92), (200, 172, 128))),
    "alpine": (((58, 62, 58), (112, 112, 106)), ((46, 58, 44), (96, 100, 84)), ((70, 70, 74), (130, 126, 122))),
}

_UPRIGHT = frozenset(("antenna", "tree", "pole"))


@dataclass(frozen=True, slots=True)
class Landscape:
    """A painted terrain. land: uint8 [H, W, 3], RGB (sky pixels are black). layer: uint8 [H, W], 0 = sky, k = layer k-1.

    near: float32 [H, W] in [0, 1], 0 = the farthest; of the sky 0.
    """

    terrain: Terrain
    land: NDArray[np.uint8]
    layer: NDArray[np.uint8]
    near: Field


def paint_landscape(terrain: Terrain) -> Landscape:
    """Paint it; the same terrain gives the same pixels."""
    rng = np.random.default_rng([terrain.seed, 2])
    grain = grain_of(terrain.width, terrain.height)
    shape = (terrain.height, terrain.width)
    rows = np.arange(terrain.height, dtype=np.float32)[:, None]
    land = np.zeros((*shape, 3), np.float32)
    layer_of = np.zeros(shape, np.uint8)
    near_of = np.zeros(shape, np.float32)
    palettes = _PALETTES[terrain.biome]
    warm = rng.normal(0, 1)
    for number, crest in enumerate(terrain.crests):
        top = max(0, int(crest.min()))
        inside = rows[top:] >= crest[None, :].astype(np.float32)
        palette = palettes[int(rng.integers(len(palettes)))]
        colours = _ground(rng, grain, (terrain.height - top, terrain.width), palette, terrain, number, warm)
        np.copyto(land[top:], colours, where=inside[..., None])
        np.copyto(layer_of[top:], np.uint8(number + 1), where=inside)
        before = terrain.near[number - 1] if number else terrain.near[0] * 0.7
        slope = np.clip((rows[top:] - crest[None, :]) / (0.25 * terrain.height), 0, 1).astype(np.float32)
        near = before + (terrain.near[number] - before) * (0.45 + 0.55 * slope)
        np.copyto(near_of[top:], near, where=inside)
    # What stands upright comes last: it hides what lies behind it.
    for feature in sorted(terrain.features, key=lambda feature: (feature.look in _UPRIGHT, feature.layer)):
        _paint_feature(land, layer_of, near_of, feature, grain, terrain)
    return Landscape(terrain, np.clip(land, 0, 255).astype(np.uint8), layer_of, near_of)


def _ground(
    rng: np.random.Generator,
    grain: Grain,
    shape: tuple[int, int],
    palette: tuple[tuple[int, int, int], tuple[int, int, int]],
    terrain: Terrain,
    number: int,
    warm: float,
) -> Field:
    """The colour of one layer: two tones mixed by broad noise, relief by its slope, canopy by fine noise, now and then fields."""
    near = terrain.near[number]
    dark, light = (np.array(colour, np.float32) * rng.uniform(0.8, 1.25) + np.array((4, 0, -4)) * warm for colour in palette)
    # Far ground is seen at a flatter angle: the same grain, squeezed along y.
    squeeze = 2 + round(3 * (1 - near))
    broad = grain.cut(rng, "wide" if rng.random() < 0.5 else "round", (shape[0] * squeeze, shape[1]))[::squeeze]
    contrast = rng.uniform(0.6, 1.8)
    mix = np.clip((broad - 0.5) * contrast + 0.5, 0, 1)
    if rng.random() < 0.35:  # sharp patches: clearings, fields, burnt ground
        other = grain.cut(rng, "wide", shape)
        mix = np.clip(mix + rng.choice((-0.7, 0.7)) * (other > rng.uniform(0.6, 0.8)), 0, 1)
    relief = grain.cut(rng, "round", (shape[0] * squeeze, shape[1]))[::squeeze]
    # Light from the side: the slope of the ground along x, as brightness.
    step = max(2, round(9 * terrain.unit))
    slope = relief - np.roll(relief, step, axis=1)
    bright = 1 + rng.choice((-1, 1)) * rng.uniform(1.0, 5.5) * (1.3 - 0.7 * near) * slope
    size: Kind = "coarse" if near > 0.55 and rng.random() < 0.7 else "fine"
    flat = int(rng.integers(1, 4))
    fine = grain.cut(rng, size, (shape[0] * flat, shape[1]))[::flat]
    bright += (0.15 + 0.5 * near) * rng.uniform(0.3, 1.3) * (fine - 0.5)
    if rng.random() < 0.5:  # single bushes and trees
        size = "coarse" if near > 0.8 and rng.random() < 0.5 else "fine"
        bushes = grain.cut(rng, size, (shape[0] * squeeze, shape[1]))[::squeeze] > rng.uniform(0.62, 0.85)
        bright -= rng.uniform(0.15, 0.5) * bushes
    colours = dark + (light - dark) * mix[..., None]
    lit: Field = (colours * np.clip(bright, 0.25, 1.9)[..., None] * 1.12).astype(np.float32)
    return lit


def _paint_feature(land: Field, layer_of: NDArray[np.uint8], near_of: Field, feature: Feature, grain: Grain, terrain: Terrain) -> None:
    rng = np.random.default_rng(feature.seed)
    x1, y1, x2, y2 = (round(value) for value in feature.rect)
    pad = 3
    left, top = max(0, x1 - pad), max(0, y1 - pad)
    right, bottom = min(terrain.width, x2 + pad), min(terrain.height, y2 + pad)
    if right - left < 4 or bottom - top < 4:
        return
    box = (slice(top, bottom), slice(left, right))
    colour, mask = _look(rng, feature, (bottom - top, right - left), (x1 - left, y1 - top, x2 - left, y2 - top), grain)
    layer = feature.layer + 1
    if feature.look in _UPRIGHT:
        mask = mask * (layer_of[box] <= layer)
        stands = mask > 0.5
        layer_of[box][stands] = layer
        near_of[box][stands] = terrain.near[feature.layer]
    else:
        mask = mask * (layer_of[box] == layer)
    land[box] += (colour - land[box]) * mask[..., None]


def _look(
    rng: np.random.Generator, feature: Feature, shape: tuple[int, int], rect: tuple[int, int, int, int], grain: Grain
) -> tuple[Field, Field]:
    """What a feature looks like: colours [h, w, 3] in 0..255 and coverage [h, w] in [0, 1]."""
    height, width = shape
    x1, y1, x2, y2 = (float(value) for value in rect)
    picture = Image.new("RGB", (width, height))
    mask = Image.new("L", (width, height), 0)
    draw, cover = ImageDraw.Draw(picture), ImageDraw.Draw(mask)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    round_ = 1 - np.hypot((x - (x1 + x2) / 2) / max(1, (x2 - x1) / 2), (y - (y1 + y2) / 2) / max(1, (y2 - y1) / 2))
    match feature.look:
        case "building":
            for _ in range(int(rng.integers(1, 7))):
                w, h = (x2 - x1) * rng.uniform(0.15, 0.6), (y2 - y1) * rng.uniform(0.2, 0.6)
                left, top = rng.uniform(x1, max(x1 + 1, x2 - w)), rng.uniform(y1, max(y1 + 1, y2 - h))
                wall = int(rng.integers(110, 255))
                draw.rectangle((left, top, left + w, top + h), fill=(wall, int(wall * 0.96), int(wall * 0.9)))
                roof = tuple(int(v) for v in rng.integers(60, 220, 3))
                draw.rectangle((left, top, left + w, top + h * 0.35), fill=(roof[0], roof[1] * 9 // 10, roof[2] * 8 // 10))
                cover.rectangle((left, top, left + w, top + h), fill=255)
        case "antenna":
            middle, thick = (x1 + x2) / 2, max(1, round((x2 - x1) * rng.uniform(0.05, 0.16)))
            tone = int(rng.integers(50, 230))
            stripes = rng.random() < 0.4
            for part in range(7):
                top = y1 + (y2 - y1) * part / 7
                red = stripes and part % 2
                draw.line((middle, top, middle, top + (y2 - y1) / 6), fill=(200, 60, 50) if red else (tone, tone, tone), width=thick)
            cover.line((middle, y1, middle, y2), fill=255, width=thick)
            for _ in range(int(rng.integers(0, 4))):
                at, reach = rng.uniform(y1, (y1 + y2) / 2), (x2 - x1) * rng.uniform(0.2, 0.5)
                cover.line((middle - reach, at, middle + reach, at), fill=230, width=max(1, thick // 2))
                draw.line((middle - reach, at, middle + reach, at), fill=(tone, tone, tone), width=max(1, thick // 2))
        case "pole":
            metal = rng.uniform(60, 190)
            sheen = 0.6 + 0.6 * np.clip(1 - np.abs(x - (x1 + (x2 - x1) * rng.uniform(0.2, 0.8))) / max(2, (x2 - x1) * 0.5), 0, 1)
            solid = ((x >= x1) & (x <= x2) & (y >= y1)).astype(np.float32)
            return (metal * sheen[..., None] * np.array((1.0, 0.98, 0.93), np.float32)).astype(np.float32), solid
        case "road":
            points = [(x1, rng.uniform(y1, y2))]
            for step in range(1, 7):
                points.append((x1 + (x2 - x1) * step / 6, float(np.clip(points[-1][1] + rng.normal(0, (y2 - y1) * 0.2), y1, y2))))
            tone = int(rng.integers(150, 235))
            thick = max(1, round((y2 - y1) * rng.uniform(0.03, 0.1)))
            draw.line(points, fill=(tone, int(tone * 0.94), int(tone * 0.84)), width=thick, joint="curve")
            cover.line(points, fill=int(rng.integers(140, 255)), width=thick, joint="curve")
        case "water":
            glint = grain.cut(rng, "wide", shape)
            water = np.array((96, 120, 150), np.float32) * rng.uniform(0.5, 1.6)
            colour = water * (0.85 + 0.3 * glint[..., None])
            if rng.random() < 0.5:
                colour = colour + 150 * np.clip(glint - 0.75, 0, 1)[..., None] * 4
            return colour.astype(np.float32), np.clip(round_ * 12, 0, 1).astype(np.float32)
        case "tree":
            rough = grain.cut(rng, "coarse" if rng.random() < 0.5 else "fine", shape)
            broad = grain.cut(rng, "round", shape)
            middle = (x1 + x2) / 2
            down = np.clip((y - y1) / max(1, y2 - y1), 0, 1)
            reach = (x2 - x1) / 2 * (down ** rng.uniform(0.5, 0.9)) * (0.65 + 0.6 * broad)
            ragged = np.abs(x - middle) < reach * (0.55 + 0.75 * rough)
            leaves = np.array((34, 46, 26), np.float32) * rng.uniform(0.6, 1.5)
            return (leaves * (0.5 + 1.1 * rough[..., None])).astype(np.float32), (ragged & (y >= y1)).astype(np.float32)
        case _:  # rock, snow, field: a bright patch with a ragged edge
            rough = 0.6 * grain.cut(rng, "round", shape) + 0.4 * grain.cut(rng, "fine", shape)
            tones = {"rock": (176, 168, 156), "snow": (236, 240, 246), "field": (196, 180, 120)}
            stone = np.array(tones[feature.look], np.float32) * rng.uniform(0.85, 1.12)
            cover_ = np.clip((round_ * 1.4 + (rough - 0.5) * 2.2) * 4, 0, 1) * rng.uniform(0.6, 1.0)
            return (stone * (0.8 + 0.4 * grain.cut(rng, "fine", shape)[..., None])).astype(np.float32), cover_.astype(np.float32)
    return np.asarray(picture, np.float32), np.asarray(np.asarray(mask, np.float32) / 255, np.float32)
