"""What labels of whole camera-days say of the Unlabel bucket, when no audit drew them: somebody looked at all that a camera saw that day.

Such labels are worth far fewer than they are many, because smokes come in swarms: the camera-day is the unit, not the sequence.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from triage.audit.clusters import anova_icc, design_effect_upper
from triage.audit.report import AuditLabel
from triage.errors import BadSetting
from triage.review.audit_inputs import labels_of, looked_at, split_rows
from triage.review.fold import State
from triage.review.selection import Rows

__all__ = ["DaysBound", "bound_from_days"]


@dataclass(frozen=True, slots=True)
class DaysBound:
    """days: whole camera-days, labelled; partial: days left out because some of their sequences of the bucket have no label.

    sequences, hits: of the whole days; effect: how many of their labels weigh as much as one drawn by chance. upper: no more smokes in the
    bucket than this, if the days were chosen by chance. icc: correlation within a day, None = undefined; for reading only.
    """

    bucket: int
    days: int
    partial: int
    sequences: int
    hits: int
    effect: float
    upper: int
    icc: float | None
    text: str


def bound_from_days(rows: Rows, state: State, given: Mapping[str, AuditLabel] | None, confidence: float) -> DaysBound:
    """The bound with the design effect of days that are all of one piece. Raises BadSetting when no camera-day is labelled whole."""
    split, labels = split_rows(rows), labels_of(rows, state, given)
    seen = looked_at(rows, state) | (given or {}).keys()
    days: dict[str, list[str]] = defaultdict(list)
    for key in split.unlabel:
        organization, camera, _, day = split.place_of[key].rsplit("|", 3)
        days[f"{organization}|{camera}|{day}"].append(key)
    whole = [keys for keys in days.values() if all(key in seen for key in keys)]
    partial = sum(any(key in seen for key in keys) for keys in days.values()) - len(whole)
    if not whole:
        raise BadSetting(
            f"no camera-day of the {len(split.unlabel)} sequences is labelled whole ({partial} in part); label whole days, or draw with "
            "`triage audit plan`"
        )
    hits = [sum(labels[key] != "fp" for key in keys) for keys in whole]
    sizes = [len(keys) for keys in whole]
    x, n, N = sum(hits), sum(sizes), len(split.unlabel)
    effect, share = design_effect_upper(x, sizes, alpha=round(1 - confidence, 12))
    upper = min(math.floor(N * share), N - (n - x))
    text = (
        f"{len(whole)} camera-days of the bucket are labelled whole: {x} smoke among {n} sequences, which weigh like {n / effect:.0f} "
        f"drawn one by one.\nIf these days were chosen by chance, and not because somebody saw something: {confidence:.0%} sure of no more "
        f"than {upper} smokes among {N}.\nThis is a rule of thumb and no certificate: it held in every simulation, but is not proved. "
        "`triage audit plan` draws sequences, which needs far fewer labels."
    )
    return DaysBound(N, len(whole), partial, n, x, effect, upper, anova_icc(hits, sizes), text)
