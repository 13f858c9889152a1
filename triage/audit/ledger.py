"""The ledger of an audit: every plan, look and certificate, one line each, chained by digests. Append-only.

Peeking and drawing again cannot pass silently: both leave lines here, and a line taken out breaks the chain.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from triage.chain import START, append_line
from triage.errors import BadFile
from triage.files import sha256_bytes

__all__ = ["Entry", "append", "read"]

Kind = Literal["plan", "look", "certificate"]
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. at: ISO 8601, UTC. content: what happened, as plain data. digest: of this line, named by the next one."""

    kind: Kind
    audit_id: str
    bucket_digest: str
    at: str
    content: dict[str, Any]
    digest: str


def _line(kind: Kind, audit_id: str, bucket_digest: str, at: str, content: dict[str, Any], previous: str) -> bytes:
    record = {
        "format": _FORMAT,
        "kind": kind,
        "audit_id": audit_id,
        "bucket_digest": bucket_digest,
        "at": at,
        "content": content,
        "previous": previous,
    }
    return json.dumps(record, sort_keys=True, ensure_ascii=False, allow_nan=False).encode()


def read(path: Path) -> list[Entry]:
    """All entries, oldest first; none when the file is not there. Raises BadFile when a line was changed, taken out or is damaged.

    A last line without its newline is what a kill in the middle of a write leaves: it was never acknowledged, and is not read.
    """
    if not path.exists():
        return []
    entries: list[Entry] = []
    previous = START
    *lines, _unfinished = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
            if record["format"] != _FORMAT:
                raise BadFile(f"{path}: line {number}: expected format {_FORMAT}, found {record['format']!r}; upgrade triage")
            if record["previous"] != previous:
                raise BadFile(f"{path}: line {number} does not follow the line before it; restore the ledger from git")
            previous = sha256_bytes(line)
            fields = (record["kind"], record["audit_id"], record["bucket_digest"], record["at"], record["content"])
        except (ValueError, KeyError, TypeError) as error:
            raise BadFile(f"{path}: line {number} is damaged ({error}); restore the ledger from git") from error
        entries.append(Entry(*fields, digest=previous))
    return entries


def append(path: Path, kind: Kind, audit_id: str, bucket_digest: str, at: str, content: dict[str, Any]) -> None:
    """Add one line; on disk (fsync) when this returns. Raises BadFile when the ledger is damaged: nothing is added to a broken chain."""
    read(path)
    append_line(path, lambda previous: _line(kind, audit_id, bucket_digest, at, content, previous))
