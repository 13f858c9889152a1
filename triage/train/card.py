"""The model card: what a package is, what it learnt from, how it does on cameras it has not seen. Markdown, from facts only."""

from __future__ import annotations

from dataclasses import dataclass

from triage.evaluation import Evaluation
from triage.evaluation import table as evaluation_table

__all__ = ["Facts", "card"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the card says besides the evaluation.

    ended: how the epochs that are kept were chosen. counts: name -> (sequences, smokes, cameras) of each part.
    """

    name: str
    purpose: str
    start: str
    seed: int
    ended: str
    epochs: tuple[int, ...]
    counts: tuple[tuple[str, int, int, int], ...]
    left_out: tuple[tuple[str, int], ...]
    parameters: int


def card(facts: Facts, evaluation: Evaluation) -> str:
    """The text of `<name>-card.md`, also a member of the package."""
    lines = [
        f"# {facts.name}",
        "",
        facts.purpose,
        "",
        f"- Start: {facts.start}; seed {facts.seed}; {facts.parameters:,} numbers in the network.",
        f"- Epochs {facts.ended}: {', '.join(map(str, facts.epochs))}.",
        "- Scores are probabilities for the share of smoke among the calibration sequences; another share shifts them.",
        "",
        "| part | sequences | smoke | cameras |",
        "| --- | --- | --- | --- |",
        *(f"| {name} | {sequences} | {smokes} | {cameras} |" for name, sequences, smokes, cameras in facts.counts),
        "",
    ]
    left_out = [f"{count} {name}" for name, count in facts.left_out if count]
    lines += [f"Left out: {', '.join(left_out)}." if left_out else "Nothing was left out.", "", "## On held-out cameras", ""]
    return "\n".join([*lines, "```", evaluation_table(evaluation), "```", ""])
