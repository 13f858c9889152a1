"""Which names may stand in a shard, and whose they are. Pure; every name from a tar or an index passes here before it touches a disk.

A set (frames, report, previews) takes only names of its own form, relative, made of plain components. Anything else is refused by name.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from triage.sequences import SOURCE

__all__ = ["MAX_MEMBERS", "MEMBER_ORDER", "META", "PREVIEW", "Kind", "MemberName", "collision_key", "parse_name", "quoted"]

Kind = Literal["frames", "report", "previews"]

META = "meta.json"
PREVIEW = "preview.webp"
#: A sequence has some tens of frames; more files than this are not a sequence but an attack or an accident.
MAX_MEMBERS = 2000
MEMBER_ORDER = {"details": 0, "sequences": 1}

_SEQUENCE = re.compile(r"seq_(0|[1-9][0-9]{0,17})\Z")
#: Nearly every name of a frames set; what it takes, the rules below take too, only slower.
_USUAL = re.compile(
    r"([a-z0-9][a-z0-9_-]{0,99}/[a-z0-9][a-z0-9_-]{0,99}/seq_(0|[1-9][0-9]{0,17}))/(meta\.json|images/[a-z0-9_]{1,99}\.jpg)\Z", re.ASCII
)
_REPORT_FILE = re.compile(rf"{re.escape(SOURCE)}_(0|[1-9][0-9]{{0,17}})\.json\Z")
#: What some file system treats specially although POSIX does not.
_FORBIDDEN = frozenset('\\:*?"<>|')


@dataclass(frozen=True, slots=True)
class MemberName:
    """A member whose name is as it should be.

    sequence_id: whose it is. directory: `<org>/<camera>/seq_<id>` ("" in a report). file: relative to directory.
    """

    sequence_id: int
    directory: str
    file: str


def parse_name(kind: Kind, name: str) -> MemberName | str:
    """The parts of a member's name, or the reason why it is refused. A leading "./" is allowed, as plain tar writes it."""
    if kind == "frames" and (usual := _USUAL.match(name)):
        return MemberName(int(usual[2]), usual[1], usual[3])
    if name.startswith("/"):
        return "is an absolute name"
    parts = name.removeprefix("./").split("/")
    for part in parts:
        if part in ("", ".", ".."):
            return f"has the component {part!r}, which may lead outside"
        if not part.isprintable() or _FORBIDDEN.intersection(part):
            return "has a character that no file of a store has"
        if part[0] in ".-~" or part[-1] in ". " or part[0] == " ":
            return f"has the component {part!r}, which begins or ends as no file of a store does"
        if len(part.encode("utf-8", "surrogateescape")) > 255:
            return "has a component of more than 255 bytes"
    if kind == "report":
        found = _REPORT_FILE.match(parts[1]) if len(parts) == 2 and parts[0] in MEMBER_ORDER else None
        return MemberName(int(found[1]), "", "/".join(parts)) if found else "is not details/<key>.json or sequences/<key>.json"
    sequence = _SEQUENCE.match(parts[2]) if len(parts) >= 4 else None
    if sequence is not None:
        file = parts[3:]
        if (kind == "frames" and (file == [META] or (len(file) == 2 and file[0] == "images"))) or (
            kind == "previews" and file == [PREVIEW]
        ):
            return MemberName(int(sequence[1]), "/".join(parts[:3]), "/".join(file))
    expected = "{meta.json, images/*}" if kind == "frames" else PREVIEW
    return f"is not <organization>/<camera>/seq_<id>/{expected}"


def collision_key(name: str) -> str:
    """Equal for names that a case-insensitive or normalising file system takes for one."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def quoted(name: str) -> str:
    """A name from an archive, fit for one line of a message."""
    shown = name if len(name) <= 120 else name[:117] + "…"
    return ascii(shown)
