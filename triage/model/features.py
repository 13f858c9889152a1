"""Backbone features of a tube as they are kept, and scoring from them alone: a new head or calibrator needs no image."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from collections.abc import Sequence as Seq
from concurrent.futures import Future
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import numpy.typing as npt
import torch

from triage.model.decision import NotFiniteError, judging
from triage.model.head import TemporalHead
from triage.model.package import Package
from triage.model.plan import PlannedTube, SequencePlan
from triage.model.slots import Slots
from triage.model.threads import cores, torch_pool
from triage.predictions import Prediction

__all__ = ["MASKED", "HeadScorer", "TubeFeatures", "TubeSlots", "rescore", "rescore_many"]

#: In `rows`: the slot is masked, it has no feature.
MASKED = -1
#: Tubes per call of the head when many are scored, whole and by prefixes; sequences per task of a thread.
_ROWS = 16
_TUBES = 8
_GROUP = 256


@dataclass(frozen=True, slots=True)
class TubeFeatures:
    """The features of one kept tube, each distinct patch once.

    values: [R, D] float16, at most 20 x 384 x 2 bytes for a ViT-S. rows: per slot of the head (slot k = entry k of the tube) the row of
    `values`, or MASKED for an entry without a box; never longer than `max_frames`.
    """

    tube_id: int
    values: npt.NDArray[np.float16]
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TubeSlots:
    """The head's view of one tube: values [R, D] float32 on the head's device, rows as in TubeFeatures."""

    values: torch.Tensor
    rows: tuple[int, ...]


class HeadScorer:
    """Runs the temporal head over features that are already there. The shape of every call depends on the tube alone, or is fixed."""

    def __init__(self, head: TemporalHead, slots: int) -> None:
        self._head, self._slots = head, slots

    @torch.inference_mode()
    def prefixes(self, tube: TubeSlots, lengths: Seq[int]) -> list[float]:
        """One logit per prefix length of one tube (in entries; all entries or more is the whole tube)."""
        used = min(max(lengths), len(tube.rows))  # slots past the longest prefix are masked in all of them: leave them out
        rows = torch.tensor(tube.rows[:used], device=tube.values.device)
        ends = torch.tensor(list(lengths), device=rows.device)
        mask = (rows != MASKED)[None] & (torch.arange(used, device=rows.device)[None] < ends[:, None])
        logits: list[float] = self._head.prefixes(tube.values[rows.clamp(min=0)][None], mask[None])[0].tolist()
        return logits

    def prefixes_of(self, tubes: Seq[TubeSlots], index: int, lengths: Seq[int]) -> list[float]:
        """`prefixes` of one of several tubes: bound to the tubes, this is what the trigger search asks."""
        return self.prefixes(tubes[index], lengths)

    @torch.inference_mode()
    def prefixes_of_many(self, tubes: Seq[TubeSlots], lengths: Seq[int]) -> list[list[float]]:
        """Per tube one logit per prefix length, in calls of _TUBES tubes. No length may exceed a tube's entries."""
        used, count = min(max(lengths), self._slots), len(lengths)
        answers: list[list[float]] = []
        for start in range(0, len(tubes), _TUBES):
            part = tubes[start : start + _TUBES]
            rows = torch.tensor([tube.rows[:used] for tube in part], device=part[0].values.device)
            features = part[0].values.new_zeros(_TUBES, used, part[0].values.shape[1])
            mask = torch.zeros(_TUBES, count, used, dtype=torch.bool, device=rows.device)
            ends = torch.tensor(list(lengths), device=rows.device)
            mask[: len(part)] = (rows != MASKED)[:, None] & (torch.arange(used, device=rows.device) < ends[:, None])[None]
            for number, tube in enumerate(part):
                features[number] = tube.values[rows[number].clamp(min=0)]
            answers += self._head.prefixes(features, mask)[: len(part)].tolist()
        return answers

    @torch.inference_mode()
    def whole(self, tubes: Seq[TubeSlots]) -> list[float]:
        """One logit per tube, in calls of _ROWS tubes: for many tubes at once."""
        logits: list[float] = []
        for start in range(0, len(tubes), _ROWS):
            part = tubes[start : start + _ROWS]
            features = part[0].values.new_zeros(_ROWS, self._slots, part[0].values.shape[1])
            mask = torch.zeros(_ROWS, self._slots, dtype=torch.bool, device=features.device)
            for number, tube in enumerate(part):
                rows = torch.tensor(tube.rows, device=features.device)
                features[number, : len(rows)] = tube.values[rows.clamp(min=0)]
                mask[number, : len(rows)] = rows != MASKED
            logits += self._head(features, mask)[: len(part)].tolist()
        return logits


