"""The annotator's calls: a request in, an answer out. No sockets (see `server`), no state of its own beyond tokens and links.

Answers are those of the recorded examples, odd edges included: a misspelt stage is ignored, a page past the end is empty, an unknown
sequence has no detections, times come in two formats.
"""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import parse_qs, quote, unquote, urlsplit

from triage.demo.faults import Faults
from triage.demo.signing import Links, Tokens
from triage.demo.table import Listing, Row, Table, parse_time, stage_filter
from triage.demo.wire import (
    Json,
    alert_json,
    detection_json,
    group_json,
    page_json,
    range_error,
    sequence_json,
    verdict_json,
)
from triage.demo.world import World
from triage.sequences import FALSE_POSITIVE_TYPES, SMOKE_TYPES, Frame

__all__ = ["IMAGE_ROOT", "Answer", "Api", "Request"]

#: Where the object storage keeps the images (its bucket's name).
IMAGE_ROOT = "/annotation-api/"
_PREFIX = "/api/v1"


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


class _Refused(Exception):
    """A request that ends early with `answer`."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


Query = dict[str, list[str]]


def _answer(content: object, status: int = 200) -> Answer:
    return Answer(status, json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode())


def _detail(status: int, words: object) -> Answer:
    return _answer({"detail": words}, status)


class Api:
    """Answers the calls of `world` under `faults`. `image_host`: scheme and authority of the links."""

    def __init__(self, world: World, faults: Faults, *, login: str, password: str, image_host: str) -> None:
        key = os.urandom(32)
        self.table = Table(world, faults)
        self.tokens = Tokens(key, faults.token_seconds, faults.token_requests)
        self.links = Links(key, faults.link_seconds)
        self.faults = faults
        self.image_host = image_host
        self._world, self._login, self._password = world, login, password
        self._routes: dict[tuple[str, str], Callable[[Request, Query], Answer]] = {
            ("GET", "/users/me"): self._me,
            ("GET", "/sequences/"): self._sequences,
            ("GET", "/detections/"): self._detections,
            ("GET", "/cameras/"): self._cameras,
            ("GET", "/organizations/"): self._organizations,
            ("GET", "/sequence_groups/"): self._groups,
            ("GET", "/export/alerts"): self._export,
            ("POST", "/annotations/sequences/bulk"): self._bulk,
        }
        self._paths = {path for _, path in self._routes} | {"/auth/login"}
        by_id = {frame.detection_id: frame.bucket_key or "" for sequence in world.sequences for frame in sequence.frames}
        self._gone = {by_id[number] for number in faults.gone_images if number in by_id}
        self._damaged = {by_id[number] for number in faults.damaged if number in by_id}
        self._pages_for_images = {by_id[number] for number in faults.not_images if number in by_id}
        self._link_uses: dict[str, int] = defaultdict(int)

    def answer(self, request: Request) -> Answer:
        """The API host's answer."""
        path, _, query = request.target.partition("?")
        if self.faults.html or not path.startswith(_PREFIX):
            return _web_page() if self.faults.html else _detail(404, "Not Found")
        if self.faults.redirect_api_to:
            return Answer(307, b"", headers={"location": self.faults.redirect_api_to + request.target})
        path = path.removeprefix(_PREFIX)
        try:
            if path == "/auth/login":
                return self._log_in(request)
            route = self._routes.get((request.method, path))
            link = re.fullmatch(r"/detections/(\d+)/url", path) if route is None and request.method == "GET" else None
            if route is None and link is None:
                if f"{path}/" in self._paths:
                    return Answer(307, b"", headers={"location": f"{_PREFIX}{path}/{'?' if query else ''}{query}"})
                return _detail(405, "Method Not Allowed") if path in self._paths else _detail(404, "Not Found")
            self._check_token(request)
            if link is not None:
                return self._link(int(link[1]))
            assert route is not None
            return route(request, parse_qs(query))
        except _Refused as refused:
            return refused.answer

    def image(self, request: Request) -> Answer | str:
        """The image host's answer, or the bucket key of the image to be sent."""
        if request.method != "GET":
            return _storage_error(405, "MethodNotAllowed")
        if request.authorization is not None:
            return _storage_error(400, "InvalidArgument", "Only one auth mechanism allowed")
        path = urlsplit(request.target).path
        bucket_key = unquote(path).removeprefix(IMAGE_ROOT)
        refusal = self.links.refusal(request.target)
        if refusal is not None:
            return _storage_error(403, "AccessDenied" if refusal.startswith("Request") else refusal, refusal)
        self._link_uses[bucket_key] += 1
        if self._link_uses[bucket_key] <= self.faults.link_uses:
            return _storage_error(403, "AccessDenied", "Request has expired")
        if self.faults.redirect_to:
            return Answer(302, b"", headers={"location": self.faults.redirect_to})
        if bucket_key in self._gone:
            return _storage_error(404, "NoSuchKey", "The specified key does not exist.")
        if bucket_key in self._pages_for_images:
            return _web_page()
        return bucket_key

    def is_damaged(self, bucket_key: str) -> bool:
        """Whether the image is to be served cut short."""
        return bucket_key in self._damaged

    def _log_in(self, request: Request) -> Answer:
        if request.method != "POST":
            return _detail(405, "Method Not Allowed")
        content = _json_body(request)
        missing = [name for name in ("username", "password") if not isinstance(content.get(name), str)]
        if missing:
            return _detail(422, [{"type": "missing", "loc": ["body", name], "msg": "Field required", "input": content} for name in missing])
        if (content["username"], content["password"]) != (self._login, self._password):
            return _detail(401, "Incorrect username or password")
        return _answer({"access_token": self.tokens.issue(self._login), "token_type": "bearer"})

    def _check_token(self, request: Request) -> None:
        kind, _, token = (request.authorization or "").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise _Refused(_detail(401, "Not authenticated"))
        if not self.tokens.accept(token.strip()):
            raise _Refused(_detail(401, "Could not validate credentials"))

    def _me(self, request: Request, query: Query) -> Answer:
        return _answer(
            {
                "username": self._login,
                "is_active": True,
                "is_superuser": False,
                "can_localize": False,
                "id": 1,
                "created_at": "2026-05-01T08:00:00Z",
                "updated_at": None,
                "is_system": False,
            }
        )

    def _sequences(self, request: Request, query: Query) -> Answer:
        page, size = _page_of(query)
        include = query.get("include_annotation", ["false"])[-1].lower() in ("true", "1", "yes", "on")
        listing = Listing(
            stages=stage_filter(query.get("processing_stage", [])),
            organization_id=_number(query, "organisation_id"),
            organization_name=_text(query, "organisation_name"),
            camera_id=_number(query, "camera_id"),
            camera_name=_text(query, "camera_name"),
            source_api=_text(query, "source_api"),
            platform_alert_id=_number(query, "platform_alert_id"),
            recorded_from=_time(query, "recorded_at_gte"),
            recorded_to=_time(query, "recorded_at_lte"),
            by_recorded=_word(query, "order_by", ("created_at", "recorded_at")) == "recorded_at",
            descending=_word(query, "order_direction", ("desc", "asc")) == "desc",
            page=page,
            size=size,
        )
        rows, total = self.table.page(listing)
        items = [sequence_json(row, with_annotation=include) for row in rows]
        return _answer(page_json(items, total, page, size, with_annotation=include))

    def _detections(self, request: Request, query: Query) -> Answer:
        page, size = _page_of(query)
        by_recorded = _word(query, "order_by", ("created_at", "recorded_at")) == "recorded_at"
        descending = _word(query, "order_direction", ("desc", "asc")) == "desc"
        sequence_id = _number(query, "sequence_id")
        row = None if sequence_id is None else self.table.row(sequence_id)
        rows = self.table.rows() if sequence_id is None else [row] if row is not None else []
        pairs = [(row, frame) for row in rows for frame in row.frames]
        # A stable sort: frames of equal time stay in the order of the table.
        pairs.sort(key=(lambda pair: pair[1].recorded_at or "") if by_recorded else (lambda pair: pair[1].detection_id or 0))
        if descending:
            pairs.reverse()
        shown = pairs[(page - 1) * size : page * size]
        return _answer(page_json([detection_json(*pair) for pair in shown], len(pairs), page, size))

    def _link(self, detection_id: int) -> Answer:
        frame = self.table.detection(detection_id)
        if frame is None:
            return _detail(404, "Detection not found")
        if detection_id in self.faults.vanished:
            return _detail(404, "File not found")
        return _answer({"url": self._image_link(frame)})

    def _image_link(self, frame: Frame) -> str:
        return self.links.sign(self.image_host, quote(IMAGE_ROOT + (frame.bucket_key or "")))

    def _cameras(self, request: Request, query: Query) -> Answer:
        names = {row.sequence.camera_id: row.sequence.camera_name for row in self.table.rows()}
        return _answer([{"id": key, "name": names[key]} for key in sorted(names, key=lambda key: names[key] or "")])

    def _organizations(self, request: Request, query: Query) -> Answer:
        names = {row.sequence.organization_id: row.sequence.organization_name for row in self.table.rows()}
        return _answer([{"id": key, "name": names[key]} for key in sorted(names, key=lambda key: names[key] or "")])

    def _groups(self, request: Request, query: Query) -> Answer:
        page, size = _page_of(query)
        members: dict[int, list[Row]] = defaultdict(list)
        for row in self.table.rows():
            if row.sequence.sequence_group_id is not None:
                members[row.sequence.sequence_group_id].append(row)
        ids = sorted(members, key=lambda group_id: (-len(members[group_id]), group_id))
        items = [group_json(group_id, members[group_id]) for group_id in ids[(page - 1) * size : page * size]]
        return _answer(page_json(items, len(ids), page, size))

    def _export(self, request: Request, query: Query) -> Answer:
        limit = _number(query, "limit", 100) or 0
        if not 1 <= limit <= 500:
            return _detail(422, [range_error("limit", query["limit"][-1], **({"ge": 1} if limit < 1 else {"le": 500}))])
        lanes: dict[tuple[str, int], list[Row]] = defaultdict(list)
        for row in self.table.rows():
            lanes[row.sequence.source_api or "pyronear_french", row.sequence.platform_alert_id or 0].append(row)
        after = _cursor(query)
        wanted = [
            (key, kept)
            for key, rows in sorted(lanes.items())
            if (after is None or key > after) and all(row.stage == "annotated" for row in rows)
            if (kept := [row for row in rows if not row.is_unsure]) and _exported(kept, query)
        ]
        page = wanted[:limit]
        cursor = f"{page[-1][0][0]}:{page[-1][0][1]}" if len(page) == limit else None
        return _answer({"items": [alert_json(rows, self._image_link) for _, rows in page], "next_cursor": cursor})

    def _bulk(self, request: Request, query: Query) -> Answer:
        content = _json_body(request)
        problem = _bulk_problem(content)
        if problem is not None:
            return _detail(422, [problem])
        group_id = content.get("group_id")
        groups = {row.sequence.sequence_group_id for row in self.table.rows()} - {None}
        if group_id is not None and group_id not in groups:
            return _detail(404, "Sequence group not found")
        verdicts = self.table.bulk(
            content["sequence_ids"],
            smoke_type=content.get("smoke_type"),
            false_positive_type=content.get("false_positive_type"),
            is_unsure=bool(content.get("is_unsure", False)),
            force=bool(content.get("force", False)),
        )
        return _answer(
            {
                "applied": [verdict_json(verdict) for verdict in verdicts if verdict.reason is None],
                "skipped": [verdict_json(verdict) for verdict in verdicts if verdict.reason is not None],
                "group_label_updated": group_id is not None,
            }
        )


