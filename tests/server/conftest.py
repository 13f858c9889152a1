"""A small data directory written through the real report and store, and a client of a real server on loopback."""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image, ImageDraw

from triage.config import Layout
from triage.predictions import KeptTube, Prediction, TubeEntry
from triage.report import Dropped, Failure, Heading, Scored, build_report
from triage.sequences import Box, Frame, Sequence, key_of
from triage.server import create_app
from triage.server.serve import Server, bind
from triage.store import Store

VARIANT = "tiny-0-1-0"
SIZE = (320, 180)
CONFIG = {
    "manifest": {"format_version": 1, "variant": "tiny", "model_version": "0.1.0"},
    "config": {
        "model_input": {"context_factor": 1.5, "patch_size": 64},
        "decision": {"aggregation": "logistic", "logistic_threshold": 0.5, "threshold": 0.1},
    },
}
HOSTILE = "<script>alert(1)</script> \"'&"


def jpeg(shade: int, size: tuple[int, int] = SIZE) -> bytes:
    """A frame that is one shade, with a white square in the middle."""
    image = Image.new("RGB", size, (shade, shade, shade))
    ImageDraw.Draw(image).rectangle((size[0] // 2 - 10, size[1] // 2 - 10, size[0] // 2 + 10, size[1] // 2 + 10), fill=(255, 255, 255))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    return file.getvalue()


def sequence(number: int, num_frames: int = 3, **more: object) -> Sequence:
    box = Box((0.45, 0.45, 0.55, 0.55), 0.5, "smoke")
    frames = tuple(
        Frame(
            f"images/detection_{number * 100 + index}.jpg", number * 100 + index, f"2026-05-01T10:{index:02}:00Z", f"k{index}", boxes=(box,)
        )
        for index in range(num_frames)
    )
    names = {"organization_name": "SDIS 07", "camera_name": "Mont Ventoux", "azimuth": 45.0, "source_api": "pyronear_french"}
    times = {"started_at": f"2026-05-01T10:{number:02}:00Z", "last_seen_at": f"2026-05-01 11:{number:02}:00+00:00"}
    made = Sequence(key=key_of(number), sequence_id=number, frames=frames, platform_alert_id=900 + number, **names, **times)  # type: ignore[arg-type]
    return replace(made, **more)  # type: ignore[arg-type]


def prediction(num_frames: int = 3, probability: float = 0.8) -> Prediction:
    """Two tubes over frames padded to `num_frames` + 2 slots; the second one decides."""
    slots = (0, *range(num_frames), num_frames - 1)

    def tube(tube_id: int, chance: float) -> KeptTube:
        entries = tuple(TubeEntry(slot, (0.5, 0.5, 0.1, 0.1), slot == 2, 0.0 if slot == 2 else 0.5) for slot in range(len(slots)))
        return KeptTube(tube_id, 0, len(slots) - 1, chance * 4, chance, 1, (0.5, 0.5, 0.1, 0.1), entries)

    return Prediction(
        num_frames_input=num_frames,
        num_truncated=0,
        padded_frame_indices=(0, num_frames + 1),
        slots=slots,
        num_candidates=3,
        kept=(tube(0, probability / 2), tube(1, probability)),
        aggregation="logistic",
        threshold=0.5,
        is_positive=probability >= 0.5,
        trigger_frame_index=1,
        trigger_tube_id=1,
    )


def write_world(root: Path) -> Layout:
    """1 review, 2 unlabeled, 3 held without a tube, 4 hostile names, 5 same alert as 1, 6 missing frames, 7 failed; 8 has no images."""
    layout = Layout(root)
    store = Store(layout.sequences)
    none_kept = replace(prediction(), kept=(), trigger_frame_index=None, trigger_tube_id=None, is_positive=False)
    world: list[tuple[Sequence, Prediction | Failure]] = [
        (sequence(1, label="smoke", smoke_types=("wildfire",)), prediction()),
        (sequence(2), prediction(probability=0.1)),
        (sequence(3), none_kept),
        (sequence(4, camera_name=HOSTILE, organization_name="שלום" + "é" * 300), prediction(probability=0.35)),
        (sequence(5, platform_alert_id=901, camera_name="Other"), prediction(probability=0.6)),
        (sequence(6, platform_alert_id=None), prediction(probability=0.5)),
        (sequence(7, started_at=None), Failure("predict_failed", "one frame does not decode")),
    ]
    entries: list[Scored | Dropped] = []
    for made, result in world:
        store.write_sequence(made, [jpeg(40 * index) for index in range(len(made.frames))])
        entries.append(Scored(made, result, made.directory, {}))
    entries.append(Dropped(key_of(8), "no_images", "no frame could be read"))
    (store.directory(key_of(6)) / "images" / "detection_601.jpg").unlink()
    heading = Heading(VARIANT, "0.1.0", CONFIG, calibrated=True, threshold=0.35)
    build_report(layout.reports, root.name, heading, entries)
    return layout


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """Read it only."""
    return write_world(tmp_path_factory.mktemp("server") / "data")


@pytest.fixture
def own_world(tmp_path: Path) -> Layout:
    """One to be damaged."""
    return write_world(tmp_path / "data")


@contextlib.contextmanager
def running(layout: Layout, **more: Any) -> Iterator[httpx.Client]:
    """The application on a real socket of loopback, and a client of it."""
    sock = bind("127.0.0.1", 0)
    port = sock.getsockname()[1]
    options = {"host": "127.0.0.1", "page": None, **more}
    ready = threading.Event()
    server = Server(create_app(layout, port=port, **options), ready.set)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
    thread.start()
    try:
        assert ready.wait(20)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(10)
        sock.close()


@pytest.fixture(scope="session")
def client(world: Layout) -> Iterator[httpx.Client]:
    with running(world) as made:
        yield made
