"""The annotator's calls: a request in, an answer out. No sockets (see `server`), no state of its own beyond tokens and links.

Answers are those of the recorded examples, odd edges included: a misspelt stage is ignored, a page past the end is empty, an unknown
sequence has no detections, times come in two formats.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable
from urllib.parse import parse_qs, quote, unquote, urlsplit

from triage.demo.faults import Faults
from triage.demo.queries import (
    Answer,
    Query,
    Refused,
    Request,
    answer_json,
    bulk_problem,
    cursor_of,
    detail,
    json_body,
    number_of,
    page_of,
    text_of,
    time_of,
    word_of,
)
from triage.demo.signing import Links, Tokens
from triage.demo.table import Listing, Row, Table, stage_filter
from triage.demo.wire import (
    alert_json,
    detection_json,
    group_json,
    page_json,
    range_error,
    sequence_json,
    verdict_json,
)
from triage.demo.world import World
from triage.sequences import Frame

__all__ = ["IMAGE_ROOT", "Api"]

#: Where the object storage keeps the images (its bucket's name).
IMAGE_ROOT = "/annotation-api/"
_PREFIX = "/api/v1"


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
            return _web_page() if self.faults.html else detail(404, "Not Found")
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
                return detail(405, "Method Not Allowed") if path in self._paths else detail(404, "Not Found")
            self._check_token(request)
            if link is not None:
                return self._link(int(link[1]))
            assert route is not None
            return route(request, parse_qs(query))
        except Refused as refused:
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
            return detail(405, "Method Not Allowed")
        content = json_body(request)
        missing = [name for name in ("username", "password") if not isinstance(content.get(name), str)]
        if missing:
            return detail(422, [{"type": "missing", "loc": ["body", name], "msg": "Field required", "input": content} for name in missing])
        if (content["username"], content["password"]) != (self._login, self._password):
            return detail(401, "Incorrect username or password")
        return answer_json({"access_token": self.tokens.issue(self._login), "token_type": "bearer"})

    def _check_token(self, request: Request) -> None:
        kind, _, token = (request.authorization or "").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise Refused(detail(401, "Not authenticated"))
        if not self.tokens.accept(token.strip()):
            raise Refused(detail(401, "Could not validate credentials"))

    def _me(self, request: Request, query: Query) -> Answer:
        return answer_json(
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
        page, size = page_of(query)
        include = query.get("include_annotation", ["false"])[-1].lower() in ("true", "1", "yes", "on")
        listing = Listing(
            stages=stage_filter(query.get("processing_stage", [])),
            organization_id=number_of(query, "organisation_id"),
            organization_name=text_of(query, "organisation_name"),
            camera_id=number_of(query, "camera_id"),
            camera_name=text_of(query, "camera_name"),
            source_api=text_of(query, "source_api"),
            platform_alert_id=number_of(query, "platform_alert_id"),
            recorded_from=time_of(query, "recorded_at_gte"),
            recorded_to=time_of(query, "recorded_at_lte"),
            by_recorded=word_of(query, "order_by", ("created_at", "recorded_at")) == "recorded_at",
            descending=word_of(query, "order_direction", ("desc", "asc")) == "desc",
            page=page,
            size=size,
        )
        rows, total = self.table.page(listing)
        items = [sequence_json(row, with_annotation=include) for row in rows]
        return answer_json(page_json(items, total, page, size, with_annotation=include))

    def _detections(self, request: Request, query: Query) -> Answer:
        page, size = page_of(query)
        by_recorded = word_of(query, "order_by", ("created_at", "recorded_at")) == "recorded_at"
        descending = word_of(query, "order_direction", ("desc", "asc")) == "desc"
        sequence_id = number_of(query, "sequence_id")
        row = None if sequence_id is None else self.table.row(sequence_id)
        rows = self.table.rows() if sequence_id is None else [row] if row is not None else []
        pairs = [(row, frame) for row in rows for frame in row.frames]
        # A stable sort: frames of equal time stay in the order of the table.
        pairs.sort(key=(lambda pair: pair[1].recorded_at or "") if by_recorded else (lambda pair: pair[1].detection_id or 0))
        if descending:
            pairs.reverse()
        shown = pairs[(page - 1) * size : page * size]
        return answer_json(page_json([detection_json(*pair) for pair in shown], len(pairs), page, size))

    def _link(self, detection_id: int) -> Answer:
        frame = self.table.detection(detection_id)
        if frame is None:
            return detail(404, "Detection not found")
        if detection_id in self.faults.vanished:
            return detail(404, "File not found")
        return answer_json({"url": self._image_link(frame)})

    def _image_link(self, frame: Frame) -> str:
        return self.links.sign(self.image_host, quote(IMAGE_ROOT + (frame.bucket_key or "")))

    def _cameras(self, request: Request, query: Query) -> Answer:
        names = {row.sequence.camera_id: row.sequence.camera_name for row in self.table.rows()}
        return answer_json([{"id": key, "name": names[key]} for key in sorted(names, key=lambda key: names[key] or "")])

    def _organizations(self, request: Request, query: Query) -> Answer:
        names = {row.sequence.organization_id: row.sequence.organization_name for row in self.table.rows()}
        return answer_json([{"id": key, "name": names[key]} for key in sorted(names, key=lambda key: names[key] or "")])

    def _groups(self, request: Request, query: Query) -> Answer:
        page, size = page_of(query)
        members: dict[int, list[Row]] = defaultdict(list)
        for row in self.table.rows():
            if row.sequence.sequence_group_id is not None:
                members[row.sequence.sequence_group_id].append(row)
        ids = sorted(members, key=lambda group_id: (-len(members[group_id]), group_id))
        items = [group_json(group_id, members[group_id]) for group_id in ids[(page - 1) * size : page * size]]
        return answer_json(page_json(items, len(ids), page, size))

    def _export(self, request: Request, query: Query) -> Answer:
        limit = number_of(query, "limit", 100) or 0
        if not 1 <= limit <= 500:
            return detail(422, [range_error("limit", query["limit"][-1], **({"ge": 1} if limit < 1 else {"le": 500}))])
        lanes: dict[tuple[str, int], list[Row]] = defaultdict(list)
        for row in self.table.rows():
            lanes[row.sequence.source_api or "pyronear_french", row.sequence.platform_alert_id or 0].append(row)
        after = cursor_of(query)
        wanted = [
            (key, kept)
            for key, rows in sorted(lanes.items())
            if (after is None or key > after) and all(row.stage == "annotated" for row in rows)
            if (kept := [row for row in rows if not row.is_unsure]) and _exported(kept, query)
        ]
        page = wanted[:limit]
        cursor = f"{page[-1][0][0]}:{page[-1][0][1]}" if len(page) == limit else None
        return answer_json({"items": [alert_json(rows, self._image_link) for _, rows in page], "next_cursor": cursor})

    def _bulk(self, request: Request, query: Query) -> Answer:
        content = json_body(request)
        problem = bulk_problem(content)
        if problem is not None:
            return detail(422, [problem])
        group_id = content.get("group_id")
        groups = {row.sequence.sequence_group_id for row in self.table.rows()} - {None}
        if group_id is not None and group_id not in groups:
            return detail(404, "Sequence group not found")
        verdicts = self.table.bulk(
            content["sequence_ids"],
            smoke_type=content.get("smoke_type"),
            false_positive_type=content.get("false_positive_type"),
            is_unsure=bool(content.get("is_unsure", False)),
            force=bool(content.get("force", False)),
        )
        return answer_json(
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
        bound = time_of(query, name)
        if bound is not None and (value is None or (value > bound if upper else value < bound)):
            return False
    return True


def _web_page() -> Answer:
    page = b"<!doctype html><html><head><title>Annotator</title></head><body><div id='root'></div></body></html>"
    return Answer(200, page, "text/html; charset=utf-8")


def _storage_error(status: int, code: str, message: str = "") -> Answer:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message or code}</Message></Error>'
    return Answer(status, body.encode(), "application/xml")
