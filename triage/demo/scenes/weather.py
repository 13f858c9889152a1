"""Weather: one day's light, haze, sky and camera grading over a painted landscape, and what the camera's electronics add to a frame."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from triage.demo.scenes.landscape import Landscape
from triage.demo.scenes.noise import Field, grain_of
from triage.demo.scenes.terrain import Terrain

__all__ = ["Scenery", "Weather", "develop", "expose", "grade_colour", "make_weather", "to_jpeg", "with_clouds"]

Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Weather:
    """How a view looks for the minutes of one alert.

    daylight: 1 = noon, about 0.3 = dusk, below 0.12 = night. haze_colour in 0..255; haze: optical depth over the farthest land.
    cloud_cover: 0 = none, 1 = overcast; cloud_drift: pixels per second along x. shake: pixels (sigma) between frames; jump: one frame
    from which the camera points so many pixels elsewhere (frame, dx, dy). quality: of the JPEG; first_quality: of an earlier
    generation, None = none.
    """

    daylight: float
    sun: Colour
    haze_colour: Colour
    haze: float
    zenith: Colour
    cloud_cover: float
    cloud_drift: float
    tint: Colour
    contrast: float
    saturation: float
    soften: float
    sharpen: float
    noise: float
    flicker: float
    shake: float
    jump: tuple[int, int, int]
    quality: int
    first_quality: int | None
    overlay: int
    seed: int


def make_weather(seed: int, *, daylight: float | None = None) -> Weather:
    """Draw the weather of one alert. `daylight` may be prescribed."""
    rng = np.random.default_rng([seed, 3])
    drawn = rng.random()
    day = daylight if daylight is not None else 1.0 if drawn < 0.84 else rng.uniform(0.3, 0.75)
    warm = (1 - day) * rng.uniform(0.1, 0.7)
    tone = rng.uniform(150, 225)
    kind = rng.random()
    blue = rng.uniform(0.0, 0.28) if kind < 0.6 else rng.uniform(-0.1, 0.03) if kind < 0.8 else rng.uniform(0.1, 0.3)
    violet = rng.uniform(0, 0.06) if kind < 0.8 else rng.uniform(0.03, 0.14)
    haze_colour = (
        tone * (1 - blue * 0.7 + violet + warm * 0.3),
        tone * (1 - blue * 0.25 - violet * 0.3),
        tone * (1 + blue * 0.45 - warm * 0.4),
    )
    deep = rng.uniform(0.55, 0.98)
    zenith = (haze_colour[0] * deep * 0.75, haze_colour[1] * deep * 0.88, min(255.0, haze_colour[2] * (deep * 0.5 + 0.55)))
    if rng.random() < 0.3:  # grey sky
        zenith = (tone * 0.92, tone * 0.94, tone * 0.97)
    cast = rng.normal(0, 0.03, 3) + rng.uniform(-0.5, 1) * np.array((-0.015, -0.01, 0.03))
    return Weather(
        daylight=float(day),
        sun=(1 + warm * 0.4, 1.0, 1 - warm * 0.35),
        haze_colour=haze_colour,
        haze=float(rng.gamma(2.2, 0.55) + 0.1),
        zenith=zenith,
        cloud_cover=float(rng.choice((0.0, rng.uniform(0.1, 0.5), rng.uniform(0.5, 1.0)), p=(0.35, 0.4, 0.25))),
        cloud_drift=float(rng.normal(0, 0.5)),
        tint=(float(1 + cast[0]), float(1 + cast[1]), float(1 + cast[2])),
        contrast=float(rng.uniform(0.75, 1.45)),
        saturation=float(rng.uniform(0.45, 1.35)),
        soften=float(max(0.0, rng.normal(0.6, 0.6))),
        sharpen=float(rng.choice((0, rng.uniform(40, 220)), p=(0.55, 0.45))),
        noise=float(rng.gamma(1.5, 1.1) + (1 - day) * 5),
        flicker=float(abs(rng.normal(0, 0.02))),
        shake=float(rng.choice((0.0, rng.uniform(0.2, 1.2), rng.uniform(1, 3.5)), p=(0.3, 0.45, 0.25))),
        jump=(int(rng.integers(1, 8)), int(rng.integers(-6, 7)), int(rng.integers(-4, 5))) if rng.random() < 0.12 else (0, 0, 0),
        quality=int(rng.integers(55, 94)),
        first_quality=int(rng.integers(35, 70)) if rng.random() < 0.3 else None,
        overlay=int(rng.integers(0, 6)),
        seed=seed,
    )


@dataclass(frozen=True, slots=True)
class Scenery:
    """A landscape in its weather, ready to be put into frames. ground: RGB of the whole canvas without clouds that move.

    clouds: (colour, coverage) wider than the canvas, L mask of the sky's height; None = none. sky_mask: L, the sky's pixels.
    """

    landscape: Landscape
    weather: Weather
    ground: Image.Image
    clouds: tuple[tuple[int, int, int], Image.Image] | None
    sky_mask: Image.Image | None


def develop(landscape: Landscape, weather: Weather) -> Scenery:
    """Light, haze, sky and grading: about 0.1 s for 1280x720."""
    rng = np.random.default_rng([weather.seed, 4])
    terrain = landscape.terrain
    depth = weather.haze * np.clip(1 - landscape.near, 0, 1) ** 1.5 * 1.6 + 0.04 * weather.haze
    see = np.exp(-depth).astype(np.float32)[..., None]
    haze = np.array(weather.haze_colour, np.float32)
    lit = landscape.land * np.array(weather.sun, np.float32)
    veiled = haze + (lit - haze) * see
    whole = np.where(landscape.layer[..., None] == 0, _sky(rng, terrain, weather), veiled)
    graded = _grade(whole, weather)
    ground = Image.fromarray(graded)
    if weather.soften > 0.25:
        ground = ground.filter(ImageFilter.GaussianBlur(weather.soften * terrain.unit))
    if weather.sharpen:
        ground = ground.filter(ImageFilter.UnsharpMask(1.6, int(weather.sharpen), 2))
    return Scenery(landscape, weather, ground, *_clouds(rng, terrain, weather, landscape))


def _sky(rng: np.random.Generator, terrain: Terrain, weather: Weather) -> Field:
    horizon = max(2.0, float(np.median(terrain.skyline())))
    share = np.clip(np.arange(terrain.height) / horizon, 0, 1)[:, None] ** rng.uniform(0.8, 2.5)
    low, high = np.array(weather.haze_colour), np.array(weather.zenith)
    low = low + (255 - low) * rng.uniform(0, 0.35)
    column = high + (low - high) * share
    sky = np.broadcast_to(column[:, None, :], (terrain.height, terrain.width, 3)).astype(np.float32)
    if weather.daylight < 0.8 or rng.random() < 0.2:  # the sun is near the horizon: a glow
        x, y = np.arange(terrain.width)[None, :], np.arange(terrain.height)[:, None]
        glow = np.exp(-(((x - rng.uniform(0, terrain.width)) / (0.25 * terrain.width)) ** 2) - ((y - horizon) / (0.35 * horizon + 20)) ** 2)
        sky = sky + (glow[..., None] * np.array((70, 40, 0)) * rng.uniform(0.3, 1.0)).astype(np.float32)
    return sky


def _grade(picture: Field, weather: Weather) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    grey = picture.mean(axis=2, keepdims=True)
    picture = grey + (picture - grey) * weather.saturation
    middle = 118.0
    picture = (picture - middle) * weather.contrast + middle
    picture = picture * np.array(weather.tint, np.float32) * (0.06 + 0.94 * weather.daylight)
    return np.clip(picture, 0, 255).astype(np.uint8)


def grade_colour(colour: Colour, weather: Weather) -> Colour:
    """What grading makes of one colour: for objects that are put in after it."""
    graded = _grade(np.array(colour, np.float32).reshape(1, 1, 3), weather)[0, 0]
    return float(graded[0]), float(graded[1]), float(graded[2])


def _clouds(
    rng: np.random.Generator, terrain: Terrain, weather: Weather, landscape: Landscape
) -> tuple[tuple[tuple[int, int, int], Image.Image] | None, Image.Image | None]:
    height = min(terrain.height, int(terrain.skyline().max()) + 1)
    if weather.cloud_cover == 0 or height < 12:
        return None, None
    shape = (height, round(terrain.width * 1.25))
    field = grain_of(terrain.width, terrain.height).cut(rng, "round" if rng.random() < 0.6 else "wide", shape)
    edge = rng.uniform(1.5, 8)
    cover = np.clip((field - (1 - weather.cloud_cover) * 0.8) * edge, 0, 1) * rng.uniform(0.35, 0.95)
    white = grade_colour((rng.uniform(225, 255) if rng.random() < 0.8 else rng.uniform(150, 225),) * 3, weather)
    sky = Image.fromarray(((landscape.layer[:height] == 0) * 255).astype(np.uint8))
    return ((int(white[0]), int(white[1]), int(white[2])), Image.fromarray((cover * 255).astype(np.uint8))), sky


def with_clouds(scenery: Scenery, seconds: float) -> Image.Image:
    """A copy of the ground with the clouds where they are after `seconds`."""
    frame = scenery.ground.copy()
    if scenery.clouds is not None and scenery.sky_mask is not None:
        colour, cover = scenery.clouds
        room = cover.width - frame.width
        left = round(room / 2 + scenery.weather.cloud_drift * seconds * scenery.landscape.terrain.unit)
        left = abs((left % (2 * room)) - room) if room else 0
        mask = cover.crop((left, 0, left + frame.width, cover.height))
        frame.paste(colour, (0, 0), ImageChops.multiply(mask, scenery.sky_mask))
    return frame


def expose(frame: Image.Image, weather: Weather, number: int, unit: float) -> Image.Image:
    """What the electronics add to frame `number` (0-based): flicker, noise, the camera's own text and logo."""
    rng = np.random.default_rng([weather.seed, 5, number])
    if weather.flicker > 0.002:
        gain = 1 + rng.normal(0, weather.flicker)
        frame = frame.point([min(255, max(0, round(value * gain))) for value in range(256)] * 3)
    if weather.noise > 0.4:
        frame = _noisy(frame, weather.noise, rng)
    _overlay(frame, weather, number, unit)
    return frame


