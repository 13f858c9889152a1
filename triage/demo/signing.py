"""Tokens and links of the annotator at home: signed, with an end, like the real ones. Made and checked here, nowhere else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from urllib.parse import parse_qs, quote, urlsplit

__all__ = ["Links", "Tokens"]


def _plain64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Tokens:
    """JSON web tokens signed with HS256. `seconds`: how long one is good; `uses`: after how many uses it is spent (None = never)."""

    def __init__(self, key: bytes, seconds: float, uses: int | None) -> None:
        self._key, self._seconds, self._uses = key, seconds, uses
        self._ends: dict[str, float] = {}
        self._left: dict[str, int] = {}
        self._issued = 0

    def issue(self, username: str) -> str:
        """A new token for `username`."""
        self._issued += 1
        end = time.time() + self._seconds
        head = _plain64(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
        body = _plain64(json.dumps({"sub": username, "user_id": 1, "exp": int(end), "n": self._issued}).encode())
        signature = _plain64(hmac.new(self._key, f"{head}.{body}".encode(), hashlib.sha256).digest())
        token = f"{head}.{body}.{signature}"
        self._ends[token] = end
        if self._uses is not None:
            self._left[token] = self._uses
        return token

    def accept(self, token: str) -> bool:
        """Whether the token is ours and still good; one use is counted."""
        end = self._ends.get(token)
        if end is None or time.time() >= end:
            return False
        if self._uses is not None:
            self._left[token] -= 1
            return self._left[token] >= 0
        return True


class Links:
    """Presigned image links in the style of object storage: key, signature and end in the query."""

    def __init__(self, key: bytes, seconds: float) -> None:
        self._key, self._seconds = key, seconds

    def _signature(self, path: str, expires: str) -> str:
        return base64.b64encode(hmac.new(self._key, f"GET\n{path}\n{expires}".encode(), hashlib.sha1).digest()).decode()

    def sign(self, host: str, path: str) -> str:
        """The link to `path` (percent-encoded, absolute) at `host` (scheme and authority)."""
        # Rounded up: a link never ends before its time; tests ask for ends in the past.
        expires = f"{time.time() + self._seconds:.3f}"
        if expires.endswith(".000") or self._seconds >= 60:
            expires = expires.partition(".")[0]
        return f"{host}{path}?AWSAccessKeyId=demo&Signature={quote(self._signature(path, expires), safe='')}&Expires={expires}"

    def refusal(self, target: str) -> str | None:
        """Why the link must not be served (object storage's words); None = it is good."""
        split = urlsplit(target)
        query = parse_qs(split.query)
        expires, signature = query.get("Expires", [""])[0], query.get("Signature", [""])[0]
        if not hmac.compare_digest(self._signature(split.path, expires).encode(), signature.encode()):
            return "SignatureDoesNotMatch"
        return "Request has expired" if time.time() >= float(expires) else None
