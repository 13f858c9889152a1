"""No camera on two sides, both classes on each."""

from __future__ import annotations

import numpy as np
import pytest

from triage.errors import BadInput
from triage.train.split import folds, hold_out

CAMERAS = [f"c{i // 6}" for i in range(60)]
SMOKE = [i % 3 == 0 for i in range(60)]


def test_no_camera_is_on_two_sides_and_every_sequence_is_outside_once() -> None:
    splits = folds(SMOKE, CAMERAS, count=4, seed=0)
    assert sorted(int(at) for split in splits for at in split.outside) == list(range(60))
    for split in splits:
        assert not {CAMERAS[at] for at in split.inside} & {CAMERAS[at] for at in split.outside}
        assert sorted([*split.inside, *split.outside]) == list(range(60))


def test_both_sides_hold_both_classes_even_when_smoke_is_on_few_cameras() -> None:
    smoke = [camera in ("c1", "c2", "c7") and i % 2 == 0 for i, camera in enumerate(CAMERAS)]
    for split in folds(smoke, CAMERAS, count=4, seed=0):
        for part in (split.inside, split.outside):
            assert {smoke[at] for at in part} == {True, False}


def test_about_the_share_asked_for_is_held_out() -> None:
    assert len(hold_out(SMOKE, CAMERAS, share=0.2, seed=0).outside) == 12
    assert len(hold_out(SMOKE, CAMERAS, share=0.5, seed=0).outside) == 30


def test_the_same_seed_holds_out_the_same_cameras_and_some_other_seed_does_not() -> None:
    first = hold_out(SMOKE, CAMERAS, share=0.2, seed=1).outside
    assert np.array_equal(first, hold_out(SMOKE, CAMERAS, share=0.2, seed=1).outside)
    assert any(not np.array_equal(first, hold_out(SMOKE, CAMERAS, share=0.2, seed=seed).outside) for seed in range(2, 6))


@pytest.mark.parametrize("cameras", [["only"] * 60, ["smoke" if smoke else "fp" for smoke in SMOKE]])
def test_cameras_that_cannot_be_parted_are_refused(cameras: list[str]) -> None:
    with pytest.raises(BadInput, match=r"cannot be parted so that both sides hold smoke and false positives"):
        hold_out(SMOKE, cameras, share=0.2, seed=0)
