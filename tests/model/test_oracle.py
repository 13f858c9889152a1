"""Our numbers against those an independent implementation recorded: every rule of the package, in five variants of its configuration."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.benchmarks.baseline import Baseline
from tests.model import oracle
from triage.crops import decode_rgb
from triage.model import Package, Predictor, Scored, cut_frame, plan_sequence
from triage.model.tubes import candidate_tubes
from triage.predictions import KeptTube


@pytest.fixture(scope="module", params=oracle.VARIANTS)
def package(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Package]:
    return request.param, oracle.variant_package(request.param, tmp_path_factory.mktemp("packages"))


def test_the_fast_path_reproduces_the_recorded_numbers(package: tuple[str, Package]) -> None:
    variant, loaded = package
    outcomes = dict(Predictor(loaded, device="cpu", threads=2).predict_many(map(oracle.sequence_input, oracle.SEQUENCES)))
    assert list(outcomes) == list(oracle.SEQUENCES)
    for name in oracle.SEQUENCES:
        outcome = outcomes[name]
        assert isinstance(outcome, Scored), name
        want, found = oracle.expected()["results"][variant][name], outcome.prediction
        ids = [frame["frame_id"] for frame in oracle.detections()[name]["frames"]]
        assert found.num_frames_input == want["num_frames_input"]
        assert found.num_truncated == want["num_truncated"]
        assert list(found.padded_frame_indices) == want["padded_frame_indices"]
        assert [ids[source] for source in found.slots] == want["slots"]
        assert found.num_candidates == want["num_candidates"]
        assert len(found.kept) == want["num_kept"]
        assert found.is_positive == want["is_positive"]
        assert found.trigger_frame_index == want["trigger_frame_index"]
        assert found.trigger_tube_id == want["trigger_tube_id"]
        assert (found.aggregation, found.threshold) == (want["aggregation"], want["threshold"])
        assert (found.probability or 0.0) == pytest.approx(want["score"], abs=3e-5, rel=0)
        for tube, recorded in zip(found.kept, want["kept"], strict=True):
            _compare_tube(tube, recorded)


def _compare_tube(tube: KeptTube, want: dict[str, Any]) -> None:
    assert (tube.tube_id, tube.start_frame, tube.end_frame) == (want["tube_id"], want["start_frame"], want["end_frame"])
    assert tube.first_crossing_frame == want["first_crossing_frame"]
    assert tube.logit == pytest.approx(want["logit"], abs=1e-4, rel=0)
    assert tube.probability == pytest.approx(want["probability"], abs=3e-5, rel=0)
    if want["stabilized_window"] is None:
        assert tube.stabilized_window is None
    else:
        assert tube.stabilized_window == pytest.approx(want["stabilized_window"], abs=1e-12, rel=0)
    assert len(tube.entries) == want["num_entries"]
    for entry, recorded in zip(tube.entries, want["entries"], strict=True):
        assert entry.frame_idx == recorded["frame_idx"]
        assert entry.is_gap == recorded["is_gap"]
        assert entry.confidence == recorded["confidence"]
        if recorded["bbox"] is None:
            assert entry.bbox is None
        else:
            assert entry.bbox == pytest.approx(recorded["bbox"], abs=1e-12, rel=0)
        empty = recorded["crop_box_px"] is not None and (
            recorded["crop_box_px"][2] <= recorded["crop_box_px"][0] or recorded["crop_box_px"][3] <= recorded["crop_box_px"][1]
        )
        assert (entry.frame_idx in tube.empty_crops) == empty


def test_candidate_tubes_are_the_recorded_ones(package: tuple[str, Package]) -> None:
    variant, loaded = package
    rules = loaded.config.tubes
    for name in oracle.SEQUENCES:
        frames = [frame.boxes for frame in oracle.sequence_input(name).frames]
        plan = plan_sequence(frames, loaded.config)
        tubes = candidate_tubes(
            [frames[source] for source in plan.slots.sources], iou_threshold=rules.iou_threshold, max_misses=rules.max_misses
        )
        want = oracle.expected()["results"][variant][name]["candidates"]
        assert [
            {
                "tube_id": tube.tube_id,
                "start_frame": tube.start,
                "end_frame": tube.end,
                "num_entries": tube.length,
                "observed": [[frame, *detection.cxcywh, detection.confidence] for frame, detection in tube.observed],
            }
            for tube in tubes
        ] == want


def test_patches_are_the_recorded_pixels(package: tuple[str, Package]) -> None:
    variant, loaded = package
    rules = loaded.config.model_input
    mean, std = (np.array(values, np.float32) for values in (rules.normalization.mean, rules.normalization.std))
    for name in oracle.SEQUENCES:
        item = oracle.sequence_input(name)
        plan = plan_sequence([frame.boxes for frame in item.frames], loaded.config)
        images = [decode_rgb(frame.load()) for frame in item.frames]
        for tube, want in zip(plan.tubes, oracle.expected()["results"][variant][name]["kept"], strict=True):
            for slot, (entry, recorded) in enumerate(zip(tube.entries, want["entries"], strict=True)):
                region = tube.region(slot)
                if recorded["crop_box_px"] is None:
                    assert region is None
                    continue
                assert region is not None
                image = images[plan.slots.sources[entry.frame_idx]]
                cut = cut_frame(image, [region], context_factor=rules.context_factor, patch_size=rules.patch_size)
                assert list(cut.boxes[region]) == recorded["crop_box_px"]
                assert list(cut.size) == recorded["image_size"]
                patch = cut.patches[cut.boxes[region]]
                assert hashlib.sha256(patch.tobytes()).hexdigest() == recorded["patch_u8_sha256"]
                normalised = ((patch.astype(np.float32) / 255 - mean) / std).astype(np.float64)
                assert normalised.mean((0, 1)) == pytest.approx(recorded["patch_mean"], abs=1e-5, rel=0)
                assert normalised.std((0, 1)) == pytest.approx(recorded["patch_std"], abs=1e-5, rel=0)


@pytest.mark.parametrize(
    ("variant", "names"), [("base", ("x1_images", "x4_prox")), ("strict_nointerp", ("03_gaps",)), ("avg", ("x3_subpixel",))]
)
def test_the_obvious_implementation_reproduces_them_too(variant: str, names: tuple[str, ...], tmp_path: Path) -> None:
    baseline = Baseline(oracle.variant_package(variant, tmp_path))
    for name in names:
        found, want = baseline.predict(oracle.sequence_input(name), trigger=True), oracle.expected()["results"][variant][name]
        assert (found.is_positive, found.trigger_frame_index, found.trigger_tube_id) == (
            want["is_positive"],
            want["trigger_frame_index"],
            want["trigger_tube_id"],
        )
        for tube, recorded in zip(found.kept, want["kept"], strict=True):
            assert tube.logit == pytest.approx(recorded["logit"], abs=1e-4, rel=0)
            assert tube.probability == pytest.approx(recorded["probability"], abs=3e-5, rel=0)
            assert tube.first_crossing_frame == recorded["first_crossing_frame"]