def rescore(prediction: Prediction, features: Seq[TubeFeatures], package: Package, *, trigger: bool = True) -> Prediction:
    """The prediction with the logits, probabilities and triggers of another head and calibrator.

    features: aligned with `prediction.kept`. The package's `backbone_digest` must be that of the features. What float16 does to a logit is
    stated in docs/model.md. Raises NotFiniteError when a logit or probability is not finite.
    """
    answer = _rescored([("", prediction, features)], package, trigger)[0][1]
    if isinstance(answer, NotFiniteError):
        raise answer
    return answer


def rescore_many(
    items: Iterable[tuple[str, Prediction, Seq[TubeFeatures]]], package: Package, *, trigger: bool = True, threads: int | None = None
) -> Iterator[tuple[str, Prediction | NotFiniteError]]:
    """`rescore` for many sequences (key, prediction, features), in order, on `threads` cores (None = all); items are read lazily.

    The answers have the same bits as those of `rescore`, whatever the neighbours are.
    """
    threads = threads or cores()
    groups: deque[Future[list[tuple[str, Prediction | NotFiniteError]]]] = deque()
    waiting = iter(items)
    with torch_pool(threads, "triage-head") as pool:
        while group := list(islice(waiting, _GROUP)):
            groups.append(pool.submit(_rescored, group, package, trigger))
            if len(groups) > threads + 1:
                yield from groups.popleft().result()
        while groups:
            yield from groups.popleft().result()


def _rescored(
    group: Seq[tuple[str, Prediction, Seq[TubeFeatures]]], package: Package, trigger: bool
) -> list[tuple[str, Prediction | NotFiniteError]]:
    """All sequences of the group ask their prefixes together: those that ask for the same lengths share calls of the head."""
    scorer = HeadScorer(package.classifier.head, package.config.classifier.max_frames)
    device = package.classifier.head.cls_token.device
    tubes = [[TubeSlots(torch.from_numpy(item.values.astype(np.float32)).to(device), item.rows) for item in items] for _, _, items in group]
    logits = iter(scorer.whole([tube for own in tubes for tube in own]))
    dialogues = [
        judging(
            _plan_of(prediction),
            [next(logits) for _ in own],
            package.config,
            package.calibrator,
            [tube.empty_crops for tube in prediction.kept],
            trigger=trigger,
        )
        for (_, prediction, _), own in zip(group, tubes, strict=True)
    ]
    answers: dict[int, Prediction | NotFiniteError] = {}
    asked: dict[range, list[tuple[int, TubeSlots]]] = {}
    replies: list[tuple[int, list[float] | None]] = [(place, None) for place in range(len(group))]
    while replies:
        for place, reply in replies:
            try:
                index, lengths = next(dialogues[place]) if reply is None else dialogues[place].send(reply)
                asked.setdefault(lengths, []).append((place, tubes[place][index]))
            except StopIteration as done:
                answers[place] = replace(done.value, num_outside_roi=group[place][1].num_outside_roi)
            except NotFiniteError as error:
                answers[place] = error
        replies = []
        if asked:
            lengths, waiting = _next_calls(asked)
            known = scorer.prefixes_of_many([tube for _, tube in waiting], lengths)
            replies = [(place, reply) for (place, _), reply in zip(waiting, known, strict=True)]
    return [(key, answers[place]) for place, (key, _, _) in enumerate(group)]


def _next_calls(asked: dict[range, list[tuple[int, TubeSlots]]]) -> tuple[range, list[tuple[int, TubeSlots]]]:
    """Take what is worth asking now. Calls that are full come first, for a part of one costs as much; then the shortest prefixes: others
    may come to ask for the next ones together.
    """
    full = [lengths for lengths, waiting in asked.items() if len(waiting) >= _TUBES]
    lengths = min(full or asked, key=lambda one: one.start)
    waiting = asked.pop(lengths)
    now = len(waiting) // _TUBES * _TUBES or len(waiting)
    if waiting[now:]:
        asked[lengths] = waiting[now:]
    return lengths, waiting[:now]


def _plan_of(prediction: Prediction) -> SequencePlan:
    return SequencePlan(
        Slots(prediction.num_frames_input, prediction.num_truncated, prediction.slots, prediction.padded_frame_indices),
        prediction.num_candidates,
        tuple(PlannedTube(tube.tube_id, tube.entries, tube.stabilized_window) for tube in prediction.kept),
    )
