"""Cameras are kept apart: no camera is on two sides of a split, because its sequences share a view and its nuisances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from triage.errors import BadInput

__all__ = ["Split", "folds", "hold_out"]

Rows = NDArray[np.intp]
_DRAWS = 50


@dataclass(frozen=True, slots=True)
class Split:
    """Positions of sequences, ascending. Both parts hold both classes and no camera is in both."""

    inside: Rows
    outside: Rows


def hold_out(smoke: Sequence[bool], cameras: Sequence[str], *, share: float, seed: int) -> Split:
    """Hold out cameras with about `share` (0 < share < 1) of the sequences and about their share of smoke.

    Raises BadInput when no choice of cameras leaves both classes on both sides.
    """
    return folds(smoke, cameras, count=max(2, round(1 / share)), seed=seed)[0]


def folds(smoke: Sequence[bool], cameras: Sequence[str], *, count: int, seed: int) -> list[Split]:
    """`count` splits whose outsides share no camera and cover all sequences. Fewer cameras give fewer; the same seed, the same.

    Raises BadInput when no draw leaves both classes on both sides of every split.
    """
    labels, groups = np.asarray(smoke, dtype=bool), np.asarray(cameras)
    both = min(len(set(groups[labels])), len(set(groups[~labels])))
    for wanted in range(min(count, both), 1, -1):
        for draw in range(_DRAWS):
            chosen = [
                Split(inside, outside)
                for inside, outside in StratifiedGroupKFold(wanted, shuffle=True, random_state=seed * _DRAWS + draw).split(
                    np.zeros(len(labels)), labels, groups
                )
            ]
            if all(_both(labels[part]) for split in chosen for part in (split.inside, split.outside)):
                return chosen
    raise BadInput(
        f"{len(set(groups))} cameras, {len(set(groups[labels]))} of them with smoke, cannot be parted so that both sides hold smoke and"
        " false positives; label sequences of more cameras"
    )


def _both(labels: NDArray[np.bool_]) -> bool:
    return 0 < int(labels.sum()) < len(labels)
