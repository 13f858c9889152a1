"""Pack and unpack against `tar cf` and `tar xf` over the same files on the same disk; the no-op over 20,000 sequences; previews.

The big store is made in BENCH_SHARDS_DIR (default: the temporary directory) and removed afterwards; it all takes 35 GB. Its frames are
random bytes of the size that camera frames have: nothing in packing looks into them.
"""

from __future__ import annotations

import atexit
import hashlib
import io
import os
import random
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

from tests.shards.worlds import add_report, sequence
from triage import progress
from triage.config import Layout
from triage.files import dump_json
from triage.sequences import Box, Frame, Sequence, key_of
from triage.shards.pack import pack
from triage.shards.unpack import unpack
from triage.store import Store

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


def processor() -> float:
    """Seconds that this process and all it has waited for have computed: they depend little on what else the machine does."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def compare(root: Path, cold: bool) -> dict[str, list[tuple[float, float]]]:
    """Seconds, and of them computed, of each contestant, in turns, so that a slow minute of the machine hits all of them.

    What was unpacked is left lying until all is measured: ext4 does not use the inodes of files that were removed a minute ago, and looks
    at every one of them for each new file.
    """
    layout, seconds = Layout(root / "data"), dict[str, list[tuple[float, float]]]()

    def measure(name: str, action: Callable[[], object]) -> None:
        if cold:
            drop_caches()
        else:
            os.sync()
        before = processor()
        seconds.setdefault(name, []).append((timed(action), processor() - before))

    archive = root / "all.tar"
    for run in range(RUNS):
        loose, there = root / f"loose-{cold}-{run}", Layout(root / f"there-{cold}-{run}")
        archive.unlink(missing_ok=True)
        shutil.rmtree(layout.shards, ignore_errors=True)
        loose.mkdir()
        measure("tar cf", lambda: tar("cf", archive, "-C", layout.sequences, "."))
        measure("triage pack", lambda: pack(layout, target_bytes=TARGET))
        measure("tar xf", lambda loose=loose: tar("xf", archive, "-C", loose))
        measure("triage unpack", lambda there=there: unpack(there, source=layout.shards))
    return seconds


def main() -> str:
    progress.quiet()
    base = Path(tempfile.mkdtemp(prefix="bench-shards-", dir=os.environ.get("BENCH_SHARDS_DIR")))
    atexit.register(shutil.rmtree, base, ignore_errors=True)  # minutes for so many files; the numbers do not wait for it
    big = base / "big"
    write_store(Layout(big / "data"), SEQUENCES, FRAME_BYTES)
    gigabytes = sum(path.stat().st_size for path in Layout(big / "data").sequences.rglob("*") if path.is_file()) / 1e9
    lines = [
        "## Shards",
        "",
        f"{SEQUENCES} sequences, {SEQUENCES * FRAMES} frames, {gigabytes:.2f} GB; medians of {RUNS} runs, in turns. "
        f"Other work on this machine when it began: load average {os.getloadavg()[0]:.0f}.",
        "",
    ]
    lines += ["| cache | step | seconds | MB/s | of tar's rate | processor seconds |", "| --- | --- | ---: | ---: | ---: | ---: |"]
    for cold in (False, True):
        if cold and not drop_caches():
            lines.append("| cold | not measured: /proc/sys/vm/drop_caches cannot be written here | | | | |")
            continue
        medians = {name: [statistics.median(each) for each in zip(*found, strict=True)] for name, found in compare(big, cold).items()}
        for name, baseline in (("tar cf", "tar cf"), ("triage pack", "tar cf"), ("tar xf", "tar xf"), ("triage unpack", "tar xf")):
            (seconds, computed), cache = medians[name], "cold" if cold else "warm"
            ratio = medians[baseline][0] / seconds
            lines.append(f"| {cache} | {name} | {seconds:.2f} | {gigabytes * 1000 / seconds:.0f} | {ratio:.0%} | {computed:.2f} |")
    lines += ["", *no_op(base / "many"), "", *previews(base / "drawn")]
    return "\n".join(lines) + "\n"


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


def previews(root: Path) -> list[str]:
    """What drawing adds to packing a store with its report, on frames of a camera's size and detail: a slope, hills of noise, grain."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[0:720, 0:1280]
    frames = []
    for at in range(8):
        hills = np.asarray(Image.fromarray(rng.integers(0, 120, (45, 80), dtype=np.uint8)).resize((1280, 720)), dtype=np.float64)
        grey = np.clip(60 + y / 8 + x / 40 + hills + rng.normal(0, 4, y.shape) + at, 0, 255).astype(np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(grey).convert("RGB").save(buffer, "JPEG", quality=85)
        frames.append(buffer.getvalue())
    layout, store, count = Layout(root), Store(Layout(root).sequences), 20 if QUICK else 100
    made = [sequence(number, frames) for number in range(1, count + 1)]
    for each in made:
        store.write_sequence(each, frames)
    add_report(layout, made)
    without = timed(lambda: pack(layout, target_bytes=TARGET, previews=False))
    drawing = timed(lambda: pack(layout, target_bytes=TARGET))
    again = timed(lambda: pack(layout, target_bytes=TARGET))
    sizes = pq.read_table(layout.shards / "previews" / "index.parquet")["size"].to_pylist()
    return [
        f"Previews, {count} sequences of 8 frames of 1280x720 with one tube each: {drawing / count * 1000:.0f} ms a sequence, "
        f"{statistics.mean(sizes):.0f} bytes on average, {max(sizes)} the largest; frames and report of the same alone "
        f"{without / count * 1000:.0f} ms a sequence; with nothing new {again / count * 1000:.1f} ms. Drawn once, then kept. "
        "The pack of the table above is without previews: that store has no report."
    ]


if __name__ == "__main__":
    print(main())
