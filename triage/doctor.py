"""Checks before a long job: host, credentials, clock, queue, disk, model, device. Reads only, writes one temporary file; `triage doctor`.

Each check ends in one line, ok, warn or fail, and never hides the others. fail = the job it belongs to cannot work.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Literal

from triage.annotator import TYPICAL_FRAME_BYTES, TYPICAL_FRAMES, Client, SequenceQuery
from triage.config import SETTINGS, Layout, setting
from triage.errors import AnnotatorUnavailable, BadAnswer, BadCredentials, BadInput, TriageError

__all__ = ["Check", "Checkup", "checkup"]

Grade = Literal["ok", "warn", "fail"]
_ACCESS = ("api_url", "api_login", "api_password")
_SKEW_WARN, _SKEW_FAIL = 60.0, 3600.0  # seconds; links and tokens are good for a day
_LEAST_ROOM = 100_000_000


@dataclass(frozen=True, slots=True)
class Check:
    """One line. text says what was found and, when it is not ok, what to do."""

    name: str
    grade: Grade
    text: str


@dataclass(frozen=True, slots=True)
class Checkup:
    """All lines, always in the same order: those that need an annotator are left out when none is configured."""

    checks: tuple[Check, ...]

    @property
    def healthy(self) -> bool:
        """No check failed; warnings are healthy."""
        return all(check.grade != "fail" for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {"checks": [asdict(check) for check in self.checks], "format": 1, "healthy": self.healthy}

    def text(self) -> str:
        """For people."""
        lines = [f"{check.grade:<5}{check.name:<13}{check.text}" for check in self.checks]
        return "\n".join([*lines, "ready" if self.healthy else "not ready: see the lines that say fail"])


def checkup(layout: Layout, *, model: Path | None, device: str) -> Checkup:
    """Run every check. model None = the bundled package. device: as for `triage score`."""
    checks, waiting = _annotator()
    checks.append(_disk(layout, waiting))
    checks += _model(model, device)
    return Checkup(tuple(checks))


# -- the annotator


def _annotator() -> tuple[list[Check], int | None]:
    """Its lines, and how many sequences wait there (None = not known)."""
    variables = {row.name: row.variable for row in SETTINGS}
    missing = [variables[name] for name in _ACCESS if not setting(name)]
    if len(missing) == len(_ACCESS):
        return [Check("annotator", "warn", f"{', '.join(missing)} are not set: everything but `triage pull` works")], None
    if missing:
        return [Check("annotator", "fail", f"not set: {', '.join(missing)}; export them, or `triage pull` cannot log in")], None
    try:
        client = Client.from_settings(workers=1, retries=1)
    except BadInput as error:
        return [Check("annotator", "fail", str(error))], None
    try:
        return _ask(client)
    finally:
        client.close()


def _ask(client: Client) -> tuple[list[Check], int | None]:
    try:
        server_time = client.server_time()
        name = client.me().username
    except BadCredentials as error:
        return [Check("annotator", "ok", f"{client.url} answers"), Check("credentials", "fail", str(error))], None
    except (BadAnswer, AnnotatorUnavailable) as error:
        return [Check("annotator", "fail", str(error))], None
    checks = [Check("annotator", "ok", f"{client.url} answers"), Check("credentials", "ok", f"logged in as {name}"), _clock(server_time)]
    try:
        waiting = client.sequences(SequenceQuery("ready_to_annotate"), size=1).total
    except (BadAnswer, AnnotatorUnavailable) as error:
        return [*checks, Check("queue", "fail", str(error))], None
    return [*checks, Check("queue", "ok", f"{waiting:,} sequences are ready to annotate")], waiting


def _clock(server_time: str | None) -> Check:
    try:
        there = parsedate_to_datetime(server_time or "")
    except ValueError:
        return Check("clock", "warn", "the annotator sends no Date header: not compared")
    skew = (datetime.now(UTC) - there.replace(tzinfo=there.tzinfo or UTC)).total_seconds()
    text = f"{abs(skew):,.0f} s {'ahead of' if skew > 0 else 'behind'} the annotator's"
    if abs(skew) <= _SKEW_WARN:
        return Check("clock", "ok", text)
    return Check("clock", "fail" if abs(skew) > _SKEW_FAIL else "warn", f"{text}; set this machine's clock, or links run out early")


# -- this machine


def _disk(layout: Layout, waiting: int | None) -> Check:
    where = next(path for path in (layout.root.absolute(), *layout.root.absolute().parents) if path.exists())
    try:
        with tempfile.NamedTemporaryFile(dir=where, prefix=".part-doctor-"):
            pass
    except OSError as error:
        return Check("disk", "fail", f"{where}: cannot be written ({error.strerror}); choose another place with --data")
    free = shutil.disk_usage(where).free
    text = f"{where}: {free / 1e9:,.1f} GB free"
    needed = (waiting or 0) * TYPICAL_FRAMES * TYPICAL_FRAME_BYTES
    if free < _LEAST_ROOM:
        return Check("disk", "fail", f"{text}; free some, or choose another place with --data")
    if free < needed:
        return Check("disk", "warn", f"{text}, the whole queue weighs about {needed / 1e9:,.1f} GB; pull parts with --since or --limit")
    return Check("disk", "ok", text)


def _model(path: Path | None, device: str) -> list[Check]:
    """Load the package as scoring does, and put it on the device."""
    try:
        from triage.model import Predictor, bundled_package, load_package
    except TriageError as error:
        return [Check("model", "warn", f"{error}; everything but scoring works")]
    checks: list[Check] = []
    try:
        package = load_package(path or bundled_package())
        kind = "" if path is not None else ", the bundled one, for trying the tool out; --model names a real one"
        checks.append(Check("model", "ok", f"{package.variant} {package.model_version}{kind}"))
        checks.append(_graded("device", lambda: str(Predictor(package, device=device).device)))
    except TriageError as error:
        checks.append(Check("model", "fail", str(error)))
    return checks


def _graded(name: str, action: Callable[[], str]) -> Check:
    try:
        return Check(name, "ok", action())
    except TriageError as error:
        return Check(name, "fail", str(error))
