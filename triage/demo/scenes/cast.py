"""Cast: who watches what, and what happens there. Organizations, cameras, alerts and sequences of a synthetic world, drawn from a seed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np

from triage.demo.scenes.detector import make_detector
from triage.demo.scenes.nuisances import NUISANCES, Thing, make_nuisance
from triage.demo.scenes.plume import make_smoke
from triage.demo.scenes.stage import Alert, Stage, extents
from triage.demo.scenes.terrain import Terrain, make_terrain
from triage.demo.scenes.weather import make_weather
from triage.demo.world import World, iso
from triage.sequences import SMOKE_TYPES, Frame, Sequence, key_of, slug

__all__ = ["synthetic_world"]

_ORGANIZATIONS: tuple[tuple[str, str, float, float], ...] = (
    ("Forêt d'Ardèche", "pyronear_french", 44.63, 4.31),
    ("SDIS 07", "pyronear_french", 44.73, 4.60),
    ("Vallée de l'Hérault", "pyronear_french", 43.75, 3.53),
    ("CENIA Biobío", "api_cenia", -37.47, -72.35),
    ("Parc du Lubéron", "pyronear_french", 43.83, 5.36),
    ("High Sierra Watch", "alert_wildfire", 39.31, -119.93),
)
_PLACES = (
    "Croix de Bauzon", "Mont Gerbier", "La Serre", "Col de l'Œillon", "Brison", "Cerro Alto", "Peña Blanca", "Bald Ridge",
    "Tour du Moulin", "Sainte-Baume", "Pic Saint-Loup", "Le Crès", "Fairview", "Ñuble Norte",
)  # fmt: skip
_FIRST = datetime(2026, 6, 1, 5, 30, tzinfo=UTC)
#: How bright the day must be for some nuisances to be seen at all: from, to.
_DAYLIGHT: dict[str, tuple[float, float]] = {"light": (0.12, 0.5), "dark": (0.02, 0.09), "lens_flare": (0.8, 1.0), "rain": (0.5, 0.9)}


@dataclass(frozen=True, slots=True)
class _Camera:
    number: int
    organization: int
    name: str
    azimuth: int
    terrain: Terrain
    habit: str
    habit_seed: int


@dataclass(frozen=True, slots=True)
class _Role:
    """One object of an alert: what it is in truth, and where it is. group: of a recurring spot, None = not one."""

    smoke_type: str | None
    nuisance: str | None
    thing: Thing
    group: int | None


def synthetic_world(
    seed: int,
    sequences: int = 60,
    size: tuple[int, int] = (1280, 720),
    *,
    smoke_share: float = 0.35,
    frames: tuple[int, int] = (3, 25),
    cameras: int | None = None,
    objects: tuple[float, ...] = (0.8, 0.15, 0.05),
    annotated: float = 0.0,
) -> World:
    """A world of `sequences` sequences drawn from `seed`; the same arguments give the same bytes.

    size: of the images, (width, height) in pixels. smoke_share: of the alerts that show smoke. frames: fewest and most per sequence;
    the mean is about half of the most. cameras: None = one for five sequences. objects: how often an alert has one, two, three ...
    objects, and so many sequences; they add up to 1. annotated: the share that is annotated already.
    """
    rng = np.random.default_rng([seed, 17])
    views = [_camera(rng, number, size) for number in range(cameras or max(3, round(sequences / 5)))]
    rows: list[Sequence] = []
    alerts: list[Alert] = []
    where: dict[str, tuple[int, int]] = {}
    begin, detection_id = _FIRST, 0
    while len(rows) < sequences:
        camera = views[int(rng.integers(len(views)))]
        begin += timedelta(seconds=int(rng.exponential(1500)) + 20)
        alert, roles = _alert(rng, camera, int(rng.integers(2**31)), smoke_share, frames, objects)
        times = [begin + timedelta(seconds=value) for value in alert.seconds]
        keys = [f"detections/{slug(camera.name)}/{when:%Y%m%d_%H%M%S}_{len(alerts):05d}.jpg" for when in times]
        where.update((key, (len(alerts), number)) for number, key in enumerate(keys))
        for role in roles[: sequences - len(rows)]:
            detector = make_detector(int(rng.integers(2**31)), lucky=role.smoke_type is not None)
            boxes = detector.boxes(extents(alert, role.thing), size)
            records = []
            for when, bucket_key, found in zip(times, keys, boxes, strict=True):
                detection_id += 1
                records.append(Frame(f"images/detection_{detection_id}.jpg", detection_id, iso(when), bucket_key, boxes=found))
            rows.append(_row(rng, len(rows) + 1, camera, role, records, len(alerts)))
        alerts.append(alert)
    stage = Stage()

    def image(bucket_key: str) -> bytes:
        number, frame = where[bucket_key]
        return stage.render(alerts[number], frame)

    done = {row.sequence_id: "annotated" for row in rows if rng.random() < annotated}
    return World(tuple(_without_lonely_groups(rows)), image, done, rendered=True)


def _camera(rng: np.random.Generator, number: int, size: tuple[int, int]) -> _Camera:
    organization = int(rng.integers(len(_ORGANIZATIONS))) if number >= 3 else number
    kinds = ("antenna", "building", "water_body", "other", "tree", "cliff", "road")
    return _Camera(
        number=number,
        organization=organization,
        name=f"{_PLACES[number % len(_PLACES)]} {number // len(_PLACES) + 1}",
        azimuth=int(rng.integers(0, 72)) * 5,
        terrain=make_terrain(int(rng.integers(2**31)), size, max(4, round(16 * size[0] / 1280))),
        habit=kinds[int(rng.integers(len(kinds)))],
        habit_seed=int(rng.integers(2**31)),
    )


def _alert(
    rng: np.random.Generator, camera: _Camera, seed: int, smoke_share: float, frames: tuple[int, int], objects: tuple[float, ...]
) -> tuple[Alert, list[_Role]]:
    count = int(np.clip(round(rng.gamma(2.6, frames[1] / 5.2)), *frames))
    step = float(rng.choice((30, 60), p=(0.85, 0.15)))
    seconds = tuple(float(value) for value in np.round(np.arange(count) * step + np.concatenate(([0], rng.integers(-1, 3, count - 1)))))
    count_of_objects = int(rng.choice(len(objects), p=objects)) + 1
    roles: list[_Role] = []
    for number in range(count_of_objects):
        role = None
        if number == 0 and rng.random() < smoke_share:
            role = _smoke(rng, camera, seed, seconds)
        for attempt in range(6):
            role = role or _nuisance(rng, camera, seed + number + 1000 * attempt, spoils=not roles)
            if not _overlaps(role, roles, camera.terrain, seconds):
                break
            role = None
        if role is not None:
            roles.append(role)
    bright: tuple[float, float] | None = next((_DAYLIGHT[role.nuisance] for role in roles if role.nuisance in _DAYLIGHT), None)
    weather = make_weather(seed, daylight=None if bright is None else float(rng.uniform(*bright)))
    bystander = _bystander(rng, camera, seed, has_smoke=any(role.smoke_type for role in roles))
    things = (*(role.thing for role in roles), *bystander)
    return Alert(camera.terrain, weather, things, seconds), roles


def _nuisance(rng: np.random.Generator, camera: _Camera, seed: int, *, spoils: bool) -> _Role:
    """One false positive. spoils: it may be one that spoils the whole image (night, rain): not where something else is to be seen."""
    if rng.random() < 0.25:
        word, thing = make_nuisance(camera.habit, camera.habit_seed, camera.terrain)
        return _Role(None, word, thing, camera.number + 1)
    kinds = list(NUISANCES)
    odds = np.array(list(NUISANCES.values()))
    if not spoils:
        odds = odds * np.array([kind not in ("dark", "rain", "light") for kind in kinds])
    word, thing = make_nuisance(str(rng.choice(kinds, p=odds / odds.sum())), seed, camera.terrain)
    return _Role(None, word, thing, None)


def _overlaps(role: _Role, others: list[_Role], terrain: Terrain, seconds: tuple[float, ...]) -> bool:
    """Whether it is ever in front of or behind another: each object of an alert has a place of its own."""
    for other in others:
        for moment in seconds:
            a, b = role.thing.extent(terrain, moment), other.thing.extent(terrain, moment)
            if a is not None and b is not None and a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]:
                return True
    return False


def _bystander(rng: np.random.Generator, camera: _Camera, seed: int, *, has_smoke: bool) -> tuple[Thing, ...]:
    """Something else in view that nobody framed: a cloud, a drop on the lens. Also beside smoke, so that it tells nothing."""
    if rng.random() > 0.25:
        return ()
    kind: Literal["high_cloud", "lens_droplet", "low_cloud", "trail"]
    kind = ("high_cloud", "lens_droplet", "low_cloud", "trail")[int(rng.integers(4))]
    if has_smoke and kind == "low_cloud":
        kind = "high_cloud"
    return (make_nuisance(kind, seed + 77, camera.terrain)[1],)


def _smoke(rng: np.random.Generator, camera: _Camera, seed: int, seconds: tuple[float, ...]) -> _Role:
    smoke_type = str(rng.choice(SMOKE_TYPES, p=(0.8, 0.12, 0.08)))
    late = rng.random() < 0.25 and len(seconds) > 4
    first_seen = float(rng.uniform(0, seconds[len(seconds) // 3])) if late else -float(rng.uniform(20, 400))
    return _Role(smoke_type, None, make_smoke(seed, camera.terrain, first_seen=first_seen, industrial=smoke_type == "industrial"), None)


def _row(rng: np.random.Generator, sequence_id: int, camera: _Camera, role: _Role, records: list[Frame], alert: int) -> Sequence:
    name, source_api, lat, lon = _ORGANIZATIONS[camera.organization]
    # The platform scored some of them, not very well.
    scored = rng.random() < 0.4
    platform = float(np.clip(rng.normal(0.62 if role.smoke_type else 0.4, 0.22), 0.01, 0.99))
    last = datetime.fromisoformat(records[-1].recorded_at or "")
    return Sequence(
        key=key_of(sequence_id),
        sequence_id=sequence_id,
        frames=tuple(records),
        source_api=source_api,
        label="smoke" if role.smoke_type else "fp",
        smoke_types=(role.smoke_type,) if role.smoke_type else (),
        false_positive_types=(role.nuisance,) if role.nuisance else (),
        camera_id=100 + camera.number,
        camera_name=camera.name,
        organization_id=2 + camera.organization,
        organization_name=name,
        azimuth=float(camera.azimuth),
        lat=round(lat + camera.number * 0.013, 4),
        lon=round(lon + camera.number * 0.017, 4),
        started_at=records[0].recorded_at,
        last_seen_at=iso(last + timedelta(seconds=30)),
        platform_alert_id=1000 + alert,
        sequence_group_id=role.group,
        temporal_model_score=round(platform, 4) if scored else None,
    )


def _without_lonely_groups(rows: list[Sequence]) -> list[Sequence]:
    counts = Counter(row.sequence_group_id for row in rows)
    return [replace(row, sequence_group_id=None) if counts[row.sequence_group_id] == 1 else row for row in rows]
