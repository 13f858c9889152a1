"""Which frame each slot shows."""

from __future__ import annotations

import pytest

from triage.errors import BadModel
from triage.model.slots import slots_of


@pytest.mark.parametrize(
    ("frames", "pad_to", "strategy", "sources", "padded"),
    [
        (3, 0, "symmetric", (0, 1, 2), ()),
        (3, 6, "symmetric", (0, 0, 0, 1, 2, 2), (0, 1, 5)),
        (1, 4, "symmetric", (0, 0, 0, 0), (0, 1, 3)),
        (3, 7, "uniform", (0, 0, 0, 1, 1, 2, 2), (1, 2, 4, 6)),
        (9, 6, "symmetric", (0, 1, 2, 3, 4, 5, 6, 7), ()),
        (0, 6, "symmetric", (), ()),
        (6, 6, "mirror", (0, 1, 2, 3, 4, 5), ()),
    ],
)
def test_frames_are_cut_at_the_end_then_padded(
    frames: int, pad_to: int, strategy: str, sources: tuple[int, ...], padded: tuple[int, ...]
) -> None:
    slots = slots_of(frames, max_frames=8, pad_to=pad_to, strategy=strategy)
    assert (slots.sources, slots.padded) == (sources, padded)
    assert slots.num_truncated == max(0, frames - 8)
    assert slots.num_frames_input == frames


def test_an_unknown_strategy_is_an_error_only_when_needed() -> None:
    with pytest.raises(BadModel, match=r"infer\.pad_strategy must be symmetric or uniform, found 'mirror'"):
        slots_of(3, max_frames=8, pad_to=6, strategy="mirror")
