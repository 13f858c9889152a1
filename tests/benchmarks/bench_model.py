"""Scoring against its floor and against the obvious implementation (baseline.py), per sequence length and number of tubes.

The floor is what the backbone alone needs for the distinct patches of a sequence, at its own rate on full batches in the same process.
Fast path and floor take turns, so that a busy machine slows both. BENCH_QUICK=1: fewer sequences, one turn.
"""

from __future__ import annotations

# ruff: noqa: E501  (tables)
import io
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from PIL import Image

from tests.benchmarks.baseline import Baseline
from tests.model.small import CALIBRATOR, CONFIG, write_small
from triage.crops import decode_rgb
from triage.model import FrameInput, Package, Predictor, Scored, SequenceInput, cut_frame, load_package, plan_sequence, rescore_many
from triage.model.features import HeadScorer, TubeSlots
from triage.model.patches import decoder
from triage.model.threads import cores
from triage.sequences import Box
from triage.train.architecture import small_config

QUICK = bool(os.environ.get("BENCH_QUICK"))
TURNS = 1 if QUICK else 2
CASES = [(6, 1), (15, 1)] if QUICK else [(6, 1), (6, 2), (15, 1), (15, 2), (20, 1), (20, 2)]
#: Every tube fires at its 8th entry, so the search tries seven prefixes of it.
CALIBRATOR_THAT_FIRES = {**CALIBRATOR, "coefficients": [0.0, 100.0, 0.0, 0.0], "intercept": -100 * float(np.log(8.5)), "sanity_checks": []}
NETWORKS: dict[str, tuple[int, dict[str, Any]]] = {
    "ViT-S/14, 224 px": (
        224,
        {
            "backbone": "vit_small_patch14_dinov2.lvd142m",
            "transformer_num_layers": 2,
            "transformer_num_heads": 6,
            "transformer_ffn_dim": 1536,
        },
    ),
    "small, 32 px": (32, small_config()["classifier"]),  # what is bundled, and what is trained from scratch
}


def package(directory: Path, name: str) -> Package:
    """Random weights in the shape asked for, with the padding and tube rules of real packages."""
    size, network = NETWORKS[name]
    raw = {
        "infer": {"pad_to_min_frames": 20, "pad_strategy": "symmetric"},
        "tubes": small_config()["tubes"],
        "model_input": {**CONFIG["model_input"], "patch_size": size},
        "classifier": {**network, "max_frames": 20, "img_size": size},
        "decision": {"aggregation": "logistic", "logistic_threshold": 0.5, "threshold": 0.0},
    }
    return load_package(write_small(directory / "model.zip", raw, calibrator=CALIBRATOR_THAT_FIRES))


