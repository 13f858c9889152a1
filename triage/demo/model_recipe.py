"""Make the bundled package again: render labelled scenes from a seed into a store, and train the small network on them.

`make demo-model` runs it. The scenes come from seeds that neither `triage demo` nor the tests use; real frames take no part. Usage:
python -m triage.demo.model_recipe [--output triage/model/demo.zip] [--work DIR] [--sequences N ...]
"""

from __future__ import annotations

import argparse
import multiprocessing
from dataclasses import replace
from pathlib import Path

from triage.demo.scenes import World, synthetic_world, write_world
from triage.files import write_bytes
from triage.sequences import Sequence
from triage.store import Store
from triage.train import Request, train

__all__ = ["learn", "main", "render", "scenes", "world_of"]

#: Of the first world; the next ones have the next seeds. Seeds below 1000 are left to demos, tests and measurements.
SEED = 20_261_121
#: Sequences of each world.
SEQUENCES = (2_400, 1_200)
FRAMES = (3, 12)
#: Two or three objects in each alert: a frame is what costs time to render, and it shows as many sequences as it has objects.
OBJECTS = (0.0, 0.4, 0.6)


def world_of(sequences: int, seed: int) -> World:
    """Four sequences a camera: many views matter more than many alerts in one."""
    return synthetic_world(seed, sequences, smoke_share=0.8, frames=FRAMES, cameras=max(8, sequences // 4), objects=OBJECTS)


def render(store: Path, sequences: int, seed: int, part: int, parts: int) -> None:
    """Write the sequences of every `parts`-th camera, one camera after another, so that each landscape is painted once."""
    world = world_of(sequences, seed)

    def camera(sequence: Sequence) -> int:
        return sequence.camera_id or 0

    chosen = [sequence for sequence in world.sequences if camera(sequence) % parts == part]
    write_world(replace(world, sequences=tuple(sorted(chosen, key=camera))), store)


def scenes(store: Path, sequences: int, seed: int, workers: int) -> None:
    """Render the whole store; what is there already is kept."""
    context = multiprocessing.get_context("spawn")
    running = [context.Process(target=render, args=(store, sequences, seed, part, workers)) for part in range(workers)]
    for process in running:
        process.start()
    for process in running:
        process.join()
    found = len(Store(store).keys())
    if found != sequences:
        raise SystemExit(f"{store}: expected {sequences} sequences, found {found}")


def learn(stores: tuple[Path, ...], packaged: Path) -> None:
    """Train the package on rendered stores, and write it with its card and its evaluation."""
    train(
        Request(
            stores=stores,
            output=packaged,
            seed=1,
            held_out=0.05,
            variant="triage-demo",
            version="2.0.0",
            purpose="For trying triage out. Learnt from synthetic scenes only: do not decide about real alerts with it.",
        )
    )


def main() -> None:
    """Render, then train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("triage/model/demo.zip"))
    parser.add_argument("--work", type=Path, default=Path("build/demo-model"))
    parser.add_argument("--sequences", type=int, nargs="+", default=SEQUENCES, help="of each world")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    stores = []
    for number, sequences in enumerate(options.sequences):
        seed = options.seed + number
        stores.append(options.work / f"scenes-{seed}-{sequences}")
        scenes(stores[-1], sequences, seed, options.workers)
    packaged = options.work / "demo.zip"
    learn(tuple(stores), packaged)
    write_bytes(options.output, packaged.read_bytes())


if __name__ == "__main__":
    main()
