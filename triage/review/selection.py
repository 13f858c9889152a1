"""Selections: an expression over a report's rows and what reviewers said, minus exclusions. Never a list of ids in the page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from triage.report import rebucket
from triage.review.events import Selected, ids_digest
from triage.review.fold import Standings, State
from triage.review.log import FEW
from triage.review.where import Columns, Mask, matches

__all__ = ["Rows", "Selection"]


@dataclass(frozen=True, slots=True)
class Selection:
    """The ids that an expression resolved to, in the order of the report, and how to name them in an event."""

    where: str
    threshold: float
    exclusions: tuple[int, ...]
    ids: tuple[int, ...]

    def selected(self, variant: str) -> Selected:
        """As an event carries it: few ids stand in the event itself, many in a set file named by the digest."""
        few = tuple(sorted(self.ids)) if len(self.ids) <= FEW else None
        return Selected(variant, self.threshold, self.where, self.exclusions, len(self.ids), ids_digest(self.ids), few)


class Rows:
    """A report's rows as columns for expressions. Made once for a report; what reviewers said is added when it is asked."""

    def __init__(self, table: pa.Table, variant: str, threshold: float) -> None:
        self.variant, self.threshold = variant, threshold
        self._table = table
        self.ids: npt.NDArray[np.int64] = table["sequence_id"].to_numpy().astype(np.int64)
        self.keys: list[str] = table["key"].to_pylist()
        self._report = _report_columns(table)
        self._cut: dict[float, dict[str, npt.NDArray[np.generic]]] = {}
        self._row_of: dict[int, int] | None = None
        self._standings: tuple[State, int, Standings] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def model_version(self) -> str:
        """The version of the model that scored the rows ("" for an empty report)."""
        return str(self._table["model_version"][0].as_py()) if len(self) else ""

    def row_of(self, sequence_id: int) -> int | None:
        """The row of a sequence; None = it is not in the report."""
        if self._row_of is None:
            self._row_of = {int(number): row for row, number in enumerate(self.ids)}
        return self._row_of.get(sequence_id)

    def score(self, row: int) -> float | None:
        """triage_score of a row; None = held."""
        value = self._report["score"][row]
        return None if np.isnan(value) else float(value)

    def value(self, row: int, field: str, threshold: float | None = None) -> object:
        """A field of the selection language of one row (text, number or NaN)."""
        if field in ("bucket", "hold_reason", "outcome"):
            return self._at(self.threshold if threshold is None else threshold)[field][row]
        return self._report[field][row]

    def standings(self, state: State) -> Standings:
        """What everybody said of these rows; the same again while nobody said more."""
        known = self._standings
        if known is None or known[0] is not state or known[1] != state.version:
            self._standings = known = (state, state.version, state.standings(self.ids))
        return known[2]

    def select(
        self,
        where: str,
        exclusions: Iterable[int] = (),
        *,
        state: State,
        reviewer: str | None = None,
        threshold: float | None = None,
    ) -> Selection:
        """Resolve an expression. reviewer: whose decisions "mine" means. threshold: where buckets are cut; None = the report's own."""
        cut = self.threshold if threshold is None else threshold
        mask = matches(where, self.columns(state, reviewer, cut))
        left_out = tuple(sorted(set(exclusions)))
        if left_out:
            mask &= ~np.isin(self.ids, left_out)
        return Selection(where, cut, left_out, tuple(int(number) for number in self.ids[mask]))

    def columns(self, state: State, reviewer: str | None, threshold: float) -> Columns:
        """Everything an expression may ask of these rows."""
        said, flags = self._review_columns(state, reviewer)
        return Columns(len(self), {**self._report, **self._at(threshold), **said}, flags)

    def _at(self, threshold: float) -> dict[str, npt.NDArray[np.generic]]:
        if threshold not in self._cut:
            # A slider passes many thresholds; two are enough to go back and forth.
            while len(self._cut) > 1:
                self._cut.pop(next(iter(self._cut)))
            table = self._table if threshold == self.threshold else rebucket(self._table, threshold)
            names = {"bucket": "triage_bucket", "hold_reason": "hold_reason", "outcome": "outcome"}
            self._cut[threshold] = {field: _text(table[name]) for field, name in names.items()}
        return self._cut[threshold]

    def _review_columns(self, state: State, reviewer: str | None) -> tuple[dict[str, npt.NDArray[np.generic]], dict[str, Mask]]:
        standings = self.standings(state)
        known = standings.distinct
        words, verdicts, who, tags = (np.full(len(known) + 1, None, dtype=object) for _ in range(4))
        decided, disagreement, mine, others = (np.zeros(len(known) + 1, dtype=bool) for _ in range(4))
        tags.fill(())
        for code, standing in enumerate(known):
            decision = standing.decision
            tags[code] = tuple(sorted({tag for opinion in standing.opinions for tag in opinion.decision.tags}))
            who[code] = standing.opinions[0].reviewer if len(standing.opinions) == 1 else "several"
            mine[code] = reviewer is not None and any(opinion.reviewer == reviewer for opinion in standing.opinions)
            others[code] = reviewer is not None and not mine[code] and any(one.decision.verdict != "later" for one in standing.opinions)
            if decision is None:
                disagreement[code] = True
            else:
                decided[code], words[code], verdicts[code] = decision.verdict != "later", decision.words, decision.verdict
        # The last place stands for "nobody said anything": that is code -1.
        said = {"decision": words, "verdict": verdicts, "reviewer": who, "tag": tags}
        flags = {"decided": decided, "disagreement": disagreement, "mine": mine, "second_look": others}
        return (
            {name: values[standings.codes] for name, values in said.items()},
            {name: values[standings.codes] for name, values in flags.items()},
        )


def _text(column: pa.ChunkedArray) -> npt.NDArray[np.generic]:
    return np.asarray(column.cast(pa.string()).to_pandas().to_numpy(dtype=object, na_value=None), dtype=object)


def _numbers(column: pa.ChunkedArray) -> npt.NDArray[np.generic]:
    return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)


def _report_columns(table: pa.Table) -> dict[str, npt.NDArray[np.generic]]:
    text = {"key": "key", "organization": "organization_name", "camera": "camera_name", "label": "label", "model_version": "model_version"}
    numbers = {
        "sequence_id": "sequence_id", "score": "triage_score", "azimuth": "azimuth", "frames": "num_frames",
        "tubes": "num_tubes_kept", "trigger": "trigger_frame_index", "alert": "platform_alert_id",
    }  # fmt: skip
    columns: dict[str, npt.NDArray[np.generic]] = {field: _text(table[name]) for field, name in text.items()}
    columns |= {field: _numbers(table[name]) for field, name in numbers.items()}
    moments = pd.to_datetime(pd.Series(table["started_at"].to_pandas()), utc=True, format="ISO8601", errors="coerce")
    seconds = moments.astype("datetime64[ms, UTC]").astype("int64").to_numpy(dtype=np.float64) / 1000
    seconds[moments.isna().to_numpy()] = np.nan
    columns["started_at"] = seconds
    parts = [columns["key"], columns["organization"], columns["camera"], _text(table["hold_reason"])]
    columns["text"] = np.array([" ".join(str(part) for part in row if part is not None) for row in zip(*parts, strict=True)], dtype=object)
    return columns
