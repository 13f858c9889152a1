"""Small stores and reports written by hand, for the tests of shards and of sharing."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from triage.config import Layout
from triage.files import write_bytes, write_json
from triage.sequences import Box, Frame, Sequence, key_of

VARIANT = "tiny-0-1-0"


def jpeg(seed: int, width: int = 64, height: int = 48, quality: int = 85) -> bytes:
    """A real JPEG; another seed, other bytes."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    buffer = io.BytesIO()
    coarse.resize((width, height)).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def sequence(sequence_id: int, images: list[bytes], *, organization: str = "Org A", camera: str = "Cam 1", **more: Any) -> Sequence:
    """A sequence whose frames are `images`, five seconds apart."""
    frames = tuple(
        Frame(
            file=f"images/detection_{sequence_id * 100 + at}.jpg",
            detection_id=sequence_id * 100 + at,
            recorded_at=f"2026-05-01T10:00:{at * 5:02d}+00:00",
            bucket_key=f"bucket/{sequence_id}/{at}",
            sha256=hashlib.sha256(image).hexdigest(),
            size=len(image),
            boxes=(Box((0.1, 0.2, 0.4, 0.5), 0.5, "smoke"),),
        )
        for at, image in enumerate(images)
    )
    started = f"2026-05-{1 + sequence_id % 28:02d}T10:00:00+00:00"
    return Sequence(
        key_of(sequence_id), sequence_id, frames, organization_name=organization, camera_name=camera, started_at=started, **more
    )


def add(layout: Layout, sequence_id: int, *, frames: int = 3, organization: str = "Org A", camera: str = "Cam 1", **more: Any) -> Sequence:
    """Write one sequence of small real JPEGs into the store of `layout`."""
    images = [jpeg(sequence_id * 1000 + at) for at in range(frames)]
    made = sequence(sequence_id, images, organization=organization, camera=camera, **more)
    place = layout.sequences / made.directory
    for frame, image in zip(made.frames, images, strict=True):
        write_bytes(place / frame.file, image)
    write_json(place / "meta.json", made.to_meta())
    return made


def add_report(layout: Layout, sequences: list[Sequence], variant: str = VARIANT) -> Path:
    """Write a report of `sequences` as data-contract.md describes it, with one tube each."""
    report = layout.reports / variant
    rows = []
    for made in sorted(sequences, key=lambda each: each.key):
        score = (made.sequence_id * 37 % 100) / 100
        rows.append({"key": made.key, "sequence_id": made.sequence_id, "triage_score": score, "organization_name": made.organization_name})
        write_json(report / "details" / f"{made.key}.json", details(made))
        write_json(
            report / "sequences" / f"{made.key}.json",
            {
                "key": made.key,
                "organization_name": made.organization_name,
                "frames": [f"data/01_raw/{frame.file}" for frame in made.frames],
            },
        )
    write_json(report / "results.json", rows)
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    write_bytes(report / "results.parquet", sink.getvalue())
    write_json(report / "model_config.json", {"variant": "tiny", "threshold": 0.35, "model_version": "0.1.0"})
    for name in ("dropped", "unlabeled", "review", "hold"):
        write_json(report / f"{name}.json", [] if name == "dropped" else {"threshold": 0.35, "count": 0, "items": []})
    write_json(layout.reports / "latest.json", {"format": 1, "variant": variant})
    return report


def details(made: Sequence) -> dict[str, Any]:
    """details/<key>.json with one kept tube over all frames."""
    entries = [{"frame_idx": at, "bbox": [0.25, 0.35, 0.3, 0.3], "is_gap": False, "confidence": 0.5} for at in range(len(made.frames))]
    tube = {
        "tube_id": 0,
        "start_frame": 0,
        "end_frame": len(made.frames) - 1,
        "logit": 0.4,
        "probability": 0.6,
        "first_crossing_frame": 1,
        "stabilized_window": [0.25, 0.35, 0.3, 0.3],
        "entries": entries,
    }
    return {
        "preprocessing": {"num_frames_input": len(made.frames), "num_truncated": 0, "padded_frame_indices": []},
        "tubes": {"num_candidates": 1, "num_outside_roi": 0, "kept": [tube]},
        "decision": {"aggregation": "logistic", "threshold": 0.5, "trigger_tube_id": 0},
    }


def world(root: Path, count: int = 6, *, frames: int = 3, report: bool = True) -> Layout:
    """A store of `count` sequences over two organizations, with a report."""
    layout = Layout(root)
    made = [
        add(layout, number, frames=frames, organization=("Org A", "Forêt d'Ardèche")[number % 2], camera=f"Cam {number % 3}")
        for number in range(1, count + 1)
    ]
    if report:
        add_report(layout, made)
    return layout


def tree(root: Path) -> dict[str, bytes]:
    """Every file below `root` and its bytes."""
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def manifest(layout: Layout, kind: str = "frames") -> dict[str, Any]:
    """The manifest as it lies on disk."""
    content: dict[str, Any] = json.loads((layout.shards / kind / "manifest.json").read_text())
    return content
