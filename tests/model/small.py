"""A small package with random weights and frames drawn by arithmetic: what the tests of this room score."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from triage.model import FrameInput, SequenceInput, build_classifier, checked_config, load_package, write_package
from triage.model.package import Package
from triage.sequences import Box

CONFIG: dict[str, Any] = {
    "infer": {"pad_to_min_frames": 6, "pad_strategy": "symmetric"},
    "tubes": {
        "iou_threshold": 0.2,
        "max_misses": 2,
        "infer_min_tube_length": 2,
        "min_detected_entries": 2,
        "interpolate_gaps": True,
    },
    "model_input": {
        "context_factor": 1.5,
        "patch_size": 32,
        "normalization": {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
        "stabilize": True,
    },
    "classifier": {
        "backbone": "vit",
        "embed_dim": 48,
        "depth": 2,
        "num_heads": 3,
        "patch_stride": 8,
        "mlp_ratio": 2,
        "max_frames": 8,
        "global_pool": "token",
        "transformer_num_layers": 2,
        "transformer_num_heads": 3,
        "transformer_ffn_dim": 96,
    },
    "decision": {"aggregation": "logistic", "logistic_threshold": 0.4, "threshold": 0.0},
}
CALIBRATOR: dict[str, Any] = {
    "features": ["logit", "log_len", "mean_conf", "n_tubes"],
    "coefficients": [1.0, 0.5, 0.25, -0.125],
    "intercept": -0.5,
    "sanity_checks": [
        {"features": [0.0, 1.0, 0.0, 0.0], "prob": 0.5},
        {"features": [2.0, 0.0, 2.0, 4.0], "prob": 1 / (1 + math.exp(-1.5))},
    ],
}
MANIFEST: dict[str, Any] = {"variant": "small", "model_version": "1.2.3"}


def config(**blocks: Mapping[str, Any]) -> dict[str, Any]:
    """CONFIG with some keys of some blocks replaced."""
    return {name: {**block, **blocks.get(name, {})} for name, block in CONFIG.items()}


def write_small(path: Path, raw: dict[str, Any] | None = None, *, seed: int = 0, spread: float = 0.5, **changes: Any) -> Path:
    """Write a package; weights are random enough that patches make a difference."""
    raw = raw or CONFIG
    torch.manual_seed(seed)
    network = build_classifier(checked_config(raw, "test"))
    with torch.no_grad():
        for tensor in network.parameters():
            if tensor.dim() > 1:
                tensor.normal_(0, spread / math.sqrt(tensor.shape[-1]))
            else:
                tensor.add_(torch.randn_like(tensor) * 0.05)
        network.head.classifier.weight.normal_(0, 0.5)
    parts: dict[str, Any] = {"manifest": MANIFEST, "config": raw, "state_dict": network.state_dict(), "calibrator": CALIBRATOR}
    write_package(path, **{**parts, **changes})
    return path


def small_package(path: Path, raw: dict[str, Any] | None = None, **changes: Any) -> Package:
    return load_package(write_small(path, raw, **changes))


def jpeg(number: int, size: tuple[int, int] = (96, 64), **options: Any) -> bytes:
    """A frame that differs with `number`."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    red = (x * 3 + number * 29) % 256
    green = (x * y // 7 + number * 53) % 256
    blue = 255 * (((x + number) // 8 + y // 6) % 2)
    buffer = io.BytesIO()
    Image.fromarray(np.stack([red, green, blue], axis=-1).astype(np.uint8)).save(buffer, "JPEG", quality=85, **options)
    return buffer.getvalue()


def box(x: float = 0.5, y: float = 0.5, w: float = 0.3, h: float = 0.4, confidence: float = 0.6) -> Box:
    return Box((x - w / 2, y - h / 2, x + w / 2, y + h / 2), confidence, "smoke")


def frame(number: int, *boxes: Box, data: bytes | None = None) -> FrameInput:
    content = jpeg(number) if data is None else data
    return FrameInput(f"frame_{number}", lambda: content, boxes)


def sequence(key: str, frames: Sequence[FrameInput]) -> SequenceInput:
    return SequenceInput(key, tuple(frames))


def steady(key: str, count: int, *, first: int = 0, boxes: int = 1) -> SequenceInput:
    """`count` frames, each with `boxes` boxes that stay where they are."""
    places = [box(0.3 + 0.4 * number, 0.5 + 0.01 * number, 0.2, 0.3) for number in range(boxes)]
    return sequence(key, [frame(first + number, *places) for number in range(count)])
