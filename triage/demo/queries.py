"""Requests and answers of the annotator at home, and what a query or a body must look like: a wrong one ends in the recorded 422.

Pure. `api` decides what is answered.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from triage.demo.table import parse_time
from triage.demo.wire import Json, range_error
from triage.sequences import FALSE_POSITIVE_TYPES, SMOKE_TYPES

__all__ = [
    "Answer", "Query", "Refused", "Request", "answer_json", "bulk_problem", "cursor_of", "detail", "json_body", "number_of", "page_of",
    "text_of", "time_of", "word_of",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Request:
    """One request. target: path and query as sent. authorization: that header, None = not sent."""

    method: str
    target: str
    authorization: str | None = None
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. cut: send only so many bytes of the body, then close; None = all of it."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None


class Refused(Exception):
    """A request that ends early with `answer`."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


Query = dict[str, list[str]]


def answer_json(content: object, status: int = 200) -> Answer:
    """`content` as the compact JSON that the server sends."""
    return Answer(status, json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode())


def detail(status: int, words: object) -> Answer:
    """A refusal: `{"detail": words}`."""
    return answer_json({"detail": words}, status)


def json_body(request: Request) -> Json:
    """The body as a JSON object. Raises Refused (422) when it is none."""
    try:
        content = json.loads(request.body or b"null")
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise Refused(detail(422, [{"type": "missing", "loc": ["body"], "msg": "Field required", "input": None}]))
    return content


def text_of(query: Query, name: str) -> str | None:
    """The last value of a parameter; None = it is not there."""
    return query[name][-1] if name in query else None


def number_of(query: Query, name: str, default: int | None = None) -> int | None:
    """A whole number. Raises Refused (422) when it is none."""
    text = text_of(query, name)
    if text is None:
        return default
    try:
        return int(text)
    except ValueError:
        raise Refused(detail(422, [range_error(name, text)])) from None


def time_of(query: Query, name: str) -> datetime | None:
    """A time, UTC when it names no zone. Raises Refused (422) when it is none."""
    text = text_of(query, name)
    if text is None:
        return None
    try:
        # A "+" of the zone that was not percent-encoded arrives as a space.
        return parse_time(re.sub(r" (\d\d:?\d\d)$", r"+\1", text))
    except ValueError:
        words = "invalid datetime separator, expected `T`, `t`, `_` or space"
        problem = {"type": "datetime_from_date_parsing", "loc": ["query", name], "msg": f"Input should be a valid datetime, {words}"}
        raise Refused(detail(422, [{**problem, "input": text, "ctx": {"error": words}}])) from None


def word_of(query: Query, name: str, known: tuple[str, str]) -> str:
    """One of two words; the first is the default."""
    text = text_of(query, name) or known[0]
    if text not in known:
        expected = " or ".join(f"'{word}'" for word in sorted(known))
        problem = {"type": "enum", "loc": ["query", name], "msg": f"Input should be {expected}", "input": text}
        raise Refused(detail(422, [{**problem, "ctx": {"expected": expected}}]))
    return text


def page_of(query: Query) -> tuple[int, int]:
    """Page (from 1) and size (1 to 100). Raises Refused (422) outside of that."""
    page, size = number_of(query, "page", 1) or 0, number_of(query, "size", 50) or 0
    problems = []
    if page < 1:
        problems.append(range_error("page", query["page"][-1], ge=1))
    if size < 1:
        problems.append(range_error("size", query["size"][-1], ge=1))
    if size > 100:
        problems.append(range_error("size", query["size"][-1], le=100))
    if problems:
        # The running server lists each of them twice: the page's parameters are declared by two dependencies.
        raise Refused(detail(422, [problem for problem in problems for _ in range(2)]))
    return page, size


def cursor_of(query: Query) -> tuple[str, int] | None:
    """(source_api, platform_alert_id) after which an export goes on; None = from the start. Raises Refused (422)."""
    text = text_of(query, "cursor")
    if text is None:
        return None
    source, _, alert = text.rpartition(":")
    if not source or not alert.isdigit():
        raise Refused(detail(422, "Invalid cursor"))
    return source, int(alert)


def bulk_problem(content: Json) -> Json | None:
    """The entry of a 422 that says what is wrong with a bulk call; None = nothing is."""
    ids = content.get("sequence_ids")
    if not isinstance(ids, list):
        return {"type": "missing", "loc": ["body", "sequence_ids"], "msg": "Field required", "input": content}
    if not ids:
        return {
            "type": "too_short",
            "loc": ["body", "sequence_ids"],
            "msg": "List should have at least 1 item after validation, not 0",
            "input": [],
            "ctx": {"field_type": "List", "min_length": 1, "actual_length": 0},
        }
    smoke, other = content.get("smoke_type"), content.get("false_positive_type")
    if (smoke is None) == (other is None):
        words = "exactly one of smoke_type or false_positive_type must be set"
        return {"type": "value_error", "loc": ["body"], "msg": f"Value error, {words}", "input": content, "ctx": {"error": words}}
    for name, value, known in (("smoke_type", smoke, SMOKE_TYPES), ("false_positive_type", other, FALSE_POSITIVE_TYPES)):
        if value is not None and value not in known:
            expected = ", ".join(f"'{word}'" for word in known[:-1]) + f" or '{known[-1]}'"
            return {
                "type": "enum",
                "loc": ["body", name],
                "msg": f"Input should be {expected}",
                "input": value,
                "ctx": {"expected": expected},
            }
    return None