def _exported(rows: list[Row], query: Query) -> bool:
    first = rows[0].sequence
    exact = (
        ("source_api", first.source_api),
        ("organisation_id", first.organization_id),
        ("organisation_name", first.organization_name),
        ("camera_id", first.camera_id),
        ("camera_name", first.camera_name),
    )
    if any(name in query and query[name][-1] != str(value) for name, value in exact):
        return False
    smoke, other = set(query.get("smoke_types", ())), set(query.get("false_positive_types", ()))
    if smoke and not any(smoke & set(row.smoke_types) for row in rows):
        return False
    if other and not any(other & set(row.false_positive_types) for row in rows):
        return False
    recorded = min((row.recorded_at for row in rows if row.recorded_at), default=None)
    updated = max((row.updated_at for row in rows if row.updated_at), default=None)
    bounds = (("recorded_at_gte", recorded, False), ("recorded_at_lte", recorded, True), ("annotation_updated_gte", updated, False))
    for name, value, upper in bounds:
        bound = _time(query, name)
        if bound is not None and (value is None or (value > bound if upper else value < bound)):
            return False
    return True


def _bulk_problem(content: Json) -> Json | None:
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


def _json_body(request: Request) -> Json:
    try:
        content = json.loads(request.body or b"null")
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise _Refused(_detail(422, [{"type": "missing", "loc": ["body"], "msg": "Field required", "input": None}]))
    return content


