"""A store of small synthetic frames, and packages with random weights, for the tests of scoring."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from triage.files import sha256_bytes
from triage.model import build_classifier, checked_config, write_package
from triage.sequences import Box, Frame, Sequence, key_of
from triage.store import Store

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
CALIBRATOR: dict[str, Any] = {
    "features": ["logit", "log_len", "mean_conf", "n_tubes"],
    "coefficients": [4.0, 0.1, 0.2, -0.1],
    "intercept": 0.0,
    "sanity_checks": [],
}
CONFIG: dict[str, Any] = {
    "infer": {"pad_to_min_frames": 4, "pad_strategy": "symmetric"},
    "tubes": {"iou_threshold": 0.2, "max_misses": 2, "infer_min_tube_length": 2, "min_detected_entries": 2, "interpolate_gaps": True},
    "model_input": {"context_factor": 1.5, "patch_size": 16, "normalization": {"mean": MEAN, "std": STD}},
    "classifier": {
        "backbone": "vit", "embed_dim": 16, "depth": 1, "num_heads": 2, "patch_stride": 8, "mlp_ratio": 2.0, "max_frames": 6,
        "transformer_num_layers": 1, "transformer_num_heads": 2, "transformer_ffn_dim": 32,
    },
    "decision": {"aggregation": "logistic", "logistic_threshold": 0.5},
}  # fmt: skip


def a_package(
    path: Path, *, backbone_seed: int = 0, head_seed: int = 0, version: str = "1.0.0", calibrator: Mapping[str, Any] | None = CALIBRATOR
) -> Path:
    """Packages of equal `backbone_seed` share their backbone."""
    config = checked_config(CONFIG, "config")
    torch.manual_seed(backbone_seed)
    classifier = build_classifier(config)
    torch.manual_seed(1000 + head_seed)
    for parameter in classifier.head.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    manifest = {"variant": "grain", "model_version": version}
    write_package(path, manifest=manifest, config=CONFIG, state_dict=classifier.state_dict(), calibrator=calibrator)
    return path


def a_jpeg(seed: int, size: tuple[int, int] = (64, 48), mode: str = "RGB", **save: Any) -> bytes:
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 255, (6, 8, 3), dtype=np.uint8)).resize(size).convert(mode)
    buffer = io.BytesIO()
    coarse.save(buffer, "JPEG", quality=80, **save)
    return buffer.getvalue()


def box(x: float = 0.3, y: float = 0.4, w: float = 0.2, h: float = 0.2, confidence: float = 0.5) -> Box:
    return Box((x, y, x + w, y + h), confidence, "smoke")


def add(
    store: Store, number: int, images: list[bytes], boxes: list[tuple[Box, ...] | None] | None = None, *, hashed: bool = True, **more: Any
) -> Sequence:
    """One sequence; without `boxes` each frame has one at the same place."""
    boxes = [(box(),)] * len(images) if boxes is None else boxes
    frames = tuple(
        Frame(
            file=f"images/detection_{number * 1000 + index}.jpg",
            detection_id=number * 1000 + index,
            recorded_at=f"2026-06-02T00:{index // 60 % 60:02d}:{index % 60:02d}+00:00",
            bucket_key=None,
            sha256=sha256_bytes(data) if hashed else None,
            size=len(data) if hashed else None,
            boxes=frame_boxes,
        )
        for index, (data, frame_boxes) in enumerate(zip(images, boxes, strict=True))
    )
    sequence = Sequence(
        key=key_of(number), sequence_id=number, frames=frames, organization_name="org", camera_name=f"cam {number % 3}", **more
    )
    store.write_sequence(sequence, images)
    return sequence


def a_store(root: Path, count: int, *, frames: int = 3, first: int = 1) -> Store:
    store = Store(root)
    for number in range(first, first + count):
        wobble = 0.02 * math.sin(number)
        boxes: list[tuple[Box, ...] | None] = [(box(0.3 + wobble * index),) for index in range(frames)]
        add(store, number, [a_jpeg(number * 100 + index) for index in range(frames)], boxes)
    return store
