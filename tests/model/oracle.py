"""The recorded numbers of an independent implementation (TRIAGE_FIXTURES/model/tiny), and the package's variants they were made with."""

from __future__ import annotations

import functools
import io
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from triage.model import Detection, FrameInput, Package, SequenceInput, load_package

VARIANTS = ("base", "uniform", "legacy_max_logit", "strict_nointerp", "avg")
SEQUENCES = (
    "01_empty", "02_single", "03_gaps", "04_merge", "05_far", "06_short", "07_long", "08_pad", "09_one", "10_border", "11_tiny",
    "12_ties", "x1_images", "x2_crowded", "x3_subpixel", "x4_prox",
)  # fmt: skip


def folder() -> Path:
    root = os.environ.get("TRIAGE_FIXTURES")
    if not root:
        pytest.skip("TRIAGE_FIXTURES is not set: the recorded numbers are not on this machine")
    return Path(root) / "model" / "tiny"


@functools.cache
def expected() -> dict[str, Any]:
    return json.loads((folder() / "expected.json").read_bytes())


@functools.cache
def detections() -> dict[str, Any]:
    return json.loads((folder() / "detections.json").read_bytes())["sequences"]


def rewritten(source: Path, target: Path, changes: Mapping[str, bytes | None]) -> Path:
    """A copy of a package with some members replaced, or left out (None)."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        members = {name: old.read(name) for name in old.namelist()} | dict(changes)
        for name, data in members.items():
            if data is not None:
                new.writestr(name, data)
    return target


def variant_package(variant: str, directory: Path) -> Package:
    """tiny.zip with the variant's config (and, for `avg`, the renamed norm)."""
    changes: dict[str, bytes | None] = {"config.yaml": yaml.safe_dump(expected()["variants"][variant]["config"]).encode()}
    source = folder() / "tiny.zip"
    if variant == "avg":
        with zipfile.ZipFile(source) as archive:
            checkpoint = torch.load(io.BytesIO(archive.read("classifier.ckpt")), weights_only=True)
        old = "model.backbone.backbone.norm."
        state = checkpoint["state_dict"]
        checkpoint["state_dict"] = {key.replace(old, old.replace("norm", "fc_norm")): value for key, value in state.items()}
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        changes["classifier.ckpt"] = buffer.getvalue()
    return load_package(rewritten(source, directory / f"{variant}.zip", changes), allow_uncalibrated=True)


def sequence_input(name: str) -> SequenceInput:
    frames = []
    for frame in detections()[name]["frames"]:
        boxes = tuple(Detection((d["cx"], d["cy"], d["w"], d["h"]), d["confidence"]) for d in frame["detections"])
        frames.append(FrameInput(frame["frame_id"], (folder() / frame["file"]).read_bytes, boxes))
    return SequenceInput(name, tuple(frames))
