"""From the frames given to the slots scored: truncation, then padding (rule 2). Pure; indices only."""

from __future__ import annotations

from dataclasses import dataclass

from triage.errors import BadModel

__all__ = ["Slots", "slots_of"]


@dataclass(frozen=True, slots=True)
class Slots:
    """Which input frame each slot shows. "Frame index" means a position in `sources` from here on.

    sources: per slot the 0-based index of the input frame. padded: the slots that are synthetic, ascending.
    """

    num_frames_input: int
    num_truncated: int
    sources: tuple[int, ...]
    padded: tuple[int, ...]


def slots_of(num_frames: int, *, max_frames: int, pad_to: int, strategy: str) -> Slots:
    """Keep the first `max_frames` frames, then pad to `pad_to` slots (0 = off). No frames, no slots.

    symmetric: copies of the first and the last frame in turn, the front first. uniform: slot i of M shows frame floor(i * N / M).
    Raises BadModel for another strategy, but only when padding is needed.
    """
    kept = min(num_frames, max_frames)
    missing = pad_to - kept if kept else 0
    sources: tuple[int, ...]
    padded: tuple[int, ...]
    if missing <= 0:
        sources, padded = tuple(range(kept)), ()
    elif strategy == "symmetric":
        front = (missing + 1) // 2
        sources = (0,) * front + tuple(range(kept)) + (kept - 1,) * (missing // 2)
        padded = tuple(range(front)) + tuple(range(front + kept, pad_to))
    elif strategy == "uniform":
        sources = tuple(slot * kept // pad_to for slot in range(pad_to))
        padded = tuple(slot for slot in range(1, pad_to) if sources[slot] == sources[slot - 1])
    else:
        raise BadModel(f"config: infer.pad_strategy must be symmetric or uniform, found {strategy!r}; export the package again")
    return Slots(num_frames, num_frames - kept, sources, padded)
