"""Small labelled stores by hand: a bright patch that grows is smoke, a still dark bar is not."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from triage.files import write_bytes, write_json
from triage.sequences import Box, Frame, Label, Sequence, key_of

WIDTH, HEIGHT = 160, 96


def picture(rng: np.random.Generator, smoke: bool, frame: int) -> bytes:
    pixels = rng.normal(110, 6, (HEIGHT, WIDTH, 3))
    if smoke:
        y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
        pixels += (90 * np.exp(-((x - 80) ** 2 + (y - 48) ** 2) / (2 * (6 + 2 * frame) ** 2)))[..., None]
    else:
        pixels[38:58, 78:82] -= 70
    buffer = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def write_sequence(root: Path, number: int, label: Label, camera: str, *, frames: int = 3, boxes: bool = True) -> Sequence:
    rng = np.random.default_rng(number)
    box = (Box((0.4, 0.35, 0.6, 0.65), 0.4 + 0.01 * (number % 7), "smoke"),) if boxes else None
    records = [
        Frame(f"images/detection_{number * 10 + at}.jpg", number * 10 + at, None, f"seq_{number}/{at}.jpg", boxes=box)
        for at in range(frames)
    ]
    sequence = Sequence(key_of(number), number, tuple(records), label=label, organization_name="sdis", camera_name=camera)
    for frame, record in enumerate(records):
        write_bytes(root / sequence.directory / record.file, picture(rng, label == "smoke", frame))
    write_json(root / sequence.directory / "meta.json", sequence.to_meta())
    return sequence
