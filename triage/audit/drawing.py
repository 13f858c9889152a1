"""The draw: permanent random numbers, so that a sample can be reproduced, extended, and cut at a lower threshold, and stays random."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

__all__ = ["draw", "permanent_random_number"]


def permanent_random_number(seed: int, identity: str) -> float:
    """u in [0, 1): the first 8 bytes (big-endian) of sha256("triage-audit|v1|<seed>|<identity>") / 2^64."""
    return _rank(seed, identity) / 2**64


def _rank(seed: int, identity: str) -> int:
    return int.from_bytes(hashlib.sha256(f"triage-audit|v1|{seed}|{identity}".encode()).digest()[:8], "big")


def draw(identities: Iterable[str], seed: int, n: int) -> list[str]:
    """The `n` identities with the smallest random numbers, in that order (all of them when there are fewer).

    The sample of a larger n begins with the sample of a smaller one; its part inside any subset is a simple random sample of that.
    """
    return sorted(set(identities), key=lambda identity: (_rank(seed, identity), identity))[:n]
