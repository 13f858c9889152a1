"""A data directory of any number of rows with realistic columns, for benchmarks of the server and of the page.

`python -m tests.benchmarks.synthetic_report DIR --rows 200000` writes one. Columns are drawn so that they look like a real queue: a score
that piles up at both ends, few organizations of very different sizes, cameras with one azimuth each, alerts of a few sequences, some rows
held. Frames and details exist for `with_frames` sequences only, the highest scores and others spread evenly; frames are 1280x720 JPEGs of
about 86 KB, as the annotator's are.
"""

from __future__ import annotations

import argparse
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from triage.config import Layout
from triage.files import dump_json, write_bytes, write_json
from triage.predictions import KeptTube, Prediction, TubeEntry
from triage.report.buckets import rebucket
from triage.report.details import details_of, sequence_of
from triage.report.reader import LATEST, MARKER
from triage.report.rows import SCHEMA
from triage.sequences import SOURCE, Box, Frame, Sequence, key_of
from triage.store import Store

VARIANT = "synthetic-1-0-0"
THRESHOLD = 0.35
_NUM_FRAMES = 14
_SCENES = 6
_MODEL = {
    "manifest": {"format_version": 1, "variant": "synthetic", "model_version": "1.0.0"},
    "config": {
        "infer": {"pad_to_min_frames": 0, "pad_strategy": "symmetric"},
        "tubes": {"iou_threshold": 0.1, "max_misses": 2, "infer_min_tube_length": 2, "min_detected_entries": 2, "interpolate_gaps": True},
        "model_input": {"context_factor": 1.5, "patch_size": 224, "stabilize": True},
        "classifier": {"backbone": "vit_small_patch14_dinov2.lvd142m", "max_frames": 20},
        "decision": {"aggregation": "logistic", "logistic_threshold": 0.5, "threshold": 0.0},
    },
}


def synthetic_table(rows: int, seed: int = 0, *, labelled: bool = False) -> pa.Table:
    """The rows alone, in key order, bucketed at THRESHOLD. Same arguments, same table."""
    random = np.random.default_rng(seed)
    ids = np.sort(random.choice(np.arange(100_000, 100_000 + 3 * rows), rows, replace=False))
    organization = random.zipf(1.5, rows) % 32
    camera = organization * 16 + random.integers(0, 16, rows)
    score = np.where(random.random(rows) < 0.8, random.beta(0.6, 6.0, rows), random.beta(4.0, 1.2, rows))
    held = random.random(rows) < 0.04
    failed = held & (random.random(rows) < 0.2)
    tubes = np.where(held, 0, 1 + random.poisson(0.5, rows))
    frames = 4 + random.poisson(10, rows)
    seconds = np.sort(random.integers(0, 200 * 86_400, rows))
    start = datetime(2026, 4, 1, tzinfo=UTC)
    times = [(start + timedelta(seconds=int(second))).isoformat() for second in seconds]
    last = [(start + timedelta(seconds=int(second) + 30 * int(number))).isoformat() for second, number in zip(seconds, frames, strict=True)]
    reasons = np.where(failed, "predict_failed", np.where(held, "no_tube", None))
    label = np.where(random.random(rows) < score, "smoke", "fp") if labelled else np.full(rows, "unknown")
    trigger = np.where(held | (score < 0.5), -1, random.integers(1, 14, rows))
    logit = np.log(np.clip(score, 1e-9, 1 - 1e-9) / (1 - np.clip(score, 1e-9, 1 - 1e-9)))
    columns = {
        "key": [key_of(int(number)) for number in ids],
        "source": [SOURCE] * rows,
        "sequence_id": ids,
        "label": label,
        "decision": ["keep"] * rows,
        "outcome": ["n/a"] * rows,
        "triage_score": pa.array(score, mask=held),
        "triage_bucket": ["hold"] * rows,
        "hold_reason": pa.array(reasons, pa.string()),
        "model_version": ["1.0.0"] * rows,
        "score": pa.array(logit, mask=held),
        "probability": pa.array(score, mask=held),
        "num_tubes_kept": pa.array(tubes.astype(np.int32), mask=failed),
        "trigger_frame_index": pa.array(trigger.astype(np.int32), mask=trigger < 0),
        "num_frames": frames.astype(np.int32),
        "organization_name": [f"SDIS {number:02}" for number in organization],
        "camera_name": [f"Mont {number // 16:02}, caméra {number % 16}" for number in camera],
        "azimuth": (camera * 47 % 360).astype(np.float64),
        "started_at": times,
        "last_seen_at": last,
        "platform_alert_id": 1_000_000 + np.cumsum(random.random(rows) < 0.5),
    }
    table = pa.table({field.name: pa.array(columns[field.name], field.type) for field in SCHEMA}, schema=SCHEMA)
    return rebucket(table.sort_by("key"), THRESHOLD)