def _noisy(frame: Image.Image, sigma: float, rng: np.random.Generator) -> Image.Image:
    # Two one-colour fields, one tinted, instead of three: cheaper, and closer to what demosaicing leaves.
    width, height = frame.size
    tile = grain_of(width, height).cut(rng, "white", (height, width))
    grey = Image.fromarray((128 + (tile - 0.5) * (sigma * 3.46)).astype(np.uint8))
    other = ImageChops.offset(grey, int(rng.integers(7, 90)), int(rng.integers(7, 90)))
    return ImageChops.add(frame, Image.merge("RGB", (grey, other, ImageChops.offset(other, 31, 17))), 1, -128)


def _overlay(frame: Image.Image, weather: Weather, number: int, unit: float) -> None:
    if weather.overlay == 0:
        return
    draw = ImageDraw.Draw(frame)
    width, height = frame.size
    tall = max(6, round(14 * unit))
    if weather.overlay in (1, 2, 3):
        draw.rectangle((0, height - tall, width, height), fill=(0, 0, 0))
        text = (
            f"Cam {weather.seed % 97:02d}  X:{weather.seed % 360:+d}  Z:{1 + weather.seed % 5}.0  {number // 2:02d}:{number % 2 * 30:02d}"
        )
        draw.text((4, height - tall), text, fill=(230, 230, 230), font_size=max(6, round(10 * unit)))
    if weather.overlay in (2, 4):
        left = 4 if weather.seed % 2 else width - round(120 * unit)
        draw.ellipse((left, 4, left + 110 * unit, 4 + 50 * unit), outline=(190, 200, 210), width=max(1, round(3 * unit)))
        draw.text((left + 24 * unit, 4 + 14 * unit), "WATCH", fill=(60, 80, 130), font_size=max(6, round(22 * unit)))
    if weather.overlay == 5:
        draw.text((6, 4), f"2026 {number:02d} lookout", fill=(255, 255, 255), font_size=max(6, round(16 * unit)))


def to_jpeg(frame: Image.Image, weather: Weather) -> bytes:
    """The frame as the camera sends it."""
    buffer = io.BytesIO()
    if weather.first_quality is not None:
        frame.save(buffer, "JPEG", quality=weather.first_quality)
        frame = Image.open(io.BytesIO(buffer.getvalue())).convert("RGB")
        buffer = io.BytesIO()
    frame.save(buffer, "JPEG", quality=weather.quality)
    return buffer.getvalue()
