"""From labelled sequences to the tubes that training reads: the same slots, tubes and patches as in scoring, kept in memory.

Memory: 12 KB per distinct patch of 64 pixels; 20,000 sequences of 14 frames take 3.5 GB, a tenth of that as features.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from triage.errors import BadFile
from triage.model.calibrator import mean_confidence
from triage.model.config import ModelConfig
from triage.model.patches import cut_frame, decoder
from triage.model.plan import PlannedTube, SequencePlan, box_problem, plan_sequence
from triage.model.predictor import SequenceInput
from triage.model.training import TubeSet

__all__ = ["Collected", "collect"]

XYWH = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Collected:
    """Tubes of S sequences, and what became of each sequence.

    sequence: [N] int, 0-based position of the tube's sequence among the inputs. facts: [N, 3] float64, the calibrator's other features
    (ln(1 + length), mean confidence, kept tubes). failed: reason by key; a sequence without kept tube is in neither.
    """

    tubes: TubeSet
    sequence: NDArray[np.int64]
    facts: NDArray[np.float64]
    failed: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Cut:
    """One sequence: distinct patches, and per tube the rows of them by slot (-1 = masked)."""

    patches: list[NDArray[np.uint8]]
    tubes: list[list[int]]
    facts: list[tuple[float, float, float]]


def collect(
    inputs: Iterable[SequenceInput],
    smoke: Iterable[bool],
    config: ModelConfig,
    *,
    threads: int = 2,
    on_sequence: Callable[[], None] = lambda: None,
) -> Collected:
    """Cut the tubes of labelled sequences; `smoke` is aligned with `inputs`. One that cannot be read is in `failed`, with its reason."""
    slots = config.classifier.max_frames
    patches: list[NDArray[np.uint8]] = []
    index: list[list[int]] = []
    labels: list[bool] = []
    owners: list[int] = []
    facts: list[tuple[float, float, float]] = []
    failed: dict[str, str] = {}
    given = list(inputs)
    with ThreadPoolExecutor(threads, "triage-cut") as pool:
        cuts = pool.map(lambda item: _cut(item, config), given)
        for number, (item, label, cut) in enumerate(zip(given, smoke, cuts, strict=True)):
            on_sequence()
            if isinstance(cut, str):
                failed[item.key] = cut
                continue
            for rows, fact in zip(cut.tubes, cut.facts, strict=True):
                index.append([row + len(patches) if row >= 0 else -1 for row in rows[:slots]] + [-1] * (slots - len(rows)))
                labels.append(label)
                owners.append(number)
                facts.append(fact)
            patches += cut.patches
    side = config.model_input.patch_size
    table = np.array(index, dtype=np.int64).reshape(-1, slots)
    return Collected(
        TubeSet(
            smoke=np.array(labels, dtype=bool),
            mask=table >= 0,
            patches=np.stack(patches) if patches else np.zeros((0, side, side, 3), dtype=np.uint8),
            index=table,
        ),
        np.array(owners, dtype=np.int64),
        np.array(facts, dtype=np.float64).reshape(-1, 3),
        failed,
    )


def _cut(item: SequenceInput, config: ModelConfig) -> _Cut | str:
    frames = item.frames[: config.classifier.max_frames]
    problems = (box_problem(box) for frame in frames for box in frame.boxes)
    problem = next((one for one in problems if one is not None), None)
    if problem is not None:
        return f"a box has {problem}"
    plan = plan_sequence([frame.boxes for frame in item.frames], config)
    wanted: dict[int, list[XYWH]] = {}
    for tube in plan.tubes:
        for source, region in _looks(tube, plan):
            if region is not None and region not in wanted.setdefault(source, []):
                wanted[source].append(region)
    rows: dict[tuple[int, XYWH], int] = {}
    patches: list[NDArray[np.uint8]] = []
    rules, decode = config.model_input, decoder("auto")
    for source, regions in sorted(wanted.items()):
        try:
            image = decode(item.frames[source].load(), f"frame {item.frames[source].frame_id}")
        except (BadFile, OSError) as error:
            return str(error)
        cut = cut_frame(image, regions, context_factor=rules.context_factor, patch_size=rules.patch_size)
        for region in regions:
            rows[source, region] = len(patches)
            patches.append(cut.patches[cut.boxes[region]])
    return _Cut(
        patches,
        [[-1 if region is None else rows[source, region] for source, region in _looks(tube, plan)] for tube in plan.tubes],
        [(math.log(1 + len(tube.entries)), mean_confidence(tube.entries), float(len(plan.tubes))) for tube in plan.tubes],
    )


def _looks(tube: PlannedTube, plan: SequencePlan) -> list[tuple[int, XYWH | None]]:
    """Per slot of the tube: the input frame, and the region of it (None = masked)."""
    return [(plan.slots.sources[entry.frame_idx], tube.region(slot)) for slot, entry in enumerate(tube.entries)]