def write_synthetic(
    root: Path, rows: int, *, with_frames: int = 200, unlabel_frames: int = 0, seed: int = 0, labelled: bool = False
) -> Layout:
    """A whole data directory: a report of `rows`, and a store of the sequences that have frames and details.

    These are `with_frames` of all rows, and the `unlabel_frames` highest scores of the Unlabel bucket, which are swept first.
    """
    layout, table = Layout(root), synthetic_table(rows, seed, labelled=labelled)
    report, store = layout.reports / VARIANT, Store(layout.sequences)
    scenes = [_scene(np.random.default_rng(number)) for number in range(_SCENES)]
    for row in _chosen(table, with_frames, unlabel_frames):
        sequence, prediction = _sequence(row), _prediction(row)
        store.write_sequence(sequence, scenes[row["sequence_id"] % _SCENES])
        write_json(report / "sequences" / f"{sequence.key}.json", sequence_of(sequence, sequence.directory, root.name))
        if row["triage_score"] is not None:
            write_json(report / "details" / f"{sequence.key}.json", details_of(prediction))
    sink = io.BytesIO()
    pq.write_table(table, sink)
    write_bytes(report / "results.parquet", sink.getvalue())
    write_bytes(report / "dropped.json", dump_json([]))
    write_json(report / MARKER, {**_MODEL, "format": 1, "variant": VARIANT, "model_version": "1.0.0", "threshold": THRESHOLD})
    write_json(layout.reports / LATEST, {"format": 1, "variant": VARIANT})
    return layout


def keys_with_frames(layout: Layout) -> list[str]:
    """The sequences that have frames, ascending by id."""
    return Store(layout.sequences).keys()


def keys_with_tubes(layout: Layout) -> list[str]:
    """Those of them that have details with tubes, and so crops and a strip."""
    return [key for key in keys_with_frames(layout) if (layout.reports / VARIANT / "details" / f"{key}.json").is_file()]


def _chosen(table: pa.Table, number: int, unlabel: int) -> list[dict[str, object]]:
    """Half of `number` the highest scores, half spread evenly over the keys; and the first `unlabel` of that bucket."""
    score = np.nan_to_num(table["triage_score"].to_numpy(), nan=-1.0)
    order = np.argsort(-score, kind="stable")
    best = order[: number // 2]
    spread = np.linspace(0, len(table) - 1, number - len(best)).astype(int)
    swept = order[score[order] < THRESHOLD][:unlabel]
    return table.take(pa.array(np.unique(np.concatenate([best, spread, swept])))).to_pylist()


def _sequence(row: dict[str, object]) -> Sequence:
    number = int(row["sequence_id"])  # type: ignore[call-overload]
    boxes = [Box((0.4 + 0.002 * at, 0.45, 0.46 + 0.002 * at, 0.53), 0.3 + 0.04 * at, "smoke") for at in range(_NUM_FRAMES)]
    frames = tuple(
        Frame(f"images/detection_{number}{at:02}.jpg", number * 100 + at, str(row["started_at"]), None, boxes=(boxes[at],))
        for at in range(_NUM_FRAMES)
    )
    names = ("organization_name", "camera_name", "azimuth", "started_at", "last_seen_at", "platform_alert_id")
    return Sequence(key_of(number), number, frames, source_api="pyronear_french", **{name: row[name] for name in names})  # type: ignore[arg-type]


def _prediction(row: dict[str, object]) -> Prediction:
    score = row["triage_score"] if isinstance(row["triage_score"], float) else 0.0
    entries = tuple(
        TubeEntry(at, (0.43 + 0.002 * at, 0.49, 0.06, 0.08), at % 5 == 4, 0.0 if at % 5 == 4 else 0.5) for at in range(_NUM_FRAMES)
    )
    tubes = tuple(
        KeptTube(number, 0, _NUM_FRAMES - 1, 2.0 - number, score / (number + 1), 3, (0.443, 0.49, 0.086, 0.08), entries)
        for number in range(2)
    )
    return Prediction(
        num_frames_input=_NUM_FRAMES,
        num_truncated=0,
        padded_frame_indices=(),
        slots=tuple(range(_NUM_FRAMES)),
        num_candidates=3,
        kept=tubes,
        aggregation="logistic",
        threshold=0.5,
        is_positive=score >= 0.5,
        trigger_frame_index=3,
        trigger_tube_id=0,
    )


def _scene(random: np.random.Generator) -> list[bytes]:
    """The frames of one view: hills under a sky with a growing plume, with as much grain as makes about 86 KB."""
    height, width = 720, 1280
    x = np.arange(width)
    ridge = 380 + 60 * np.sin(x / 170 + random.uniform(0, 6)) + 25 * np.sin(x / 47 + random.uniform(0, 6))
    y = np.arange(height)[:, None]
    sky = np.stack([120 + y * 0.12 + 0 * x, 150 + y * 0.1 + 0 * x, 200 - y * 0.05 + 0 * x], -1)
    ground = np.stack([60 + 0.03 * y + 0 * x, 80 + 0.02 * y + 0 * x, 50 + 0.01 * y + 0 * x], -1)
    base = np.where((y > ridge)[..., None], ground, sky) + random.normal(0, 4.6, (height, width, 1))
    return [_jpeg(_plume(base, at, random)) for at in range(_NUM_FRAMES)]


def _plume(base: npt.NDArray[np.float64], at: int, random: np.random.Generator) -> npt.NDArray[np.float64]:
    y, x = np.mgrid[0:720, 0:1280]
    weight = 0.7 * np.exp(-(((x - 560 - 3 * at) / (18 + 2 * at)) ** 2) - ((y - 350) / (24 + 2 * at)) ** 2)[..., None]
    return base * (1 - weight) + 215 * weight + random.normal(0, 1.5, base.shape)


def _jpeg(pixels: npt.NDArray[np.float64]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(file, "JPEG", quality=75)
    return file.getvalue()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("--rows", type=int, default=21_489)
    parser.add_argument("--with-frames", type=int, default=200)
    parser.add_argument("--labelled", action="store_true")
    given = parser.parse_args()
    write_synthetic(given.root, given.rows, with_frames=given.with_frames, labelled=given.labelled)
