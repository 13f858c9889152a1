"""The annotator's API as typed calls. Reads only; logs in when asked for the first thing; safe to use from many threads.

The calls are those of docs/pull.md, one method each. How a whole queue is listed is `triage.annotator.listing`'s; this class asks for
one page and says what the annotator said.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlencode, urljoin, urlsplit

from triage.annotator.guard import origin_of
from triage.annotator.transport import Answer, Patience, Transport
from triage.annotator.wire import DetectionRow, Page, SequenceRow, User, format_time, parse, parse_json
from triage.config import SETTINGS, setting, setting_float, setting_int
from triage.errors import BadAnswer, BadCredentials, BadFrame, BadSetting
from triage.jpeg import check_frame
from triage.sequences import STAGES

__all__ = ["LARGEST_PAGE", "TYPICAL_FRAMES", "TYPICAL_FRAME_BYTES", "Client", "SequencePage", "SequenceQuery"]

LARGEST_PAGE = 100
#: Production's averages (docs/annotator.md), for estimates: frames of a sequence, bytes of a frame.
TYPICAL_FRAMES = 14
TYPICAL_FRAME_BYTES = 86_000
_API = "/api/v1"
_NEEDED = {row.name: row.variable for row in SETTINGS if row.name in ("api_url", "api_login", "api_password")}
#: Stages whose sequences carry what humans said of them.
LABELLED_STAGES = ("seq_annotation_done", "annotated")

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 3
_LISTING_TRIES = 3


@dataclass(frozen=True, slots=True)
class SequenceQuery:
    """Which sequences. None = not filtered.

    since, until: bounds on recorded_at, both inclusive. organization, camera: the annotator's exact name, or its id as digits.
    """

    stage: str
    since: datetime | None = None
    until: datetime | None = None
    organization: str | None = None
    camera: str | None = None

    def parameters(self) -> dict[str, str]:
        """As the annotator wants them. Raises BadSetting for a stage that it would ignore."""
        if self.stage not in STAGES:
            raise BadSetting(f"stage {self.stage!r}: expected one of {', '.join(STAGES)}; nothing was sent")
        named = {"processing_stage": self.stage}
        if self.stage in LABELLED_STAGES:
            named["include_annotation"] = "true"
        for name, value in (("recorded_at_gte", self.since), ("recorded_at_lte", self.until)):
            if value is not None:
                named[name] = format_time(value)
        for name, text in (("organisation", self.organization), ("camera", self.camera)):
            if text is not None:
                named[f"{name}_id" if text.isdigit() else f"{name}_name"] = text
        return named


@dataclass(frozen=True, slots=True)
class SequencePage:
    """One page of a listing, in the order asked for.

    total: rows that match the query at that moment, over all pages. bad: rows that could not be read, by id (None = not even that).
    """

    rows: tuple[SequenceRow, ...]
    total: int
    bad: tuple[tuple[int | None, str], ...] = ()


class Client:
    """One annotator, one login.

    url: the API host (https://host, with or without a path before /api/v1). workers: the most requests in flight; pools are sized to it.
    Every call raises AnnotatorUnavailable when retries ran out, BadCredentials, and BadAnswer when what answers is no annotator.
    """

    def __init__(self, url: str, login: str, password: str, *, workers: int = 32, patience: Patience | None = None) -> None:
        self.url = _base_url(url)
        self._login, self._password = login, password
        self._login_url = f"{self.url}{_API}/auth/login"
        self._transport = Transport(self._login_url, workers=workers, patience=patience or Patience())
        self._token: str | None = None
        self._refused: BadCredentials | None = None
        self._lock = threading.Lock()

    @classmethod
    def from_settings(cls, *, workers: int, retries: int | None = None) -> Client:
        """The annotator of the environment. Raises BadSetting naming the variable that is missing. retries None = the setting."""
        given = {}
        for name, variable in _NEEDED.items():
            value = setting(name)
            if not value:
                raise BadSetting(f"{variable} is not set; `export {variable}=...`, or try `triage demo`, which needs no annotator")
            given[name] = value
        patience = Patience(
            connect=setting_float("connect_timeout"),
            read=setting_float("read_timeout"),
            retries=setting_int("retries") if retries is None else retries,
        )
        return cls(given["api_url"], given["api_login"], given["api_password"], workers=workers, patience=patience)

    def __repr__(self) -> str:
        return f"Client({self.url!r})"  # neither the password nor the token

    @property
    def requests_sent(self) -> int:
        """Requests sent so far, retries included."""
        return self._transport.sent

    def close(self) -> None:
        """Give up what waits for a retry, and close the connections."""
        self._transport.close()

    # -- the calls

    def me(self) -> User:
        """Who the credentials belong to."""
        path = "/users/me"
        return parse(User, self._get_json(path), self._where(path))

    def server_time(self) -> str | None:
        """The `Date` header of an answer to `me` (RFC 9110), None when the server sends none."""
        return self._get("/users/me").headers.get("date")

    def sequences(
        self,
        query: SequenceQuery,
        *,
        page: int = 1,
        size: int = LARGEST_PAGE,
        order_by: Literal["recorded_at", "created_at"] = "recorded_at",
        descending: bool = False,
    ) -> SequencePage:
        """One page (1-based) of at most `size` rows (1 to 100). A page past the end is empty, not an error."""
        if not 1 <= size <= LARGEST_PAGE:
            raise BadSetting(f"page size {size}: expected 1 to {LARGEST_PAGE}, as the annotator allows")
        path = "/sequences/"
        order = {"order_by": order_by, "order_direction": "desc" if descending else "asc"}
        found = self._page(path, {**query.parameters(), **order, "page": str(page), "size": str(size)})
        rows, bad = [], []
        for item in found.items:
            try:
                rows.append(parse(SequenceRow, item, f"{self._where(path)} row"))
            except BadAnswer as error:
                sequence_id = item.get("id") if isinstance(item, dict) else None
                bad.append((sequence_id if isinstance(sequence_id, int) else None, str(error)))
        return SequencePage(tuple(rows), found.total, tuple(bad))

    def detections(self, sequence_id: int) -> tuple[DetectionRow, ...]:
        """All frames of a sequence in time order; () when the annotator does not know the sequence, or it has none."""
        for _ in range(_LISTING_TRIES):
            found, total = self._detections_once(sequence_id)
            if len(found) >= total:
                break
        else:
            raise BadAnswer(f"sequence {sequence_id}: {total} frames announced, {len(found)} listed, {_LISTING_TRIES} times; pull it again")
        undated = datetime.max
        return tuple(sorted(found.values(), key=lambda row: ((row.recorded_at or undated).replace(tzinfo=None), row.id)))

    def detection_count(self, sequence_id: int) -> int:
        """How many frames a sequence has, by one small request."""
        return self._page("/detections/", {"sequence_id": str(sequence_id), "page": "1", "size": "1"}).total

    def frame_url(self, detection_id: int) -> str:
        """A signed link to one image, valid for a day. Raises BadFrame when the annotator has no such file any more."""
        path = f"/detections/{detection_id}/url"
        answer = self._get(path)
        if answer.status == 404:
            raise BadFrame(f"frame {detection_id}: the annotator has no such file any more (404)")
        content = parse_json(self._checked(answer, path).data, self._where(path))
        url = content.get("url") if isinstance(content, dict) else None
        if not isinstance(url, str) or urlsplit(url).scheme not in ("http", "https"):
            raise BadAnswer(f"{self._where(path)}: expected a link to an image, found {type(url).__name__}")
        return url

    def fetch_frame(self, detection_id: int) -> bytes:
        """The bytes of one image, whole: length as announced, JPEG start and end, header readable.

        A link that has run out (403) is asked for anew once; a damaged image is fetched once more. Raises BadFrame.
        """
        for last in (False, True):
            data = self._image(detection_id)
            try:
                check_frame(data, f"frame {detection_id}")
            except BadFrame:
                if last:
                    raise
            else:
                return data
        raise AssertionError("the second try returns or raises")

    def names(self, kind: Literal["organizations", "cameras"]) -> dict[int, str]:
        """The annotator's organizations or cameras, id to name."""
        path = f"/{kind}/"
        content = self._get_json(path)
        try:
            return {int(item["id"]): str(item["name"]) for item in content}
        except (TypeError, KeyError, ValueError) as error:
            raise BadAnswer(f"{self._where(path)}: expected a list of id and name, found {content!r:.60}") from error

    # -- images

    def _image(self, detection_id: int) -> bytes:
        for _ in range(2):
            answer = self._storage(self.frame_url(detection_id))
            if answer.status == 200:
                return answer.data
            if answer.status != 403:
                break
        gone = "is gone" if answer.status == 404 else "was refused, with a fresh link too" if answer.status == 403 else "cannot be had"
        raise BadFrame(f"frame {detection_id}: the image {gone} (the image host answered {answer.status})")

    def _storage(self, url: str) -> Answer:
        """GET from the image host, without a token; its redirects are followed."""
        for _ in range(_MOST_REDIRECTS + 1):
            answer = self._transport.send("GET", url, headers={})
            target = answer.headers.get("location")
            if answer.status not in _REDIRECTS or target is None:
                return answer
            url = urljoin(url, target)
        raise BadFrame(f"{url.partition('?')[0]}: redirected {_MOST_REDIRECTS + 1} times")

    # -- pages and answers

    def _detections_once(self, sequence_id: int) -> tuple[dict[int, DetectionRow], int]:
        path, found, number = "/detections/", {}, 1
        while True:
            ordered = {"order_by": "recorded_at", "order_direction": "asc"}
            page = self._page(path, {"sequence_id": str(sequence_id), **ordered, "page": str(number), "size": str(LARGEST_PAGE)})
            for item in page.items:
                row = parse(DetectionRow, item, f"{self._where(path)} sequence {sequence_id}")
                found[row.id] = row
            if len(page.items) < LARGEST_PAGE:
                return found, page.total
            number += 1

    def _page(self, path: str, parameters: Mapping[str, str]) -> Page:
        return parse(Page, self._get_json(path, parameters), self._where(path))

    def _get_json(self, path: str, parameters: Mapping[str, str] | None = None) -> Any:
        return parse_json(self._checked(self._get(path, parameters), path).data, self._where(path))

    def _checked(self, answer: Answer, path: str) -> Answer:
        if answer.status == 200 and not answer.is_web_page:
            return answer
        where = self._where(path)
        if answer.is_web_page:
            raise _web_page(where)
        if answer.status == 403:
            raise BadAnswer(f"{where}: the annotator does not allow this to {self._login!r} (403); ask its administrators")
        detail = answer.data[:120].decode("utf-8", "replace")
        raise BadAnswer(f"{where}: expected 200, found {answer.status} {detail!r}; check ANNOTATOR_API_URL")

    def _where(self, path: str) -> str:
        return f"{self.url}{_API}{path}"

    # -- authentication

    def _get(self, path: str, parameters: Mapping[str, str] | None = None) -> Answer:
        """GET with the token, of any status but 401; logs in again once when the token has run out."""
        url = f"{self._where(path)}?{urlencode(parameters)}" if parameters else self._where(path)
        token = self._valid_token(stale=None)
        answer = self._authorized(url, token)
        if answer.status == 401:
            answer = self._authorized(url, self._valid_token(stale=token))
            if answer.status == 401:
                raise BadCredentials(f"{self._where(path)}: refused with a fresh token too; check the account of {self._login!r}")
        return answer

    def _authorized(self, url: str, token: str) -> Answer:
        """GET with the token. Redirects are followed on the annotator's own origin; to any other they are refused."""
        for _ in range(_MOST_REDIRECTS + 1):
            answer = self._transport.send("GET", url, headers={"Authorization": f"Bearer {token}", "Accept": "application/json"})
            target = answer.headers.get("location")
            if answer.status not in _REDIRECTS or target is None:
                return answer
            following = urljoin(url, target)
            if origin_of(following) != origin_of(self.url):
                raise _redirected(url, following)
            url = following
        raise BadAnswer(f"{url.partition('?')[0]}: redirected {_MOST_REDIRECTS + 1} times; check ANNOTATOR_API_URL")

    def _valid_token(self, *, stale: str | None) -> str:
        """A token other than `stale`. Of many workers that find theirs run out, one logs in and the others take what it got."""
        with self._lock:
            if self._refused is not None:
                raise self._refused
            if self._token is None or self._token == stale:
                try:
                    self._token = self._log_in()
                except BadCredentials as error:
                    self._refused = error  # a password is not tried again and again: accounts get locked
                    raise
            return self._token

    def _log_in(self) -> str:
        body = json.dumps({"username": self._login, "password": self._password}).encode()
        answer = self._transport.send("POST", self._login_url, headers={"Content-Type": "application/json"}, body=body)
        if answer.is_web_page:
            raise _web_page(self._login_url)
        if answer.status in _REDIRECTS:
            raise _redirected(self._login_url, urljoin(self._login_url, answer.headers.get("location", "")))
        if answer.status in (400, 401, 403, 422):
            raise BadCredentials(
                f"{self.url}: the annotator refused the login {self._login!r} ({answer.status}); "
                "check ANNOTATOR_API_LOGIN and ANNOTATOR_API_PASSWORD"
            )
        content = parse_json(self._checked(answer, "/auth/login").data, self._login_url)
        token = content.get("access_token") if isinstance(content, dict) else None
        if not isinstance(token, str) or not token:
            raise BadAnswer(f"{self._login_url}: expected an access_token, found none; is this host an annotator?")
        return token


def _base_url(url: str) -> str:
    text = url.strip().rstrip("/").removesuffix(_API)
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.username is None and not parts.query and not parts.fragment
        _ = parts.port  # raises ValueError when it is no number
    except ValueError:
        usable = None
    if not usable:
        raise BadSetting(f"ANNOTATOR_API_URL={url!r}: expected the API host such as https://annotationapi.pyronear.org")
    return text


def _web_page(where: str) -> BadAnswer:
    return BadAnswer(
        f"{where}: expected the annotator's API, found a web page; this is probably the web page's host "
        "(annotator.pyronear.org): set ANNOTATOR_API_URL to the API's (annotationapi.pyronear.org)"
    )


def _redirected(url: str, target: str) -> BadAnswer:
    scheme, host, port = origin_of(target)
    return BadAnswer(
        f"{url.partition('?')[0]}: redirected to {scheme}://{host}:{port}, where the login must not follow; "
        "set ANNOTATOR_API_URL to that host if it is the annotator's"
    )
