"""From logits to the verdict: probabilities, the package's decision, the trigger search (rules 14 and 15). Pure, in double precision."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from collections.abc import Sequence as Seq
from dataclasses import dataclass

from triage.model.calibrator import Calibrator, mean_confidence
from triage.model.config import ModelConfig
from triage.model.plan import PlannedTube, SequencePlan
from triage.predictions import KeptTube, Prediction

__all__ = ["PREFIX_CHUNK", "Ask", "Judging", "NotFiniteError", "PrefixLogits", "judge", "judging"]

#: (index of the tube, prefix lengths) -> one logit per length. Lengths count entries; called only for tubes positive at full length.
PrefixLogits = Callable[[int, Seq[int]], Seq[float]]
#: What the search asks: index of the tube, prefix lengths.
Ask = tuple[int, range]
Judging = Generator[Ask, Seq[float], Prediction]
#: How many prefixes are asked for at once; the search stops at the first chunk that fires.
PREFIX_CHUNK = 4


class NotFiniteError(ArithmeticError):
    """A logit or probability is NaN or infinite: the sequence cannot be judged."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """The package's decision on one tube or prefix."""

    calibrator: Calibrator | None
    logistic: bool
    threshold: float
    n_tubes: int

    def probability(self, tube: PlannedTube, logit: float, length: int) -> float | None:
        """Calibrated probability of the first `length` entries; None without a calibrator."""
        if not math.isfinite(logit):
            raise NotFiniteError(f"tube {tube.tube_id}: logit {logit}")
        if self.calibrator is None:
            return None
        probability = self.calibrator.probability(logit, length, mean_confidence(tube.entries[:length]), self.n_tubes)
        if not math.isfinite(probability):
            raise NotFiniteError(f"tube {tube.tube_id}: probability {probability}")
        return probability

    def positive(self, logit: float, probability: float | None) -> bool:
        """At or above the threshold."""
        value = probability if self.logistic else logit
        return value is not None and value >= self.threshold


def judge(
    plan: SequencePlan,
    logits: Seq[float],
    config: ModelConfig,
    calibrator: Calibrator | None,
    prefix_logits: PrefixLogits | None,
    empty_crops: Seq[tuple[int, ...]],
) -> Prediction:
    """The prediction of one sequence.

    logits, empty_crops: aligned with `plan.tubes`. prefix_logits: None = no trigger search. Raises NotFiniteError.
    """
    steps = judging(plan, logits, config, calibrator, empty_crops, trigger=prefix_logits is not None)
    answer: Seq[float] | None = None
    while True:
        try:
            index, lengths = steps.send(answer) if answer is not None else next(steps)
        except StopIteration as done:
            prediction: Prediction = done.value
            return prediction
        assert prefix_logits is not None  # without a search nothing is asked
        answer = prefix_logits(index, lengths)


def judging(
    plan: SequencePlan,
    logits: Seq[float],
    config: ModelConfig,
    calibrator: Calibrator | None,
    empty_crops: Seq[tuple[int, ...]],
    *,
    trigger: bool,
) -> Judging:
    """`judge` as a dialogue: it yields what the search wants to know and is sent the logits, so that many sequences can ask together."""
    rule = _Rule(calibrator, config.decision.aggregation == "logistic", config.threshold, len(plan.tubes))
    kept = []
    any_positive = False
    for index, (tube, logit) in enumerate(zip(plan.tubes, logits, strict=True)):
        probability = rule.probability(tube, logit, len(tube.entries))
        positive = rule.positive(logit, probability)
        any_positive |= positive
        crossing = None
        if positive and trigger:
            crossing = yield from _first_crossing(tube, index, rule, config.tubes.infer_min_tube_length)
        kept.append(
            KeptTube(
                tube_id=tube.tube_id,
                start_frame=tube.entries[0].frame_idx,
                end_frame=tube.entries[-1].frame_idx,
                logit=logit,
                probability=probability,
                first_crossing_frame=crossing,
                stabilized_window=tube.window,
                entries=tube.entries,
                empty_crops=empty_crops[index],
            )
        )
    fired = [(tube.first_crossing_frame, tube.tube_id) for tube in kept if tube.first_crossing_frame is not None]
    trigger_frame, trigger_tube = min(fired, default=(None, None))
    return Prediction(
        num_frames_input=plan.slots.num_frames_input,
        num_truncated=plan.slots.num_truncated,
        padded_frame_indices=plan.slots.padded,
        slots=plan.slots.sources,
        num_candidates=plan.num_candidates,
        kept=tuple(kept),
        aggregation=config.decision.aggregation,
        threshold=config.threshold,
        is_positive=any_positive,
        trigger_frame_index=trigger_frame,
        trigger_tube_id=trigger_tube,
    )


def _first_crossing(tube: PlannedTube, index: int, rule: _Rule, shortest: int) -> Generator[Ask, Seq[float], int]:
    """Frame index where the shortest positive prefix ends; the whole tube is positive already, so there is one."""
    full = len(tube.entries)
    for start in range(shortest, full, PREFIX_CHUNK):
        lengths = range(start, min(start + PREFIX_CHUNK, full))
        logits = yield index, lengths
        for length, logit in zip(lengths, logits, strict=True):
            if rule.positive(logit, rule.probability(tube, logit, length)):
                return tube.entries[length - 1].frame_idx
    return tube.entries[-1].frame_idx
