"""The stream: the same numbers as the obvious implementation, the same bits in any company, a named outcome for every bad input."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.benchmarks.baseline import Baseline
from tests.model import small
from triage.errors import BadFrame, BadSetting
from triage.model import Failed, FrameInput, Package, Predictor, Scored, SequenceInput, rescore, rescore_many
from triage.predictions import Prediction


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return small.small_package(tmp_path_factory.mktemp("package") / "model.zip")


def run(package: Package, *items: SequenceInput, **settings: object) -> list[Scored | Failed]:
    predictor = Predictor(package, device="cpu", **{"threads": 2, **settings})  # type: ignore[arg-type]
    keys, outcomes = zip(*predictor.predict_many(items), strict=True)
    assert list(keys) == [item.key for item in items]
    return list(outcomes)


def scored(package: Package, item: SequenceInput) -> Prediction:
    (outcome,) = run(package, item)
    assert isinstance(outcome, Scored)
    return outcome.prediction


MIXED = [
    small.steady("one", 1),
    small.steady("three", 3, first=10),
    small.sequence("none", [small.frame(0), small.frame(1)]),
    small.steady("two_tubes", 5, first=20, boxes=2),
    small.steady("long", 12, first=30),
    small.sequence("empty", []),
    small.steady("eight", 8, first=50, boxes=2),
    small.sequence("gap", [small.frame(60, small.box()), small.frame(61), small.frame(62, small.box(0.55))]),
]


def close(found: Prediction, want: Prediction) -> None:
    assert (found.num_candidates, found.is_positive, found.trigger_frame_index, found.trigger_tube_id) == (
        want.num_candidates,
        want.is_positive,
        want.trigger_frame_index,
        want.trigger_tube_id,
    )
    assert (found.slots, found.padded_frame_indices, len(found.kept)) == (want.slots, want.padded_frame_indices, len(want.kept))
    for a, b in zip(found.kept, want.kept, strict=True):
        assert (a.tube_id, a.entries, a.stabilized_window, a.first_crossing_frame) == (
            b.tube_id,
            b.entries,
            b.stabilized_window,
            b.first_crossing_frame,
        )
        assert a.logit == pytest.approx(b.logit, abs=1e-4)
        assert a.probability == pytest.approx(b.probability, abs=3e-5)


@pytest.mark.parametrize("pool", ["token", "avg"])
@pytest.mark.parametrize("interpolate", [True, False])
def test_the_stream_agrees_with_the_obvious_implementation(pool: str, interpolate: bool, tmp_path: Path) -> None:
    raw = small.config(classifier={"global_pool": pool}, tubes={"interpolate_gaps": interpolate})
    package = small.small_package(tmp_path / "model.zip", raw)
    baseline = Baseline(package)
    for item, outcome in zip(MIXED, run(package, *MIXED, batch_size=5), strict=True):
        assert isinstance(outcome, Scored)
        close(outcome.prediction, baseline.predict(item, trigger=True))


def test_a_vit_s_14_with_layer_scale_agrees_with_the_obvious_implementation(tmp_path: Path) -> None:
    raw = small.config(
        model_input={"patch_size": 56},
        classifier={
            "backbone": "vit_small_patch14_dinov2.lvd142m",
            "img_size": 56,
            "transformer_num_heads": 6,
            "transformer_ffn_dim": 1536,
            "embed_dim": None,
        },
    )
    package = small.small_package(tmp_path / "model.zip", raw)
    assert package.classifier.backbone.shape.layer_scale
    assert package.classifier.backbone.shape.heads == 6
    item = small.steady("dino", 4, boxes=2)
    (outcome,) = run(package, item)
    assert isinstance(outcome, Scored)
    close(outcome.prediction, Baseline(package).predict(item, trigger=True))


def test_more_entries_than_slots_count_but_are_not_looked_at(tmp_path: Path) -> None:
    raw = small.config(infer={"pad_to_min_frames": 11}, decision={"logistic_threshold": 0.99})
    package = small.small_package(tmp_path / "model.zip", raw)
    item = small.steady("surplus", 5)
    (outcome,) = run(package, item)
    assert isinstance(outcome, Scored)
    close(outcome.prediction, Baseline(package).predict(item, trigger=True))
    assert len(outcome.prediction.kept[0].entries) == 11
    assert len(outcome.features[0].rows) == 8


@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_the_bits_of_a_result_do_not_depend_on_its_neighbours(package: Package, batch_size: int) -> None:
    together = run(package, *MIXED, batch_size=batch_size)
    for order in (MIXED[::-1], MIXED[3:] + MIXED[:3]):
        again = dict(zip([item.key for item in order], run(package, *order, batch_size=batch_size), strict=True))
        for item, outcome in zip(MIXED, together, strict=True):
            other = again[item.key]
            assert isinstance(outcome, Scored)
            assert isinstance(other, Scored)
            assert outcome.prediction == other.prediction
            for a, b in zip(outcome.features, other.features, strict=True):
                assert np.array_equal(a.values, b.values)
    for item, outcome in zip(MIXED, together, strict=True):
        (alone,) = run(package, item, batch_size=batch_size, threads=1)
        assert isinstance(alone, Scored)
        assert isinstance(outcome, Scored)
        assert alone.prediction == outcome.prediction


def test_without_the_search_there_is_no_trigger(package: Package) -> None:
    (searched,) = run(package, small.steady("a", 6))
    (plain,) = run(package, small.steady("a", 6), trigger=False)
    assert isinstance(searched, Scored)
    assert isinstance(plain, Scored)
    assert searched.prediction.is_positive
    assert searched.prediction.trigger_frame_index is not None
    assert plain.prediction.trigger_frame_index is None
    assert plain.prediction.logit == searched.prediction.logit


def test_each_frame_is_loaded_once_and_only_where_a_tube_looks(package: Package) -> None:
    loaded: list[int] = []
    lock = threading.Lock()

    def frame(number: int, *boxes: object) -> FrameInput:
        def load() -> bytes:
            with lock:
                loaded.append(number)
            return small.jpeg(number)

        return FrameInput(f"frame_{number}", load, boxes)  # type: ignore[arg-type]

    left, right = small.box(0.25, w=0.2), small.box(0.75, w=0.2)
    frames = [frame(number, left, right) for number in range(4)] + [frame(4), frame(5), frame(6), *[frame(7 + n, left) for n in range(4)]]
    prediction = scored(package, small.sequence("x", frames))
    assert len(prediction.kept) == 2
    assert sorted(loaded) == [0, 1, 2, 3]


def test_equal_patches_are_computed_once(package: Package) -> None:
    still = small.jpeg(3)
    item = small.sequence("still", [small.frame(number, small.box(), data=still) for number in range(5)])
    (outcome,) = run(package, item)
    assert isinstance(outcome, Scored)
    assert outcome.features[0].values.shape == (1, 48)
    assert outcome.features[0].rows == (0,) * 6


def test_inputs_are_read_only_a_little_ahead(package: Package) -> None:
    read = 0

    def endless() -> Iterator[SequenceInput]:
        nonlocal read
        while True:
            read += 1
            yield small.steady(f"sequence_{read}", 3, first=read)

    stream = Predictor(package, device="cpu", threads=2, batch_size=4).predict_many(endless())
    for _ in range(50):
        next(stream)
    stream.close()
    assert read < 50 + 120


def test_an_error_of_the_input_passes_through(package: Package) -> None:
    def broken() -> Iterator[SequenceInput]:
        yield small.steady("a", 2)
        raise RuntimeError("a bug is not an outcome")

    with pytest.raises(RuntimeError, match="a bug is not an outcome"):
        list(Predictor(package, device="cpu", threads=1).predict_many(broken()))


def test_a_frame_that_does_not_decode_is_named_and_its_neighbours_are_scored(package: Package) -> None:
    def gone() -> bytes:
        raise BadFrame("images/detection_7.jpg: not there; pull it again")

    def locked() -> bytes:
        raise PermissionError(13, "Permission denied", "images/detection_8.jpg")

    good = small.steady("good", 4)
    frames = list(good.frames)
    items = [good]
    for key, load in {
        "cut": lambda: small.jpeg(1)[:400],
        "text": lambda: b"<html>not an image</html>",
        "nothing": lambda: b"",
        "gone": gone,
        "locked": locked,
    }.items():
        items.append(small.sequence(key, [*frames[:2], FrameInput("frame_2", load, frames[2].boxes), *frames[3:]]))
    outcomes = dict(zip([item.key for item in items], run(package, *items, good), strict=False))
    assert isinstance(outcomes["good"], Scored)
    for key, words in {
        "cut": "frame frame_2: does not decode",
        "text": "frame frame_2: does not decode",
        "nothing": "frame frame_2: does not decode",
        "gone": "images/detection_7.jpg: not there",
        "locked": "frame frame_2:",
    }.items():
        failed = outcomes[key]
        assert isinstance(failed, Failed)
        assert failed.reason == "frame_unreadable"
        assert words in failed.detail
        assert "\n" not in failed.detail


@pytest.mark.parametrize(
    ("box", "words"),
    [
        (small.box(x=float("nan")), "not finite"),
        (small.box(w=float("inf")), "not finite"),
        (small.box(confidence=float("nan")), "not finite"),
        (small.box(w=-0.1), "a negative size -0.1 x 0.4"),
        (small.box(x=640, y=360), "beyond 10, so not normalised"),
    ],
)
def test_a_senseless_box_fails_its_sequence(package: Package, box: object, words: str) -> None:
    frames = list(small.steady("x", 4).frames)
    frames[1] = FrameInput("frame_1", frames[1].load, (small.box(), box))  # type: ignore[arg-type]
    (outcome,) = run(package, small.sequence("x", frames))
    assert isinstance(outcome, Failed)
    assert outcome.reason == "bad_boxes"
    assert outcome.detail.startswith("frame frame_1: box 1 has ")
    assert words in outcome.detail


def test_boxes_without_area_never_become_a_tube(package: Package) -> None:
    flat = scored(package, small.sequence("flat", [small.frame(number, small.box(w=0)) for number in range(6)]))
    assert (flat.num_candidates, flat.kept, flat.probability) == (6, (), None)
    beside = scored(package, small.sequence("both", [small.frame(number, small.box(), small.box(w=0, h=0)) for number in range(6)]))
    assert len(beside.kept) == 1
    assert [entry.bbox for entry in beside.kept[0].entries] == [pytest.approx((0.5, 0.5, 0.3, 0.4))] * 6


def test_boxes_outside_the_image_give_black_patches_and_say_so(package: Package) -> None:
    outside = scored(package, small.sequence("x", [small.frame(number, small.box(x=2.0)) for number in range(6)]))
    assert outside.kept[0].empty_crops == (0, 1, 2, 3, 4, 5)
    partly = scored(package, small.sequence("x", [small.frame(number, small.box(x=0.98)) for number in range(6)]))
    assert partly.kept[0].empty_crops == ()


@pytest.mark.parametrize("count", [1, 500])
def test_one_frame_and_five_hundred(package: Package, count: int) -> None:
    data = small.jpeg(0)
    prediction = scored(package, small.sequence("x", [small.frame(number, small.box(), data=data) for number in range(count)]))
    assert prediction.num_frames_input == count
    assert prediction.num_truncated == max(0, count - 8)
    assert prediction.probability is not None


def test_images_of_every_kind_are_scored(package: Package) -> None:
    def saved(image: Image.Image, **options: Any) -> bytes:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", **options)
        return buffer.getvalue()

    base = Image.open(io.BytesIO(small.jpeg(5)))
    exif = Image.Exif()
    exif[0x0112] = 6
    kinds = {
        "grey": saved(base.convert("L")),
        "cmyk": saved(base.convert("CMYK")),
        "rotated": saved(base, exif=exif),
        "progressive": saved(base, progressive=True),
        "large": small.jpeg(2, (4608, 3456), subsampling=2),
    }
    items = [small.sequence(name, [small.frame(0, small.box(), data=data), small.frame(1, small.box())]) for name, data in kinds.items()]
    want = Baseline(package)
    for item, outcome in zip(items, run(package, *items), strict=True):
        assert isinstance(outcome, Scored), item.key
        close(outcome.prediction, want.predict(item, trigger=True))


def test_what_is_not_finite_is_an_outcome(tmp_path: Path) -> None:
    package = small.small_package(tmp_path / "model.zip")
    package.classifier.head.classifier.bias.fill_(float("inf"))
    (outcome,) = run(package, small.steady("x", 4))
    assert outcome == Failed("not_finite", "tube 0: logit inf")


def test_a_new_head_scores_kept_features(package: Package, tmp_path: Path) -> None:
    items = [item for item in MIXED if item.key != "none"] * 3
    first = [outcome for outcome in run(package, *items) if isinstance(outcome, Scored)]
    same = [rescore(outcome.prediction, outcome.features, package) for outcome in first]
    for before, after in zip(first, same, strict=True):
        want = before.prediction
        assert (after.trigger_frame_index, after.trigger_tube_id) == (want.trigger_frame_index, want.trigger_tube_id)
        for a, b in zip(before.prediction.kept, after.kept, strict=True):
            assert b.logit == pytest.approx(a.logit, abs=0.01)  # float16 features
            assert (a.entries, a.stabilized_window) == (b.entries, b.stabilized_window)
    places = ((f"{number}", outcome.prediction, outcome.features) for number, outcome in enumerate(first))
    assert [answer for _, answer in rescore_many(places, package, threads=2)] == same
    other = small.small_package(tmp_path / "other.zip", calibrator={**small.CALIBRATOR, "intercept": -3.0, "sanity_checks": []})
    assert other.backbone_digest == package.backbone_digest
    lower = rescore(first[0].prediction, first[0].features, other)
    assert (lower.probability or 0) < (same[0].probability or 0)


def test_bf16_stays_close(package: Package) -> None:
    (exact,) = run(package, small.steady("x", 6))
    (rough,) = run(package, small.steady("x", 6), precision="bf16")
    (again,) = run(package, small.steady("x", 6))
    assert isinstance(again, Scored)
    assert isinstance(exact, Scored)
    assert isinstance(rough, Scored)
    assert again.prediction == exact.prediction
    assert rough.prediction.probability != exact.prediction.probability
    assert rough.prediction.probability == pytest.approx(exact.prediction.probability, abs=0.05)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"device": "tpu"}, "device 'tpu': expected auto, cpu, cuda or mps"),
        ({"precision": "int8"}, "precision 'int8': expected fp32 or bf16"),
        ({"batch_size": 0}, "batch size 0: expected at least 1"),
        ({"threads": 0}, "threads 0: expected at least 1"),
        ({"decode": "magick"}, "decoder 'magick': expected auto, pillow or simplejpeg"),
    ],
)
def test_settings_are_checked(package: Package, settings: dict[str, object], words: str) -> None:
    with pytest.raises(BadSetting) as caught:
        Predictor(package, **settings)  # type: ignore[arg-type]
    assert words in str(caught.value)