def _text(query: Query, name: str) -> str | None:
    return query[name][-1] if name in query else None


def _number(query: Query, name: str, default: int | None = None) -> int | None:
    text = _text(query, name)
    if text is None:
        return default
    try:
        return int(text)
    except ValueError:
        raise _Refused(_detail(422, [range_error(name, text)])) from None


def _time(query: Query, name: str) -> datetime | None:
    text = _text(query, name)
    if text is None:
        return None
    try:
        # A "+" of the zone that was not percent-encoded arrives as a space.
        return parse_time(re.sub(r" (\d\d:?\d\d)$", r"+\1", text))
    except ValueError:
        words = "invalid datetime separator, expected `T`, `t`, `_` or space"
        problem = {"type": "datetime_from_date_parsing", "loc": ["query", name], "msg": f"Input should be a valid datetime, {words}"}
        raise _Refused(_detail(422, [{**problem, "input": text, "ctx": {"error": words}}])) from None


def _word(query: Query, name: str, known: tuple[str, str]) -> str:
    """One of two words; the first is the default."""
    text = _text(query, name) or known[0]
    if text not in known:
        expected = " or ".join(f"'{word}'" for word in sorted(known))
        problem = {"type": "enum", "loc": ["query", name], "msg": f"Input should be {expected}", "input": text}
        raise _Refused(_detail(422, [{**problem, "ctx": {"expected": expected}}]))
    return text


def _page_of(query: Query) -> tuple[int, int]:
    page, size = _number(query, "page", 1) or 0, _number(query, "size", 50) or 0
    problems = []
    if page < 1:
        problems.append(range_error("page", query["page"][-1], ge=1))
    if size < 1:
        problems.append(range_error("size", query["size"][-1], ge=1))
    if size > 100:
        problems.append(range_error("size", query["size"][-1], le=100))
    if problems:
        # The running server lists each of them twice: the page's parameters are declared by two dependencies.
        raise _Refused(_detail(422, [problem for problem in problems for _ in range(2)]))
    return page, size


def _cursor(query: Query) -> tuple[str, int] | None:
    text = _text(query, "cursor")
    if text is None:
        return None
    source, _, alert = text.rpartition(":")
    if not source or not alert.isdigit():
        raise _Refused(_detail(422, "Invalid cursor"))
    return source, int(alert)


def _web_page() -> Answer:
    page = b"<!doctype html><html><head><title>Annotator</title></head><body><div id='root'></div></body></html>"
    return Answer(200, page, "text/html; charset=utf-8")


def _storage_error(status: int, code: str, message: str = "") -> Answer:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message or code}</Message></Error>'
    return Answer(status, body.encode(), "application/xml")
