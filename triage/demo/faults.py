"""Faults: how the annotator at home misbehaves when a test, a benchmark or a curious person asks it to. Pure; the server applies them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

__all__ = ["Faults", "Misbehaviour"]

Misbehaviour = Literal["error", "throttle", "drop", "truncate"]


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong. All off by default: the server then answers as the recorded one.

    latency: seconds before each answer, without holding up others.
    error_rate, throttle_rate, drop_rate, truncate_rate: the share of requests in [0, 1] that is answered 500; answered 429; closed without
        an answer; cut in the middle of the body. Which ones is drawn from `seed`, the path and how often it was asked, so that a
        retry is drawn anew and the order of concurrent requests does not matter. Logins are spared.
    fail_first: the first so many requests of every path are answered 500: a retry is certain to be needed and certain to help.
    retry_after: the Retry-After header of a 429, as sent (seconds or an HTTP date); None = no header.
    token_seconds, link_seconds: how long a token or a link is good. token_requests: a token is also spent after so many API
        requests; None = never. link_uses: a link is refused (403) the first so many times it is used, as if it had expired.
    vanished: detection ids whose image is gone: the link call says 404. gone_images: those whose link is given but whose image is 404.
    damaged: those whose image is cut short although its length is announced rightly. not_images: those whose image is a web page.
    html: every API path answers with a web page, as the annotator's page host does.
    redirect_to: every image link redirects (302) to this URL; redirect_api_to: every API call does.
    churn_every: after so many pages of the queue, `churn_leave` rows leave it (a colleague annotated them) and `churn_arrive` of the
        rows held back arrive. late: so many sequences, the last of the world, are held back at first.
    grow: so many sequences, the first of the world, begin with half of their frames; they have all after `grow_after` requests, or when
        the server's `grow()` is called (None = only then).
    unstable_ties: rows of equal time come in another order on each page, as LIMIT and OFFSET without a tie-break allow.
    """

    latency: float = 0.0
    error_rate: float = 0.0
    throttle_rate: float = 0.0
    drop_rate: float = 0.0
    truncate_rate: float = 0.0
    fail_first: int = 0
    retry_after: str | None = "0"
    token_seconds: float = 86400.0
    link_seconds: float = 86400.0
    token_requests: int | None = None
    link_uses: int = 0
    vanished: frozenset[int] = frozenset()
    gone_images: frozenset[int] = frozenset()
    damaged: frozenset[int] = frozenset()
    not_images: frozenset[int] = frozenset()
    html: bool = False
    redirect_to: str | None = None
    redirect_api_to: str | None = None
    churn_every: int | None = None
    churn_leave: int = 1
    churn_arrive: int = 1
    late: int = 0
    grow: int = 0
    grow_after: int | None = None
    unstable_ties: bool = True
    seed: int = 0

    def misbehaviour(self, path: str, times: int) -> Misbehaviour | None:
        """What happens to the `times`-th request (0-based) of `path`; None = it is answered properly."""
        if times < self.fail_first:
            return "error"
        rates: tuple[tuple[Misbehaviour, float], ...] = (
            ("error", self.error_rate),
            ("throttle", self.throttle_rate),
            ("drop", self.drop_rate),
            ("truncate", self.truncate_rate),
        )
        if not any(rate for _, rate in rates):
            return None
        digest = hashlib.blake2b(f"{self.seed}|{path}|{times}".encode(), digest_size=8).digest()
        drawn = int.from_bytes(digest) / 2**64
        for kind, rate in rates:
            if drawn < rate:
                return kind
            drawn -= rate
        return None
