"""`triage pull --dry-run`: how much there is to fetch, without fetching an image.

Frames per sequence are asked for a small even sample of the queue, whose requests also give the latency. Bytes per frame are the
average of the store, or, for an empty one, what production frames weigh. Says which of them it used.
"""

from __future__ import annotations

import time
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from statistics import mean, median
from typing import Literal

from triage.annotator import TYPICAL_FRAME_BYTES, Client
from triage.errors import BadFile
from triage.store import Store

__all__ = ["SAMPLE", "Estimate", "estimate"]

#: So many sequences are asked for the number of their frames.
SAMPLE = 20
_STORED_SAMPLE = 50


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a pull would fetch. frames, size (bytes) and seconds are estimates; the size of a frame comes from `bytes_from`.

    seconds: at the latency of the sample's requests with all workers busy; None when nothing was sampled.
    """

    sequences: int
    frames: int
    size: int
    seconds: float | None
    sampled: int
    frame_bytes: int
    bytes_from: Literal["store", "typical"]


def estimate(client: Client, store: Store, new: int, sample: Seq[int], *, workers: int) -> Estimate:
    """For `new` sequences, of which `sample` are some ids, drawn evenly."""
    frames, latencies = [], []
    for sequence_id in sample:
        started = time.perf_counter()
        frames.append(client.detection_count(sequence_id))
        latencies.append(time.perf_counter() - started)
    total = round(new * mean(frames)) if frames else 0
    stored = _stored_frame_bytes(store)
    frame_bytes = stored if stored is not None else TYPICAL_FRAME_BYTES
    requests = new + 2 * total
    return Estimate(
        sequences=new,
        frames=total,
        size=total * frame_bytes,
        seconds=requests * median(latencies) / workers if latencies else None,
        sampled=len(frames),
        frame_bytes=frame_bytes,
        bytes_from="typical" if stored is None else "store",
    )


def _stored_frame_bytes(store: Store) -> int | None:
    """The average size of some stored frames; None when none is known."""
    keys = store.keys()
    sizes: list[int] = []
    for key in keys[:: max(1, len(keys) // _STORED_SAMPLE)]:
        try:
            sizes += [frame.size for frame in store.sequence(key).frames if frame.size is not None]
        except BadFile:
            continue
    return round(mean(sizes)) if sizes else None
