"""queue.json: the last listing, when it was made, and what became of each sequence. Local and git-ignored, so it may carry the time.

    format, stage, filters, listed_at, listing {complete, why_incomplete, limited, total_first, total_last, repeats, pages},
    counts {listed, stored, already_there, failed, left, not_tried}, sequences [{sequence_id, outcome, change?, frames?, reason?}]

`listed = stored + already_there + failed + left (+ not_tried when the pull was interrupted)`. sequence_id null = a row that could not be
read at all. `sequences` is the last key and has one line for each, so that a queue of any size is written without holding it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from triage.annotator import Listing
from triage.files import open_atomic
from triage.pull.ledger import Entry, Ledger

__all__ = ["QUEUE_FORMAT", "listing_facts", "write_queue"]

QUEUE_FORMAT = 1


def listing_facts(listing: Listing) -> dict[str, Any]:
    """What the listing can say for itself."""
    return {
        "complete": listing.complete,
        "limited": listing.limited,
        "pages": listing.pages,
        "repeats": listing.repeats,
        "total_first": listing.total_first,
        "total_last": listing.total_last,
        "why_incomplete": listing.why_incomplete,
    }


def write_queue(path: Path, listing: Listing, ledger: Ledger, counts: Mapping[str, int]) -> None:
    """Write it atomically."""
    query = listing.query
    head = {
        "counts": dict(counts),
        "filters": {
            "camera": query.camera,
            "organization": query.organization,
            "since": None if query.since is None else query.since.isoformat(),
            "until": None if query.until is None else query.until.isoformat(),
        },
        "format": QUEUE_FORMAT,
        "listed_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "listing": listing_facts(listing),
        "stage": query.stage,
    }
    with open_atomic(path) as file:
        lines = json.dumps(head, indent=1, sort_keys=True, ensure_ascii=False)
        file.write(f'{lines.removesuffix("}").rstrip()},\n "sequences": ['.encode())
        for number, entry in enumerate(ledger.entries()):
            file.write(f"{',' if number else ''}\n  {_line(entry)}".encode())
        file.write(b"\n ]\n}\n")


def _line(entry: Entry) -> str:
    optional = {"change": entry.change, "frames": entry.frames or None, "reason": entry.reason}
    said = {name: value for name, value in optional.items() if value is not None}
    outcome = entry.outcome or "not_tried"
    return json.dumps({"sequence_id": entry.sequence_id, "outcome": outcome, **said}, sort_keys=True, ensure_ascii=False)
