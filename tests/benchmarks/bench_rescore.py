"""A new head over kept features: 21,489 sequences with features of a ViT-S (15 KB per tube), from predictions to report, no image touched.

The baseline is what there was without kept features: the backbone's part alone, measured on this machine over a few batches of ViT-S/14
patches and multiplied by the patches there would be.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.score.builders import CALIBRATOR, CONFIG
from triage.config import Layout
from triage.files import dump_json
from triage.model import build_classifier, checked_config, load_package, write_package
from triage.predictions import KeptTube, Prediction, TubeEntry
from triage.progress import quiet
from triage.score import PredictionCache, ScoreRequest, score
from triage.score.digest import content_digest
from triage.score.rehead import rescored, tube_features
from triage.sequences import Box, Frame, Sequence, key_of

SEQUENCES = 500 if os.environ.get("BENCH_QUICK") else 21_489
FRAMES, WIDTH = 20, 384
#: The head of a ViT-S package; its backbone is cut to one block, for it never runs here.
VIT_S: dict[str, Any] = {
    **CONFIG,
    "infer": {"pad_to_min_frames": FRAMES, "pad_strategy": "symmetric"},
    "classifier": {
        "backbone": "vit", "embed_dim": WIDTH, "depth": 1, "num_heads": 6, "patch_stride": 16, "mlp_ratio": 1.0, "max_frames": FRAMES,
        "transformer_num_layers": 2, "transformer_num_heads": 6, "transformer_ffn_dim": 1536,
    },
}  # fmt: skip


def package(path: Path, head_seed: int, intercept: float = 0.0) -> Path:
    torch.manual_seed(0)
    classifier = build_classifier(checked_config(VIT_S, "config"))
    torch.manual_seed(1 + head_seed)
    for parameter in classifier.head.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    manifest = {"variant": "vits", "model_version": str(head_seed)}
    write_package(
        path, manifest=manifest, config=VIT_S, state_dict=classifier.state_dict(), calibrator={**CALIBRATOR, "intercept": intercept}
    )
    return path


def sequence(number: int) -> Sequence:
    frames = tuple(
        Frame(f"images/detection_{number * 100 + index}.jpg", number * 100 + index, None, None, f"{number * 100 + index:064x}", 100_000,
              (Box((0.3, 0.3, 0.5, 0.5), 0.5, "smoke"),))
        for index in range(14)
    )  # fmt: skip
    return Sequence(key_of(number), number, frames, organization_name=f"org {number % 7}", camera_name=f"cam {number % 60}")


def prediction(tubes: int) -> Prediction:
    entries = tuple(TubeEntry(index, (0.4, 0.4, 0.2, 0.2), False, 0.5) for index in range(FRAMES))
    kept = tuple(KeptTube(tube, 0, FRAMES - 1, 0.1, 0.5, None, (0.4, 0.4, 0.2, 0.2), entries) for tube in range(tubes))
    return Prediction(14, 0, (0, 1, 2, 17, 18, 19), tuple(range(FRAMES)), tubes, kept, "logistic", 0.5, False, None, None)


def prepare(layout: Layout, old: Path) -> int:
    """The store's meta.json files (no image) and the old model's predictions with features; how many tubes."""
    one = load_package(old)
    identity = {"digest": one.digest, "backbone_digest": one.backbone_digest, "precision": "fp32", "decode": "pillow"}
    identity |= {"detector": False}
    cache = PredictionCache(layout.predictions / "old", identity)
    random = np.random.default_rng(1)
    tubes_total = 0
    for number in range(1, SEQUENCES + 1):
        item = sequence(number)
        path = layout.sequences / item.directory / "meta.json"
        path.parent.mkdir(parents=True)
        path.write_bytes(dump_json(item.to_meta()))
        tubes = 1 + number % 2  # 1.5 on average
        tubes_total += tubes
        features = [(random.normal(size=(FRAMES, WIDTH)).astype(np.float16), tuple(range(FRAMES))) for _ in range(tubes)]
        cache.add(item.key, content_digest(item, [frame.sha256 or "" for frame in item.frames]), prediction(tubes), features)
    cache.seal()
    return tubes_total


def middle(layout: Layout, path: Path) -> float:
    """What the calibrator must subtract so that half of the tubes are positive: the median of its sum over a hundred sequences."""
    cache = PredictionCache(layout.predictions / "old")
    items = []
    for number in range(1, 101):
        item = sequence(number)
        digest = content_digest(item, [frame.sha256 or "" for frame in item.frames])
        kept = cache.prediction(item.key, digest)
        items.append((item.key, kept, tube_features(kept, cache.features(item.key, digest) or [])))
    answers = [answer for _, answer in rescored(items, load_package(path), trigger=False, threads=None) if isinstance(answer, Prediction)]
    return float(np.median([np.log(tube.probability / (1 - tube.probability)) for answer in answers for tube in answer.kept]))


def backbone_seconds_per_patch() -> float:
    """CPU seconds of a whole ViT-S/14 at 224 px, fp32, with random weights, on one thread: threads that wait for each other would count."""
    shape = {"embed_dim": WIDTH, "depth": 12, "num_heads": 6, "patch_stride": 14, "mlp_ratio": 4.0}
    config = {**VIT_S, "classifier": {**VIT_S["classifier"], **shape}, "model_input": {**VIT_S["model_input"], "patch_size": 224}}
    backbone = build_classifier(checked_config(config, "config")).backbone.eval()
    patches = torch.rand(8, 3, 224, 224)
    times = []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.inference_mode():
        for _ in range(4):
            started = time.process_time()
            backbone(patches)
            times.append((time.process_time() - started) / len(patches))
    torch.set_num_threads(threads)
    return sorted(times)[1]


def main() -> str:
    quiet()
    root = Path(tempfile.mkdtemp(prefix="bench-rescore-"))
    try:
        layout = Layout(root / "data")
        tubes = prepare(layout, package(root / "old.zip", 0))
        size = sum(path.stat().st_size for path in layout.predictions.rglob("features-*"))
        new = package(root / "new.zip", 1, -middle(layout, package(root / "new.zip", 1)))
        request = ScoreRequest(layout, 0.35, head=new)
        started, cpu = time.perf_counter(), time.process_time()
        summary = score(request)
        load = os.getloadavg()[1]
        whole, cpu = time.perf_counter() - started, time.process_time() - cpu
        assert summary.computed == SEQUENCES, summary
        kept = [tube for path in summary.report.path.glob("details/*.json") for tube in json.loads(path.read_bytes())["tubes"]["kept"]]
        positive = sum(tube["first_crossing_frame"] is not None for tube in kept) / len(kept)
        started = time.perf_counter()
        assert score(request).computed == 0
        again = time.perf_counter() - started
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        backbone = backbone_seconds_per_patch() * tubes * 14
    finally:
        shutil.rmtree(root)
    return f"""## A new head over kept features

`triage score --head NEW.zip` over {SEQUENCES:,} sequences with {tubes:,} tubes of {FRAMES} x {WIDTH} float16
({size / tubes / 1000:.1f} kB per tube, {size / 1e6:.0f} MB mapped), {positive:.0%} of them with a trigger to search, from the store's
meta.json to the finished report. Target: under two minutes.

| what | time | CPU |
| --- | ---: | ---: |
| a new head, report written | {whole:.0f} s | {cpu:.0f} s |
| the same again, nothing to do | {again:.0f} s | |
| baseline: the backbone alone, 14 patches a tube, from images ({backbone / cpu:.0f}x the CPU) | | {backbone:.0f} s (projected) |

Largest resident memory, mapped features included: {memory:.0f} MB. Load of the machine meanwhile: {load:.0f} on {os.cpu_count()}
cores; on cores of one's own the time lies between half the CPU time and all of it.
"""
