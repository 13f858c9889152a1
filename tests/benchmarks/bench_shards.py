"""Pack and unpack against `tar cf` and `tar xf` over the same files on the same disk; the no-op over 20,000 sequences; previews.

The big store is made in BENCH_SHARDS_DIR (default: the temporary directory) and removed afterwards. Its frames are random bytes of the
size that camera frames have: nothing in packing looks into them.
"""

from __future__ import annotations

import hashlib
import io
import os
import random
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from triage import progress
from triage.config import Layout
from triage.files import dump_json
from triage.sequences import Box, Frame, Sequence, key_of
from triage.shards.pack import pack
from triage.shards.strip import Shown, strip
from triage.shards.unpack import unpack

QUICK = bool(os.environ.get("BENCH_QUICK"))
RUNS = 3
FRAMES = 14
FRAME_BYTES = 87_000
SEQUENCES = 120 if QUICK else 1700
MANY = 500 if QUICK else 20_000
TARGET = 1_000_000_000


def write_store(layout: Layout, count: int, frame_bytes: int) -> None:
    """`count` sequences of 14 frames of about `frame_bytes`, over five organizations and forty cameras."""
    rng = random.Random(1)
    blob = rng.randbytes(4 << 20)
    for number in range(1, count + 1):
        frames = []
        images = []
        for at in range(FRAMES):
            size = int(frame_bytes * rng.uniform(0.6, 1.4))
            start = rng.randrange(len(blob) - size)
            data = blob[start : start + size]
            images.append(data)
            box = Box((rng.random(), rng.random(), rng.random(), rng.random()), rng.random(), "smoke")
            frames.append(
                Frame(
                    f"images/detection_{number * 100 + at}.jpg",
                    number * 100 + at,
                    f"2026-05-01T10:00:{at:02d}+00:00",
                    f"bucket/{number}/{at}",
                    hashlib.sha256(data).hexdigest(),
                    size,
                    (box, box),
                )
            )
        sequence = Sequence(
            key_of(number),
            number,
            tuple(frames),
            organization_name=f"Organization {number % 5}",
            camera_name=f"Camera {number % 40}",
            started_at=f"2026-05-01T10:{number % 60:02d}:00+00:00",
        )
        place = layout.sequences / sequence.directory
        (place / "images").mkdir(parents=True)
        for frame, data in zip(frames, images, strict=True):
            (place / frame.file).write_bytes(data)
        (place / "meta.json").write_bytes(dump_json(sequence.to_meta()))


def drop_caches() -> bool:
    """Forget the page cache; False = not allowed here."""
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3\n")
    except OSError:
        return False
    return True


def timed(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def tar(*arguments: str | Path) -> None:
    subprocess.run(["tar", *map(str, arguments)], check=True)


def compare(root: Path, cold: bool) -> dict[str, list[float]]:
    """Seconds of each contestant, in turns, so that a slow minute of the machine hits all of them."""
    layout, seconds = Layout(root / "data"), dict[str, list[float]]()

    def measure(name: str, action: Callable[[], object], *remove: Path) -> None:
        for path in remove:
            shutil.rmtree(path, ignore_errors=True)
            path.unlink(missing_ok=True) if not path.is_dir() else None
        if cold:
            drop_caches()
        else:
            os.sync()
        seconds.setdefault(name, []).append(timed(action))

    archive, loose, there = root / "all.tar", root / "loose", Layout(root / "there")
    for _ in range(RUNS):
        measure("tar cf", lambda: tar("cf", archive, "-C", layout.sequences, "."), archive)
        measure("triage pack", lambda: pack(layout, target_bytes=TARGET), layout.shards)
        measure("tar xf", lambda: (loose.mkdir(), tar("xf", archive, "-C", loose)), loose)
        measure("triage unpack", lambda: unpack(there, source=layout.shards), there.root)
        shutil.rmtree(loose)
        shutil.rmtree(there.root)
    return seconds


def main() -> str:
    progress.quiet()
    base = Path(tempfile.mkdtemp(prefix="bench-shards-", dir=os.environ.get("BENCH_SHARDS_DIR")))
    try:
        big = base / "big"
        write_store(Layout(big / "data"), SEQUENCES, FRAME_BYTES)
        gigabytes = sum(path.stat().st_size for path in Layout(big / "data").sequences.rglob("*") if path.is_file()) / 1e9
        lines = [
            "## Shards",
            "",
            f"{SEQUENCES} sequences, {SEQUENCES * FRAMES} frames, {gigabytes:.2f} GB; medians of {RUNS} runs, in turns.",
            "",
        ]
        lines += ["| cache | step | seconds | MB/s | of tar's rate |", "| --- | --- | ---: | ---: | ---: |"]
        for cold in (False, True):
            if cold and not drop_caches():
                lines.append("| cold | not measured: /proc/sys/vm/drop_caches cannot be written here | | | |")
                continue
            medians = {name: statistics.median(found) for name, found in compare(big, cold).items()}
            for name, baseline in (("tar cf", "tar cf"), ("triage pack", "tar cf"), ("tar xf", "tar xf"), ("triage unpack", "tar xf")):
                seconds, cache = medians[name], "cold" if cold else "warm"
                ratio = medians[baseline] / seconds
                lines.append(f"| {cache} | {name} | {seconds:.2f} | {gigabytes * 1000 / seconds:.0f} | {ratio:.0%} |")
        shutil.rmtree(big)
        lines += ["", *no_op(base / "many"), "", *previews()]
        return "\n".join(lines) + "\n"
    finally:
        shutil.rmtree(base, ignore_errors=True)


def no_op(root: Path) -> list[str]:
    """Pack and unpack again when nothing has changed."""
    layout, there = Layout(root / "data"), Layout(root / "there")
    write_store(layout, MANY, 1500)
    pack(layout, target_bytes=TARGET)
    unpack(there, source=layout.shards)
    packed = [timed(lambda: pack(layout, target_bytes=TARGET)) for _ in range(RUNS)]
    unpacked = [timed(lambda: unpack(there, source=layout.shards)) for _ in range(RUNS)]
    return [
        f"Nothing to do, {MANY} sequences of {FRAMES} frames: pack again {statistics.median(packed):.2f} s, "
        f"unpack again {statistics.median(unpacked):.2f} s (the promise is 5 s each)."
    ]


def previews() -> list[str]:
    """What drawing costs, on frames of a camera's size with a camera's detail: a slope, hills of noise, a little grain."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[0:720, 0:1280]
    frames = []
    for at in range(8):
        hills = np.asarray(Image.fromarray(rng.integers(0, 120, (45, 80), dtype=np.uint8)).resize((1280, 720)), dtype=np.float64)
        grey = np.clip(60 + y / 8 + x / 40 + hills + rng.normal(0, 4, y.shape) + at, 0, 255).astype(np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(grey).convert("RGB").save(buffer, "JPEG", quality=85)
        frames.append(buffer.getvalue())
    shown = tuple(Shown(at, (0.5, 0.5, 0.1, 0.1)) for at in range(8))
    pictures: list[bytes] = []
    seconds = [timed(lambda: pictures.append(strip(frames, shown))) for _ in range(5 if QUICK else 20)]
    return [
        f"A preview of eight crops and a frame of 1280x720: {statistics.median(seconds) * 1000:.0f} ms on one core, "
        f"{len(pictures[0])} bytes. Drawn once per sequence, then kept; the pack above is without previews (the store has no report)."
    ]


if __name__ == "__main__":
    print(main())
