"""Scenes: the same seed gives the same bytes; smoke changes and is anchored; nuisances are many; boxes flicker as a detector's do."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from triage.demo.scenes import World, synthetic_world, write_world
from triage.demo.scenes.detector import Detector
from triage.demo.scenes.plume import make_fog, make_smoke
from triage.demo.scenes.stage import Alert, Stage, extents
from triage.demo.scenes.terrain import make_terrain
from triage.demo.scenes.weather import make_weather
from triage.sequences import FALSE_POSITIVE_TYPES, SMOKE_TYPES, Sequence
from triage.store import Store

SMALL = (320, 180)


@pytest.fixture(scope="module")
def world() -> World:
    return synthetic_world(7, 40, SMALL)


@pytest.fixture(scope="module")
def plan() -> World:
    """Many sequences; nothing of it is rendered."""
    return synthetic_world(3, 400, SMALL)


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.float32)


def test_the_same_seed_gives_the_same_sequences_and_bytes(world: World) -> None:
    again = synthetic_world(7, 40, SMALL)
    assert again.sequences == world.sequences
    for index in (3, 17, 30):
        key = world.sequences[index].frames[1].bucket_key or ""
        assert again.image(key) == world.image(key)


def test_another_seed_gives_another_world(world: World) -> None:
    other = synthetic_world(8, 40, SMALL)
    assert other.sequences != world.sequences
    assert other.image(other.sequences[0].frames[0].bucket_key or "") != world.image(world.sequences[0].frames[0].bucket_key or "")


def test_a_frame_does_not_depend_on_what_was_rendered_before(world: World) -> None:
    frames = world.sequences[5].frames
    forwards = [world.image(frame.bucket_key or "") for frame in frames]
    fresh = synthetic_world(7, 40, SMALL)
    backwards = [fresh.image(frame.bucket_key or "") for frame in reversed(frames)]
    assert forwards == backwards[::-1]


def test_images_are_jpegs_of_the_asked_size(world: World) -> None:
    data = world.image(world.sequences[0].frames[0].bucket_key or "")
    assert data.startswith(b"\xff\xd8")
    assert data.endswith(b"\xff\xd9")
    assert Image.open(io.BytesIO(data)).size == SMALL


def test_an_unknown_bucket_key_is_a_key_error(world: World) -> None:
    with pytest.raises(KeyError):
        world.image("detections/nowhere.jpg")


def test_truth_is_in_the_annotators_words_with_at_least_eight_kinds_of_nuisance(plan: World) -> None:
    smoke = {name for sequence in plan.sequences for name in sequence.smoke_types}
    others = {name for sequence in plan.sequences for name in sequence.false_positive_types}
    assert smoke <= set(SMOKE_TYPES)
    assert others <= set(FALSE_POSITIVE_TYPES)
    assert len(others) >= 12
    for sequence in plan.sequences:
        assert (sequence.label == "smoke") == bool(sequence.smoke_types) != bool(sequence.false_positive_types)


def test_about_a_third_is_smoke(plan: World) -> None:
    share = sum(sequence.label == "smoke" for sequence in plan.sequences) / len(plan.sequences)
    assert 0.2 < share < 0.45


def test_sequences_have_three_to_twenty_five_frames_in_time_order(plan: World) -> None:
    counts = [len(sequence.frames) for sequence in plan.sequences]
    assert (min(counts), max(counts)) == (3, 25)
    assert 10 < np.mean(counts) < 14
    for sequence in plan.sequences:
        times = [frame.recorded_at or "" for frame in sequence.frames]
        assert times == sorted(times)
        assert len(set(times)) == len(times)


def test_siblings_share_alert_times_and_images_under_other_detection_ids(plan: World) -> None:
    alerts: dict[object, list[Sequence]] = {}
    for sequence in plan.sequences:
        alerts.setdefault(sequence.alert, []).append(sequence)
    families = [rows for rows in alerts.values() if len(rows) > 1]
    assert len(families) > 20
    for rows in families:
        keys = [[frame.bucket_key for frame in row.frames] for row in rows]
        assert all(row.started_at == rows[0].started_at for row in rows)
        assert all(other == keys[0] for other in keys)
        ids = [frame.detection_id for row in rows for frame in row.frames]
        assert len(set(ids)) == len(ids)


def test_objects_of_one_alert_do_not_hide_each_other(plan: World) -> None:
    alerts: dict[object, list[Sequence]] = {}
    for sequence in plan.sequences:
        alerts.setdefault(sequence.alert, []).append(sequence)
    apart, together = 0, 0
    for first, second in (rows[:2] for rows in alerts.values() if len(rows) > 1):
        for one, other in zip(first.frames, second.frames, strict=True):
            for (a, b, c, d), (e, f, g, h) in ((x.xyxyn, y.xyxyn) for x in (one.boxes or ())[:1] for y in (other.boxes or ())[:1]):
                meet = max(0.0, min(c, g) - max(a, e)) * max(0.0, min(d, h) - max(b, f))
                crossing = meet > 0.3 * min((c - a) * (d - b), (g - e) * (h - f))
                apart, together = apart + (not crossing), together + crossing
    assert apart > 50
    assert together < 0.03 * apart


def test_a_camera_has_one_place_one_azimuth_and_one_organization(plan: World) -> None:
    facts = {(row.camera_id, row.camera_name, row.azimuth, row.organization_name, row.lat) for row in plan.sequences}
    assert len(facts) == len({row.camera_id for row in plan.sequences})
    assert "Forêt d'Ardèche" in {row.organization_name for row in plan.sequences}


def test_some_nuisances_return_to_the_same_spot_of_their_camera(plan: World) -> None:
    groups: dict[int, list[Sequence]] = {}
    for row in plan.sequences:
        if row.sequence_group_id is not None:
            groups.setdefault(row.sequence_group_id, []).append(row)
    assert len(groups) >= 10
    for rows in groups.values():
        assert len({row.camera_id for row in rows}) == 1
        boxes = np.array([box.cxcywh for row in rows for frame in row.frames for box in (frame.boxes or ())[:1] if box.confidence > 0.3])
        if len(boxes) > 5:
            assert np.median(np.abs(boxes[:, :2] - np.median(boxes[:, :2], axis=0))) < 0.06


def test_boxes_flicker_like_a_detectors(plan: World) -> None:
    frames = [frame for sequence in plan.sequences for frame in sequence.frames]
    without = sum(not frame.boxes for frame in frames) / len(frames)
    second = sum(len(frame.boxes or ()) > 1 for frame in frames) / len(frames)
    assert 0.03 < without < 0.4
    assert 0 < second < 0.1
    for frame in frames:
        for box in frame.boxes or ():
            x1, y1, x2, y2 = box.xyxyn
            assert 0 <= x1 < x2 <= 1
            assert 0 <= y1 < y2 <= 1
            assert 0 < box.confidence < 1


def test_nearly_every_sequence_has_boxes_to_be_judged_by(plan: World) -> None:
    empty = sum(sum(bool(frame.boxes) for frame in sequence.frames) < 2 for sequence in plan.sequences)
    assert empty < 0.05 * len(plan.sequences)


def test_a_detector_that_never_errs_draws_what_is_there() -> None:
    exact = Detector(jitter=0.0, miss=0.0, level=0.5, extra=0.0, seed=1)
    (first,), none = exact.boxes([(32.0, 18.0, 96.0, 90.0), None], SMALL)
    assert first.xyxyn == pytest.approx((0.1, 0.1, 0.3, 0.5), abs=0.01)
    assert none == ()


def test_the_first_frames_carry_the_alert_however_often_the_detector_misses() -> None:
    blind = Detector(jitter=0.0, miss=1.0, level=0.5, extra=0.0, seed=1)
    rect = (32.0, 18.0, 96.0, 90.0)
    assert [len(found) for found in blind.boxes([rect] * 6, SMALL)] == [1, 1, 0, 0, 0, 0]
    assert [len(found) for found in blind.boxes([None, rect, None, rect, rect], SMALL)] == [0, 1, 0, 1, 0]


def smoky(seed: int, **changes: float) -> Alert:
    terrain = make_terrain(11, SMALL, 4)
    plume = make_smoke(seed, terrain, first_seen=60.0)
    return Alert(terrain, make_weather(5, daylight=1.0), (plume,), (0.0, 90.0, 150.0, 240.0))


def test_smoke_is_not_there_before_it_begins_and_is_afterwards() -> None:
    alert = smoky(21)
    found = extents(alert, alert.things[0])
    assert found[0] is None
    assert all(rect is not None for rect in found[1:])


def test_smoke_changes_the_picture_where_its_extent_is() -> None:
    for seed in range(21, 31):
        alert = smoky(seed)
        bare = Alert(alert.terrain, alert.weather, (), alert.seconds)
        rect = extents(alert, alert.things[0])[3]
        assert rect is not None
        with_smoke, without = (pixels(Stage().render(each, 3)) for each in (alert, bare))
        changed = np.abs(with_smoke - without).mean(axis=2)
        x1, y1, x2, y2 = (round(value) for value in rect)
        inside = changed[y1 : y2 + 1, x1 : x2 + 1].mean()
        changed[max(0, y1 - 12) : y2 + 12, max(0, x1 - 12) : x2 + 12] = 0
        assert inside > 2 * changed.mean() + 0.3


def test_what_is_framed_can_be_seen() -> None:
    """Also thin smoke: at its thickest it differs from what is behind it by more than noise does."""
    found = []
    for seed in range(40, 70):
        alert = smoky(seed)
        bare = Alert(alert.terrain, alert.weather, (), alert.seconds)
        for number, rect in enumerate(extents(alert, alert.things[0])):
            if rect is None:
                continue
            with_smoke, without = (pixels(Stage().render(each, number)).mean(axis=2) for each in (alert, bare))
            x1, y1, x2, y2 = (round(value) for value in rect)
            changed = np.abs(with_smoke - without)[y1 : y2 + 1, x1 : x2 + 1]
            found.append(float(np.quantile(changed, 0.95)))
    assert len(found) > 60
    assert min(found) > 4
    assert np.mean(np.array(found) > 10) > 0.9


def test_smoke_is_framed_only_once_it_covers_something() -> None:
    terrain = make_terrain(11, SMALL, 4)
    plume = replace(make_smoke(21, terrain, first_seen=0.0), begin=0.0, ramp=400.0, life=60.0)
    found = [plume.extent(terrain, seconds) is not None for seconds in (0.0, 2.0, 300.0, 500.0)]
    assert found[:2] == [False, False]
    assert found[-1]


def test_nothing_rises_behind_a_tree_or_a_pole() -> None:
    rng = np.random.default_rng(0)
    tried = 0
    for seed in range(30):
        terrain = make_terrain(seed, SMALL, 4)
        before = [feature.rect for feature in terrain.features if feature.look in ("tree", "pole")]
        covered = np.zeros(terrain.width, bool)
        for x1, _, x2, _ in before:
            covered[max(0, int(x1)) : int(x2) + 1] = True
        if before and covered.mean() < 0.5:
            spots = [terrain.spot(rng)[0] for _ in range(20)]
            assert sum(any(x1 <= x <= x2 for x1, _, x2, _ in before) for x in spots) == 0
            tried += 1
    assert tried > 5


def test_smoke_stands_on_one_place_and_changes_its_shape_while_fog_keeps_it() -> None:
    terrain = make_terrain(11, SMALL, 4)
    smoke, fog = make_smoke(3, terrain, first_seen=-1000.0), make_fog(3, terrain)
    early, late = smoke.puffs(0.0), smoke.puffs(300.0)
    assert float(np.abs(early[0] - late[0]).max()) > 1
    sources = [float(np.average(x, weights=1 / radius**4)) for x, _, radius, _ in (early, late)]
    assert abs(sources[0] - sources[1]) < 0.25 * smoke.height
    before, after = fog.puffs(0.0), fog.puffs(300.0)
    assert np.allclose(np.diff(before[0]), np.diff(after[0]))


def test_weather_varies_light_noise_and_quality() -> None:
    many = [make_weather(seed) for seed in range(200)]
    assert {weather.overlay for weather in many} == set(range(6))
    assert min(weather.daylight for weather in many) < 0.5
    assert max(weather.quality for weather in many) - min(weather.quality for weather in many) > 30
    assert any(weather.shake > 1 for weather in many)
    assert any(weather.first_quality for weather in many)


def test_a_world_can_be_written_as_a_store_without_http(tmp_path: Path) -> None:
    world = synthetic_world(9, 3, (160, 90), frames=(3, 4))
    assert write_world(world, tmp_path / "with") == 3
    write_world(world, tmp_path / "without", labelled=False)
    store, unlabelled = Store(tmp_path / "with"), Store(tmp_path / "without")
    for sequence in world.sequences:
        assert store.check(sequence.key) == []
        assert store.sequence(sequence.key).label == sequence.label
        assert store.sequence(sequence.key).frames[0].boxes == sequence.frames[0].boxes
        assert unlabelled.sequence(sequence.key).label == "unknown"
        assert unlabelled.sequence(sequence.key).false_positive_types == ()


def test_writing_a_world_again_keeps_what_is_there(tmp_path: Path) -> None:
    world = synthetic_world(9, 2, (160, 90), frames=(3, 3))
    write_world(world, tmp_path)
    metas = sorted(tmp_path.rglob("meta.json"))
    before = [path.stat().st_mtime_ns for path in metas]
    write_world(world, tmp_path)
    assert [path.stat().st_mtime_ns for path in metas] == before
