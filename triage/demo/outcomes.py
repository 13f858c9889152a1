"""What became of every sequence of a world, judged by its known truth. Pure; `run` asks, `triage demo` prints."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from sklearn.metrics import roc_auc_score

from triage.demo.world import World

__all__ = ["OUTCOMES", "Outcomes", "judge"]

#: Every sequence that was served ends in exactly one of these.
OUTCOMES: tuple[str, ...] = ("review", "unlabeled", "hold", "dropped", "not pulled")
_TRUTHS = ("smoke", "fp", "unknown")
_WORDS = {"smoke": "smoke", "fp": "false positive", "unknown": "not known"}


@dataclass(frozen=True, slots=True)
class Outcomes:
    """counts: sequences by (truth, outcome). served: how many the world has. auc: ROC AUC of the score over scored sequences with a
    known truth, None = they are not of both kinds. by_type: of each type of the truth, how many there are and how many went To Review.
    """

    served: int
    counts: dict[tuple[str, str], int]
    threshold: float
    auc: float | None
    judged: int
    by_type: tuple[tuple[str, int, int], ...]

    @property
    def adds_up(self) -> bool:
        """Every sequence that was served is in exactly one outcome."""
        return sum(self.counts.values()) == self.served

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        table = {truth: {outcome: self.counts.get((truth, outcome), 0) for outcome in OUTCOMES} for truth in _TRUTHS}
        return {
            "served": self.served,
            "adds_up": self.adds_up,
            "threshold": self.threshold,
            "roc_auc": None if self.auc is None else round(self.auc, 4),
            "judged": self.judged,
            "table": table,
            "by_type": [{"type": name, "sequences": count, "review": review} for name, count, review in self.by_type],
        }

    def lines(self) -> list[str]:
        """The table, its sums, and what it means."""
        present = [truth for truth in _TRUTHS if any(self.counts.get((truth, outcome)) for outcome in OUTCOMES)]
        rows = [[self.counts.get((truth, outcome), 0) for outcome in OUTCOMES] for truth in present]
        head = ("To Review", "Unlabel", "Hold", "dropped", "not pulled", "all")
        lines = [f"{'truth':<16}" + "".join(f"{word:>12}" for word in head)]
        lines += [f"{_WORDS[truth]:<16}" + "".join(f"{n:>12}" for n in (*row, sum(row))) for truth, row in zip(present, rows, strict=True)]
        sums = [sum(column) for column in zip(*rows, strict=True)]
        total = "adds up" if self.adds_up else f"DOES NOT ADD UP: {self.served} were served"
        lines.append(f"{'all':<16}" + "".join(f"{n:>12}" for n in (*sums, sum(sums))) + f"   {total}")
        caught, missed = self.counts.get(("smoke", "review"), 0), self.counts.get(("smoke", "unlabeled"), 0)
        cleared, kept = self.counts.get(("fp", "unlabeled"), 0), self.counts.get(("fp", "review"), 0)
        if caught + missed and cleared + kept:
            lines += [
                "",
                f"at threshold {self.threshold:g}: {caught} of {caught + missed} smoke sequences go To Review,"
                f" {cleared} of {cleared + kept} false positives go to Unlabel",
            ]
        if self.by_type:
            words = ", ".join(f"{name} {review}/{count}" for name, count, review in self.by_type)
            lines += textwrap.wrap(f"To Review by type: {words}", 110, subsequent_indent="  ")
        if self.auc is None:
            lines.append("ROC AUC: not defined, the truth of the scored sequences is not of both kinds")
        else:
            lines.append(f"ROC AUC {self.auc:.4f} of the score against the known truth ({self.judged} sequences)")
        return lines


def judge(world: World, rows: pa.Table, dropped: Collection[str], threshold: float) -> Outcomes:
    """Compare a report with the truth. rows: the report's table (`key`, `triage_bucket`, `triage_score`). dropped: keys."""
    bucket = dict(zip(rows["key"].to_pylist(), rows["triage_bucket"].to_pylist(), strict=True))
    score = dict(zip(rows["key"].to_pylist(), rows["triage_score"].to_pylist(), strict=True))
    counts: Counter[tuple[str, str]] = Counter()
    types: Counter[str] = Counter()
    reviewed: Counter[str] = Counter()
    truths, scores = [], []
    for sequence in world.sequences:
        outcome = bucket.get(sequence.key) or ("dropped" if sequence.key in dropped else "not pulled")
        counts[sequence.label, outcome] += 1
        for name in (*sequence.smoke_types, *sequence.false_positive_types):
            word = f"{sequence.label}: {name}"
            types[word] += 1
            reviewed[word] += outcome == "review"
        value = score.get(sequence.key)
        if value is not None and sequence.label != "unknown":
            truths.append(sequence.label == "smoke")
            scores.append(float(value))
    auc = float(roc_auc_score(truths, scores)) if 0 < sum(truths) < len(truths) else None
    by_type = tuple((name, types[name], reviewed[name]) for name in sorted(types))
    return Outcomes(len(world.sequences), dict(counts), threshold, auc, len(scores), by_type)