def frames(count: int) -> list[bytes]:
    """JPEGs as cameras send them: 1280 x 720, quality 80, 113 KB (the median of the real sequences, whose bytes take the decoder as long)."""
    generator = np.random.default_rng(1)
    base = np.asarray(Image.fromarray(generator.integers(0, 255, (18, 32, 3), dtype=np.uint8)).resize((1280, 720))).astype(np.int16)
    result = []
    for _ in range(count):
        buffer = io.BytesIO()
        noisy = np.clip(base + generator.normal(0, 4.4, base.shape), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(buffer, "JPEG", quality=80)
        result.append(buffer.getvalue())
    return result


def sequences(images: list[bytes], count: int, length: int, tubes: int) -> list[SequenceInput]:
    result = []
    for number in range(count):
        inputs = []
        for step in range(length):
            boxes = tuple(
                Box((x + 0.001 * step, 0.4, x + 0.08, 0.5 + 0.001 * number), 0.5, "smoke")
                for x in (0.1 + 0.5 * tube for tube in range(tubes))
            )
            data = images[(number * length + step) % len(images)]
            inputs.append(FrameInput(f"frame_{step}", lambda data=data: data, boxes))  # type: ignore[misc]
        result.append(SequenceInput(f"{number}", tuple(inputs)))
    return result


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds on the clock, and of all threads' CPU time: the first tells what a user waits for, the second holds on a busy machine."""

    wall: float
    cpu: float

    def each(self, count: float) -> Took:
        return Took(self.wall / count, self.cpu / count)


def seconds(work: Callable[[], object]) -> Took:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Took(time.perf_counter() - wall, time.process_time() - cpu)


def score(predictor: Predictor, items: list[SequenceInput]) -> None:
    for _, outcome in predictor.predict_many(items):
        assert isinstance(outcome, Scored)
        assert outcome.prediction.is_positive


def floor(predictor: Predictor, patches: int) -> Took:
    """Seconds for so many patches: full batches, the same threads, nothing else."""
    size = predictor.package.config.model_input.patch_size
    batch = np.random.default_rng(0).integers(0, 255, (predictor.batch_size, size, size, 3), dtype=np.uint8)
    calls = -(-patches // predictor.batch_size)
    calls += calls % predictor.threads  # no thread waits for the other at the end
    with ThreadPoolExecutor(predictor.threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        list(pool.map(predictor.patch_features, [batch] * predictor.threads))
        took = seconds(lambda: list(pool.map(predictor.patch_features, [batch] * calls)))
    return took.each(calls * predictor.batch_size / patches)


def case(loaded: Package, baseline: Baseline, images: list[bytes], length: int, tubes: int, *, trigger: bool) -> str:
    """One row of the table."""
    large, threads = loaded.config.model_input.patch_size > 100, cores()
    patches = length * tubes
    count = max(2, (60 if large else 1200) // patches // (3 if QUICK else 1))
    items = sequences(images, count, length, tubes)
    some = items[: 1 if large else 5]
    predictor = Predictor(loaded, device="cpu", threads=threads, trigger=trigger)
    score(predictor, items[:1])
    fast, least, slow = [], [], {}
    for _ in range(TURNS):
        least.append(floor(predictor, patches * count).each(count))
        fast.append(seconds(lambda: score(predictor, items)).each(count))
    for used in (threads, 1):  # on one thread no CPU time goes into waiting for the other
        torch.set_num_threads(used)
        slow[used] = seconds(lambda: [baseline.predict(item, trigger=trigger) for item in some]).each(len(some))
    torch.set_num_threads(threads)
    ratio = median(a.wall / b.wall for a, b in zip(fast, least, strict=True))
    cpu_ratio = median(a.cpu / b.cpu for a, b in zip(fast, least, strict=True))
    wall, cpu = median(took.wall for took in fast), median(took.cpu for took in fast)
    return (
        f"| {length} | {tubes} | {'yes' if trigger else 'no'} | {patches} | {median(took.wall for took in least) * 1e3:.1f} | "
        f"{wall * 1e3:.1f} | {ratio:.2f} | {cpu_ratio:.2f} | {slow[threads].wall * 1e3:.0f} | {slow[threads].wall / wall:.1f} | "
        f"{slow[1].cpu / cpu:.1f} |"
    )


def table(name: str, loaded: Package, images: list[bytes], trigger_cases: list[tuple[int, int]]) -> list[str]:
    baseline = Baseline(loaded)
    lines = [
        f"### {name}",
        "",
        "| frames | tubes | trigger | distinct patches | floor ms | fast ms | fast / floor | the same, CPU | baseline ms | baseline / fast | the same, CPU |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for length, tubes, trigger in [(*case, False) for case in CASES] + [(*case, True) for case in trigger_cases]:
        lines.append(case(loaded, baseline, images, length, tubes, trigger=trigger))
        print(lines[-1], flush=True)
    return [*lines, ""]


def where_time_goes(name: str, loaded: Package, images: list[bytes]) -> str:
    """CPU milliseconds of each step on one thread."""
    predictor = Predictor(loaded, device="cpu", threads=1)
    torch.set_num_threads(1)
    item = sequences(images, 1, 20, 1)[0]
    plan = plan_sequence([frame.boxes for frame in item.frames], loaded.config)
    region = plan.tubes[0].region(0)
    assert region is not None
    size = loaded.config.model_input.patch_size
    pillow, turbo = decode_rgb, decoder("auto")
    pictures = [turbo(data, "frame") for data in images]
    batch = np.zeros((predictor.batch_size, size, size, 3), np.uint8)
    tube = TubeSlots(torch.randn(20, loaded.feature_width), tuple(range(20)))
    head = HeadScorer(loaded.classifier.head, 20)

    def each(work: Callable[[], object], times: int, per: int) -> str:
        work()
        started = time.process_time()
        for _ in range(times):
            work()
        return f"{(time.process_time() - started) / times / per * 1e3:.2f}"

    steps = {
        "boxes to tubes, per sequence": each(lambda: plan_sequence([frame.boxes for frame in item.frames], loaded.config), 20, 1),
        "decode, Pillow": each(lambda: [pillow(data, "frame") for data in images], 1, len(images)),
        "decode, simplejpeg": each(lambda: [turbo(data, "frame") for data in images], 1, len(images)),
        "crop and resize": each(lambda: [cut_frame(p, [region], context_factor=1.5, patch_size=size) for p in pictures], 1, len(images)),
        "backbone, per patch": each(lambda: predictor.patch_features(batch), 4, predictor.batch_size),
        "head, per tube": each(lambda: head.prefixes(tube, [20]), 10, 1),
        "head, seven prefixes": each(lambda: [head.prefixes(tube, range(start, min(start + 4, 20))) for start in (2, 6)], 3, 1),
    }
    return f"| {name} | " + " | ".join(steps.values()) + " |"


def rescoring(loaded: Package, images: list[bytes]) -> str:
    """The whole backlog with a new head, on features of ViT-S size."""
    items = sequences(images, 2, 6, 1)
    outcomes = [outcome for _, outcome in Predictor(loaded, device="cpu").predict_many(items) if isinstance(outcome, Scored)]
    one = outcomes[0]
    full = one.features[0]
    full = type(full)(full.tube_id, np.resize(full.values, (20, loaded.feature_width)), tuple(range(20)))
    count = 128 if QUICK else 512
    took = {}
    for trigger in (False, True):
        places = ((f"{number}", one.prediction, [full]) for number in range(count))
        took[trigger] = seconds(lambda places=places, trigger=trigger: list(rescore_many(places, loaded, trigger=trigger))).each(count)  # type: ignore[misc]
    backlog = 21_489 * 1.5 / cores()
    return (
        f"A new head over kept features ({full.values.nbytes:,} bytes a tube): {took[False].cpu * 1e3:.2f} CPU ms a tube without the trigger "
        f"search, {took[True].cpu * 1e3:.2f} with it; 21,489 sequences of 1.5 tubes would take {took[False].cpu * backlog:.0f} s and "
        f"{took[True].cpu * backlog:.0f} s on {cores()} cores with nothing else to do, were all of them to fire."
    )


def main() -> str:
    torch.set_num_threads(cores())
    images = frames(8 if QUICK else 24)
    size = sum(map(len, images)) / len(images) / 1e3
    lines = ["## Scoring", "", f"Frames of 1280 x 720 at JPEG quality 80, {size:.0f} kB each (the real sequences: 113).", ""]
    steps = [
        "CPU milliseconds on one thread:",
        "",
        "| network | boxes to tubes | decode, Pillow | decode, simplejpeg | crop and resize | backbone, per patch | head, per tube | head, seven prefixes |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    with tempfile.TemporaryDirectory() as directory:
        loaded = {name: package(Path(directory), name) for name in NETWORKS}
        for name, one in loaded.items():
            torch.set_num_threads(cores())
            lines += table(name, one, images, [(15, 1)] if name.startswith("ViT") else CASES)
        lines += steps
        lines += [where_time_goes(name, one, images) for name, one in loaded.items()]
        lines += ["", rescoring(loaded["ViT-S/14, 224 px"], images), ""]
    load = os.getloadavg()[0]
    lines += [
        f"In the trigger rows every tube fires at its 8th entry, so seven prefixes are tried. {cores()} threads; load average",
        f"at the end {load:.1f}. The baseline's threads wait for each other at every layer, so on a busy machine it falls behind on the clock",
        "further than on a quiet one; the CPU columns (baseline on one thread) do not depend on that.",
    ]
    return "\n".join(lines)
