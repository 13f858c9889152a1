"""What the page may not know of the sequences of a running blind session: their scores, buckets, labels and all that follows from them.

Pure. Such a row is held with the reason "audit": no threshold moves it, no filter by score or bucket finds it, and everybody sees why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from triage.report.rows import MODEL_SCORES
from triage.server.schemas import Neighbour, Row, SequenceDetail

__all__ = ["REASON", "Blind", "blind_detail", "blind_table", "rows_version"]

#: The hold_reason of a row that an audit hides.
REASON = "audit"

#: Columns of `triage.report.rows.SCHEMA` that tell what the model or the annotator thinks, and what is said instead.
_INSTEAD: dict[str, Any] = {
    "triage_bucket": "hold", "hold_reason": REASON, "decision": "keep", "outcome": "n/a", "label": "unknown", "triage_score": None,
    "score": None, "probability": None, "num_tubes_kept": None, "trigger_frame_index": None,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Blind:
    """A running session. tag: changes when `keys` do, and is part of every version of what is shown. keys: what the audit shows."""

    tag: str
    keys: frozenset[str]


def rows_version(version: str, blind: Blind | None) -> str:
    """Of a report's rows as they are shown. version: of the report; blind: the session that runs, None = none does."""
    return version if blind is None else f"{version}-{blind.tag}"


def blind_table(table: pa.Table, keys: frozenset[str]) -> pa.Table:
    """`table` (a report's rows) with nothing of those `keys` that an audit hides. Rows and their order stay."""
    hidden = pa.array(np.isin(np.array(table["key"].to_pylist(), dtype=object), list(keys)))
    of_models = {MODEL_SCORES: None} if MODEL_SCORES in table.column_names else {}
    for name, instead in {**_INSTEAD, **of_models}.items():
        place = table.schema.get_field_index(name)
        field = table.schema.field(place)
        table = table.set_column(place, field, pc.if_else(hidden, pa.scalar(instead, field.type), table[name]))
    return table


def blind_detail(detail: SequenceDetail, keys: frozenset[str]) -> SequenceDetail:
    """`detail` with nothing that an audit hides: of the sequence itself, when it is one of `keys`, and of its neighbours."""
    if detail.row.key not in keys:
        return detail.model_copy(
            update={name: [_neighbour(one, keys) for one in getattr(detail, name)] for name in ("same_camera", "same_alert")}
        )
    frames = [
        frame.model_copy(
            update={"boxes": frame.boxes and [box.model_copy(update={"confidence": None}) for box in frame.boxes]},
        )
        for frame in detail.frames
    ]
    nothing: dict[str, Any] = dict.fromkeys(
        (
            "num_candidates", "num_outside_roi", "decisive_tube_id", "trigger_tube_id", "aggregation", "model_threshold",
            "temporal_model_score", "annotator_url",
        )
    )  # fmt: skip
    lists: dict[str, Any] = {name: [] for name in ("tubes", "same_camera", "same_alert", "smoke_types", "false_positive_types")}
    row = detail.row.model_copy(update={name: instead for name, instead in _INSTEAD.items() if name in Row.model_fields})
    return detail.model_copy(update={**nothing, **lists, "row": row, "frames": frames})


def _neighbour(one: Neighbour, keys: frozenset[str]) -> Neighbour:
    return one.model_copy(update={"triage_score": None, "triage_bucket": "hold", "label": "unknown"}) if one.key in keys else one
