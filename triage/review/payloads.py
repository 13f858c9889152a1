"""From decisions to payloads for the annotator's bulk call. Pure: rows and state go in, payloads and refusals come out.

A payload is exactly the body of `POST /api/v1/annotations/sequences/bulk`. triage never sends it; a human does. An applied false positive
goes straight into the training negatives, so everything doubtful is refused by name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from typing import Any

from triage.review.decisions import Decision
from triage.review.fold import Standing, State
from triage.review.selection import Rows
from triage.sequences import FALSE_POSITIVE_TYPES, SMOKE_TYPES

__all__ = ["MOST_IDS", "Label", "Payload", "PayloadPlan", "Refusal", "build_payloads"]

#: The annotator commits once per id: a longer call times out half done.
MOST_IDS = 200
UNLABELED = "unlabeled"


@dataclass(frozen=True, slots=True, order=True)
class Label:
    """One label of the annotator: field is "smoke_type" or "false_positive_type"."""

    field: str
    name: str

    @property
    def order(self) -> tuple[int, int]:
        """Smoke first, then true types in the annotator's order; "unlabeled" comes last in it."""
        names = SMOKE_TYPES if self.field == "smoke_type" else FALSE_POSITIVE_TYPES
        return (0 if self.field == "smoke_type" else 1, names.index(self.name))


