"""World: what an annotator at home serves. Sequences with their truth, the stage each is in, and the images behind the bucket keys.

No HTTP here (see `server`) and no rendering (see `scenes`); `replay` makes a World of a store. `write_world` writes a store without
any HTTP, for training and tests.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PIL import Image

from triage.files import sha256_bytes
from triage.progress import Progress
from triage.sequences import Box, Frame, Sequence, key_of
from triage.store import Store

__all__ = ["READY", "World", "iso", "plain_jpeg", "plain_world", "write_world"]

READY = "ready_to_annotate"


@dataclass(frozen=True, slots=True)
class World:
    """Sequences with their truth, and a way to their images.

    sequences: ascending by id. `label`, `smoke_types`, `false_positive_types` hold the truth ("unknown" = not known); the server
    shows it only for annotated ones. Frames carry boxes; their `sha256` and `size` are not known before the image is made.
    image: bucket_key -> JPEG bytes; the same key gives the same bytes. Raises KeyError for keys that no frame has.
    stages: sequence id -> stage; absent = ready to annotate.
    rendered: whether `image` takes real time, so that a server must not wait for it in its loop.
    """

    sequences: tuple[Sequence, ...]
    image: Callable[[str], bytes]
    stages: Mapping[int, str] = field(default_factory=dict)
    rendered: bool = False

    @property
    def frame_count(self) -> int:
        """Frames over all sequences (an image that siblings share counts for each)."""
        return sum(len(sequence.frames) for sequence in self.sequences)


def write_world(world: World, store_root: Path, *, labelled: bool = True) -> int:
    """Write `world` as a store under `store_root` (the `sequences` directory), as pull would, and return the number of sequences.

    labelled False writes every label as "unknown", as for sequences that nobody annotated. A sequence that is there is kept as it is.
    """
    store = Store(store_root)
    with Progress("write scenes", total=len(world.sequences), unit="sequence") as progress:
        for sequence in world.sequences:
            if sequence.key not in store:
                pictures = [world.image(frame.bucket_key or "") for frame in sequence.frames]
                frames = tuple(
                    replace(frame, sha256=sha256_bytes(data), size=len(data)) for frame, data in zip(sequence.frames, pictures, strict=True)
                )
                whole = replace(sequence, frames=frames)
                if not labelled:
                    whole = replace(whole, label="unknown", smoke_types=(), false_positive_types=())
                store.write_sequence(whole, pictures)
            progress.advance()
    return len(world.sequences)


def plain_jpeg(size: tuple[int, int] = (64, 36), shade: int = 128) -> bytes:
    """A one-colour JPEG, for worlds whose pictures do not matter."""
    buffer = io.BytesIO()
    Image.new("RGB", size, (shade, shade, shade)).save(buffer, "JPEG", quality=75)
    return buffer.getvalue()


def plain_world(
    sequences: int,
    *,
    frames: int = 0,
    image: bytes | None = None,
    alert_size: int = 1,
    start: datetime = datetime(2026, 5, 1, 8, tzinfo=UTC),
    apart: timedelta = timedelta(minutes=7),
) -> World:
    """A world of `sequences` rows with `frames` frames each that all show `image`: for listings of 200,000 rows and for benchmarks.

    alert_size: so many consecutive sequences form one alert, share `recorded_at` and bucket keys. `apart`: time between alerts.
    Every third sequence is smoke.
    """
    picture = image if image is not None else plain_jpeg()
    known: set[str] = set()
    rows = []
    for index in range(sequences):
        sequence_id, alert = index + 1, index // alert_size
        begin = start + alert * apart
        smoke = index % 3 == 0
        records = []
        for number in range(frames):
            when = begin + timedelta(seconds=30 * number)
            bucket_key = f"detections/alert_{alert + 1}/{when:%Y%m%d_%H%M%S}.jpg"
            known.add(bucket_key)
            left = 0.1 + 0.2 * (index % alert_size)
            detection_id = index * frames + number + 1
            box = Box((left, 0.4, left + 0.1, 0.5), 0.5, "smoke")
            records.append(Frame(f"images/detection_{detection_id}.jpg", detection_id, iso(when), bucket_key, boxes=(box,)))
        camera = alert % 6
        rows.append(
            Sequence(
                key=key_of(sequence_id),
                sequence_id=sequence_id,
                frames=tuple(records),
                source_api="pyronear_french",
                label="smoke" if smoke else "fp",
                smoke_types=("wildfire",) if smoke else (),
                false_positive_types=() if smoke else ("other",),
                camera_id=100 + camera,
                camera_name=f"cam-{camera:02d}",
                organization_id=2 + camera % 3,
                organization_name=("sdis-07", "Forêt d'Ardèche", "CENIA")[camera % 3],
                azimuth=float(45 * camera),
                lat=44.1,
                lon=4.2,
                started_at=iso(begin),
                last_seen_at=iso(begin + timedelta(seconds=30 * frames)),
                platform_alert_id=1000 + alert,
            )
        )

    def look_up(bucket_key: str) -> bytes:
        if bucket_key not in known:
            raise KeyError(bucket_key)
        return picture

    return World(tuple(rows), look_up)


def iso(when: datetime) -> str:
    """A time as the store writes it: ISO 8601, UTC, whole seconds."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")
