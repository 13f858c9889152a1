"""Stage: renders the frames of alerts, each by itself and always the same. Keeps the last few landscapes and sceneries at hand."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from PIL import ImageChops

from triage.demo.scenes.landscape import Landscape, paint_landscape
from triage.demo.scenes.nuisances import Droplet, Flare, Rain, Thing
from triage.demo.scenes.terrain import Rect, Terrain
from triage.demo.scenes.weather import Scenery, Weather, develop, expose, to_jpeg, with_clouds

__all__ = ["Alert", "Stage", "extents"]

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Alert:
    """What one camera saw for some minutes. seconds: of each frame after the first. things: all that is in view, siblings' things too."""

    terrain: Terrain
    weather: Weather
    things: tuple[Thing, ...]
    seconds: tuple[float, ...]


def _shift(alert: Alert, number: int) -> tuple[int, int]:
    """How many pixels the camera points aside in frame `number`, within the margin."""
    weather, unit, edge = alert.weather, alert.terrain.unit, alert.terrain.margin
    rng = np.random.default_rng([weather.seed, 16, number])
    dx, dy = rng.normal(0, weather.shake, 2) * unit
    after, jump_x, jump_y = weather.jump
    if after and number >= after:
        dx, dy = dx + jump_x * unit, dy + jump_y * unit
    return int(np.clip(round(dx), -edge, edge)), int(np.clip(round(dy), -edge, edge))


def _is_on_lens(thing: Thing) -> bool:
    return isinstance(thing, Droplet | Flare | Rain)


def extents(alert: Alert, thing: Thing) -> list[Rect | None]:
    """Where `thing` is in each frame, pixels of the image (not of the canvas); None = not to be seen."""
    found: list[Rect | None] = []
    edge = alert.terrain.margin
    for number, seconds in enumerate(alert.seconds):
        rect = thing.extent(alert.terrain, seconds)
        if rect is not None:
            dx, dy = (0, 0) if _is_on_lens(thing) else _shift(alert, number)
            rect = rect[0] - edge - dx, rect[1] - edge - dy, rect[2] - edge - dx, rect[3] - edge - dy
        found.append(rect)
    return found


class Stage:
    """Renders frames. `render` may be called from several threads."""

    def __init__(self, kept: int = 10) -> None:
        # A pull has some thirty requests in flight, over a handful of sequences: theirs must stay at hand. About 12 MB each at 1280x720.
        self._landscapes: _Shelf[Landscape] = _Shelf(kept)
        self._sceneries: _Shelf[Scenery] = _Shelf(kept)

    def render(self, alert: Alert, number: int) -> bytes:
        """The JPEG of frame `number` (0-based)."""
        scenery = self._sceneries.get(alert.weather.seed, lambda: self._develop(alert))
        seconds = alert.seconds[number]
        frame = with_clouds(scenery, seconds)
        for thing in alert.things:
            if not _is_on_lens(thing):
                thing.paint(frame, scenery, seconds)
        dx, dy = _shift(alert, number)
        if dx or dy:
            frame = ImageChops.offset(frame, -dx, -dy)
        for thing in alert.things:
            if _is_on_lens(thing):
                thing.paint(frame, scenery, seconds)
        edge = alert.terrain.margin
        frame = frame.crop((edge, edge, frame.width - edge, frame.height - edge))
        return to_jpeg(expose(frame, alert.weather, number, alert.terrain.unit), alert.weather)

    def _develop(self, alert: Alert) -> Scenery:
        landscape = self._landscapes.get(alert.terrain.seed, lambda: paint_landscape(alert.terrain))
        return develop(landscape, alert.weather)


class _Shelf(Generic[Made]):
    """The last few results, each made once even when several threads want it."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._lock = threading.Lock()
        self._made: OrderedDict[Hashable, Made] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What `make` gave for `key`, now or before."""
        with self._lock:
            if key not in self._made:
                self._made[key] = make()
                while len(self._made) > self._kept:
                    self._made.popitem(last=False)
            self._made.move_to_end(key)
            return self._made[key]