@dataclass(frozen=True, slots=True)
class Payload:
    """One call: at most MOST_IDS ids, ascending, and their one label."""

    label: Label
    sequence_ids: tuple[int, ...]

    @property
    def body(self) -> dict[str, Any]:
        """Exactly what the bulk call takes."""
        return {"sequence_ids": list(self.sequence_ids), self.label.field: self.label.name, "is_unsure": False, "force": False}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A sequence that is in no payload, and why. reason: one of held, disagreement, alert_has_smoke, several_types, unsure, later,
    beside_smoke, not_in_report."""

    sequence_id: int
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class PayloadPlan:
    """payloads in the order to send. refused ascending by id; those an answer was given for by name are not in it.

    undecided: ids of the Unlabel bucket that nobody looked at one by one: undecided, or "unlabeled" by an expression. This is what a
    certificate must cover.
    """

    payloads: tuple[Payload, ...]
    refused: tuple[Refusal, ...]
    undecided: tuple[int, ...]
    decided_by: Mapping[int, str]

    @property
    def labels(self) -> dict[int, Label]:
        """The label of every id in a payload."""
        return {number: payload.label for payload in self.payloads for number in payload.sequence_ids}


def build_payloads(
    rows: Rows,
    state: State,
    *,
    undecided_unlabel: bool = False,
    include: Iterable[int] = (),
    back_in_review: Set[int] = frozenset(),
    elsewhere: Mapping[int, float | None] | None = None,
) -> PayloadPlan:
    """Plan the calls.

    undecided_unlabel: also send the Unlabel bucket's undecided sequences as "unlabeled". include: ids taken in by name although a rule
    refuses them (held, or an alert with smoke); disagreements, several types and unsure are never sent, there is no call for them.
    back_in_review: ids beside a smoke that an audit found; without a look of their own they are not discarded. elsewhere: decided ids that
    have no row here and their alerts (`decided_elsewhere`): they are refused by name, and a smoke among them guards its alert.
    """
    by_name = frozenset(include)
    elsewhere = {} if elsewhere is None else elsewhere
    smoke_alerts = _alerts_with_smoke(rows, state, elsewhere)
    wanted: dict[Label, list[int]] = defaultdict(list)
    refused = [_not_here(rows, number, state.standing(number), alert) for number, alert in elsewhere.items()]
    undecided: list[int] = []
    decided_by: dict[int, str] = {}
    for row, number in enumerate(rows.ids.tolist()):
        standing = state.standing(number)
        bucket = rows.value(row, "bucket")
        if standing is None:
            if not undecided_unlabel or bucket != "unlabeled":
                continue
            decision = Decision("false_positive", (UNLABELED,))
        elif standing.decision is None:
            said = ", ".join(f"{opinion.reviewer}: {opinion.decision.words}" for opinion in standing.opinions)
            refused.append(Refusal(number, "disagreement", f"reviewers disagree ({said}); settle it with `triage decide --settle`"))
            continue
        else:
            decision = standing.decision
        refusal = _refusal(rows, row, number, decision, smoke_alerts, by_name)
        if refusal is not None:
            refused.append(refusal)
            continue
        if standing is None or (bucket == "unlabeled" and decision.types == (UNLABELED,) and not standing.looked_at):
            if number in back_in_review and number not in by_name:
                refused.append(
                    Refusal(
                        number,
                        "beside_smoke",
                        "same camera, direction and day as a smoke that the audit found, and nobody has opened it; "
                        f"--include {number} takes it in",
                    )
                )
                continue
            undecided.append(number)
        if standing is not None:
            decided_by[number] = ", ".join(opinion.reviewer for opinion in standing.opinions)
        field = "smoke_type" if decision.verdict == "smoke" else "false_positive_type"
        wanted[Label(field, decision.types[0])].append(number)
    payloads = [
        Payload(label, tuple(ids[start : start + MOST_IDS]))
        for label in sorted(wanted, key=lambda label: label.order)
        for ids in [sorted(wanted[label])]
        for start in range(0, len(ids), MOST_IDS)
    ]
    return PayloadPlan(tuple(payloads), tuple(sorted(refused, key=lambda one: one.sequence_id)), tuple(sorted(undecided)), decided_by)


def _refusal(
    rows: Rows, row: int, number: int, decision: Decision, smoke_alerts: Mapping[float, set[int]], by_name: frozenset[int]
) -> Refusal | None:
    if decision.verdict == "unsure":
        return Refusal(number, "unsure", "the bulk call cannot say unsure; open it in the annotator")
    if decision.verdict == "later":
        return Refusal(number, "later", "kept for later")
    if len(decision.types) > 1:
        return Refusal(number, "several_types", f"the bulk call takes one type, found {decision.words}; open it in the annotator")
    if number in by_name:
        return None
    if rows.value(row, "bucket") == "hold":
        return Refusal(number, "held", f"held ({rows.value(row, 'hold_reason')}): no score may be trusted; --include {number} takes it in")
    if decision.verdict == "false_positive":
        alert = rows.value(row, "alert")
        others = smoke_alerts.get(alert, set()) - {number} if isinstance(alert, float) else set()
        if others:
            shown = ", ".join(str(other) for other in sorted(others)[:5])
            return Refusal(
                number,
                "alert_has_smoke",
                f"its alert has another sequence decided or scored as smoke ({shown}); --include {number} takes it in",
            )
    return None


def _not_here(rows: Rows, number: int, standing: Standing | None, alert: float | None) -> Refusal:
    said = "; ".join(f"{one.decision.words} by {one.reviewer}" for one in standing.opinions) if standing is not None else "decided"
    guards = "" if alert is not None else ", and as its alert is not known it guards no other sequence"
    return Refusal(
        number,
        "not_in_report",
        f"{said}, but not in the report {rows.variant}{guards}; plan it from a report that has it (--variant), or pull and score it again",
    )


def _alerts_with_smoke(rows: Rows, state: State, elsewhere: Mapping[int, float | None]) -> dict[float, set[int]]:
    """alert -> its sequences that are decided as smoke, or scored as smoke and not decided otherwise ("later" decides nothing)."""
    found: dict[float, set[int]] = defaultdict(set)
    for row, number in enumerate(rows.ids.tolist()):
        alert = rows.value(row, "alert")
        if not isinstance(alert, float) or alert != alert:
            continue
        standing = state.standing(number)
        said = {opinion.decision.verdict for opinion in standing.opinions} if standing is not None else set()
        scored = said <= {"later"} and rows.value(row, "bucket") == "review"
        if scored or said & {"smoke", "unsure"}:
            found[alert].add(number)
    for number, known in elsewhere.items():
        standing = state.standing(number)
        if known is not None and standing is not None and {one.decision.verdict for one in standing.opinions} & {"smoke", "unsure"}:
            found[known].add(number)
    return found
