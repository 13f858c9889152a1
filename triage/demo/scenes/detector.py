"""Detector: boxes as a camera's own detector draws them. They jitter, flicker, miss frames, and now and then there is a second one."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import dataclass

import numpy as np

from triage.demo.scenes.terrain import Rect
from triage.sequences import Box

__all__ = ["Detector", "make_detector"]


@dataclass(frozen=True, slots=True)
class Detector:
    """How a detector behaves during one sequence.

    jitter: sigma of each edge, per width or height. miss: the share of frames without a box. level: of the confidence, in (0, 1).
    extra: the share of frames with a second box somewhere else.
    """

    jitter: float
    miss: float
    level: float
    extra: float
    seed: int

    def boxes(self, extents: Seq[Rect | None], size: tuple[int, int]) -> list[tuple[Box, ...]]:
        """One tuple per frame. extents: what there is to frame, pixels of the image, None = nothing; size: of the image."""
        rng = np.random.default_rng([self.seed, 14])
        wander = rng.normal(0, 0.5)
        found: list[tuple[Box, ...]] = []
        seen = 0
        for number, rect in enumerate(extents):
            wander = 0.7 * wander + rng.normal(0, 0.45)
            drawn = []
            # The first frames carry the alert: a camera raises none for a single box.
            missed = rng.random() < self.miss and not (number < 4 and seen < 2)
            if rect is not None and not missed:
                seen += 1
                confidence = float(np.clip(self.level + 0.12 * wander, 0.08, 0.95))
                box = self._box(rng, rect, size, confidence)
                if box is not None:
                    drawn.append(box)
            if rng.random() < self.extra:
                w, h = rng.uniform(0.02, 0.12, 2) * size
                x, y = rng.uniform(0, size[0] - w), rng.uniform(0, size[1] - h)
                box = self._box(rng, (x, y, x + w, y + h), size, float(rng.uniform(0.08, 0.3)))
                if box is not None:
                    drawn.append(box)
            found.append(tuple(drawn))
        return found

    def _box(self, rng: np.random.Generator, rect: Rect, size: tuple[int, int], confidence: float) -> Box | None:
        w, h = rect[2] - rect[0], rect[3] - rect[1]
        edges = np.array(rect) + rng.normal(0, self.jitter, 4) * np.array((w, h, w, h)) + rng.normal(0, 0.6, 4)
        scaled = np.clip(edges / np.array((*size, *size)), 0, 1).round(6)
        x1, y1, x2, y2 = (float(value) for value in scaled)
        if x2 - x1 < 2 / size[0] or y2 - y1 < 2 / size[1]:
            return None
        return Box((x1, y1, x2, y2), round(confidence, 3), "smoke")


def make_detector(seed: int, *, lucky: bool) -> Detector:
    """Draw one. lucky: it looks at what it was made for, so that it is a little surer."""
    rng = np.random.default_rng([seed, 15])
    return Detector(
        jitter=float(rng.uniform(0.005, 0.07)),
        miss=float(rng.choice((0.0, rng.uniform(0.02, 0.2), rng.uniform(0.2, 0.4)), p=(0.4, 0.4, 0.2))),
        level=float(np.clip(rng.normal(0.46 if lucky else 0.38, 0.15), 0.12, 0.85)),
        extra=float(rng.choice((0.0, 0.06), p=(0.75, 0.25))),
        seed=seed,
    )
