"""Events: one line of a decision log each. Reading and writing lines; no files here.

An event names what it acts on by its selection: the expression that a person typed or clicked, how many sequences it resolved to, and
the digest of exactly those ids, so that a log means the same for ever, whatever report comes later.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Literal, NamedTuple, cast

import orjson

from triage.errors import BadFile
from triage.files import sha256_bytes
from triage.review.decisions import Decision

__all__ = ["EVENT_FORMAT", "Event", "Kind", "Selected", "decode_ids", "encode_ids", "ids_digest", "line_of", "parse_line"]

EVENT_FORMAT = 1

#: "decide" acts on a selection; "undo" takes the event `target` back (an undone undo is a redo); "view", "assign" and "snapshot"
#: carry `content`. "audit": a blind session begins. "answer": what was said of one sequence in it; both name the audit in `content`.
Kind = Literal["decide", "undo", "view", "assign", "snapshot", "audit", "answer"]
_KINDS = frozenset(("decide", "undo", "view", "assign", "snapshot", "audit", "answer"))


class Selected(NamedTuple):
    """What an event acted on.

    variant, threshold: the report and the cut it was seen at. where, exclusions: the expression and the ids taken out by hand.
    size, digest: what it resolved to (`ids_digest`). ids: the resolved ids themselves when they are few; None = they lie in the set
    file that `digest` names.
    """

    variant: str
    threshold: float
    where: str
    exclusions: tuple[int, ...]
    size: int
    digest: str
    ids: tuple[int, ...] | None


class Event(NamedTuple):
    """One line. at: ISO 8601, UTC. seconds: the reviewer's time spent on it, None = not measured.

    evidence: model_version, and the score of a single sequence. settles: events whose disagreement this one ends.
    """

    id: str
    at: str
    reviewer: str
    kind: Kind
    selected: Selected | None = None
    decision: Decision | None = None
    target: str | None = None
    content: Mapping[str, Any] | None = None
    evidence: Mapping[str, Any] | None = None
    seconds: float | None = None
    settles: tuple[str, ...] = ()


def encode_ids(ids: Iterable[int]) -> bytes:
    """Ascending ids as text, runs folded: "1-300,305,310-312". Small, readable, and the same for the same set."""
    runs: list[str] = []
    ordered = sorted(set(ids))
    for _, group in itertools.groupby(enumerate(ordered), key=lambda pair: pair[1] - pair[0]):
        members = [number for _, number in group]
        runs.append(str(members[0]) if len(members) == 1 else f"{members[0]}-{members[-1]}")
    return ",".join(runs).encode()


def decode_ids(text: bytes) -> tuple[int, ...]:
    """The inverse of `encode_ids`. Raises ValueError when it is not such a text."""
    ids: list[int] = []
    for run in text.decode("ascii").split(",") if text else ():
        first, _, last = run.partition("-")
        ids.extend(range(int(first), int(last or first) + 1))
    return tuple(ids)


def ids_digest(ids: Iterable[int]) -> str:
    """sha256 of `encode_ids`: two selections with one digest are the same set."""
    return sha256_bytes(encode_ids(ids))


def line_of(event: Event, previous: str) -> bytes:
    """The line, without its newline. previous: the sha256 of the line before it in the same log."""
    record: dict[str, Any] = {
        "format": EVENT_FORMAT,
        "id": event.id,
        "at": event.at,
        "reviewer": event.reviewer,
        "kind": event.kind,
        "previous": previous,
    }
    if event.selected is not None:
        chosen = event.selected
        record["selection"] = {
            "variant": chosen.variant,
            "threshold": chosen.threshold,
            "where": chosen.where,
            "except": chosen.exclusions,
            "count": chosen.size,
            "digest": chosen.digest,
            **({} if chosen.ids is None else {"ids": chosen.ids}),
        }
    if event.decision is not None:
        said = event.decision
        record["decision"] = {"verdict": said.verdict, "types": said.types, "note": said.note, "tags": said.tags}
    for name in ("target", "content", "evidence", "seconds"):
        value = getattr(event, name)
        if value is not None:
            record[name] = value
    if event.settles:
        record["settles"] = event.settles
    return orjson.dumps(record, option=orjson.OPT_SORT_KEYS)


def parse_line(line: bytes, name: str, number: int) -> tuple[Event, str]:
    """(the event, the digest of the line before it that it claims). Raises BadFile, naming log and line, when it is no event."""
    try:
        record = orjson.loads(line)
        if record["format"] != EVENT_FORMAT:
            raise BadFile(f"{name}: line {number}: expected format {EVENT_FORMAT}, found {record['format']!r}; upgrade triage to read it")
        if record["kind"] not in _KINDS:
            raise BadFile(f"{name}: line {number}: unknown kind of event {record['kind']!r}; upgrade triage to read it")
        return (
            Event(
                id=record["id"],
                at=record["at"],
                reviewer=record["reviewer"],
                kind=cast(Kind, record["kind"]),
                selected=_selected(record.get("selection")),
                decision=_decision(record.get("decision")),
                target=record.get("target"),
                content=record.get("content"),
                evidence=record.get("evidence"),
                seconds=record.get("seconds"),
                settles=tuple(record.get("settles", ())),
            ),
            record["previous"],
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadFile(f"{name}: line {number}: not a decision event ({type(error).__name__}: {error})") from error


def _selected(record: Mapping[str, Any] | None) -> Selected | None:
    if record is None:
        return None
    ids = record.get("ids")
    return Selected(
        record["variant"],
        record["threshold"],
        record["where"],
        tuple(record["except"]),
        record["count"],
        record["digest"],
        None if ids is None else tuple(ids),
    )


def _decision(record: Mapping[str, Any] | None) -> Decision | None:
    if record is None:
        return None
    return _known_decision(record["verdict"], tuple(record["types"]), record.get("note", ""), tuple(record.get("tags", ())))


# Checking the vocabulary once per distinct decision, not once per line, is a tenth of the time of a fold.
_known_decision = lru_cache(maxsize=4096)(Decision)
