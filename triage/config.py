"""One table of settings (name, variable, default, unit, help) and the layout of the data directory.

Help texts, docs and tests read `SETTINGS`; nothing else names an environment variable or a default.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from triage.errors import BadSetting

__all__ = ["SETTINGS", "Layout", "Setting", "setting", "setting_float", "setting_int"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table. default None = must be given where it is needed; unit "" = a plain value."""

    name: str
    variable: str
    default: str | None
    unit: str
    help: str


SETTINGS: tuple[Setting, ...] = (
    Setting("data", "TRIAGE_DATA", "data", "path", "The data directory."),
    Setting("api_url", "ANNOTATOR_API_URL", None, "URL", "The annotator's API host, not its web page."),
    Setting("api_login", "ANNOTATOR_API_LOGIN", None, "", "Login name at the annotator."),
    Setting("api_password", "ANNOTATOR_API_PASSWORD", None, "", "Password at the annotator; read from the environment only."),
    Setting("model", "TRIAGE_MODEL", None, "path", "The model package; without one the bundled demo package is used."),
    Setting("threshold", "TRIAGE_THRESHOLD", "0.35", "score", "To Review at or above, Unlabel below."),
    Setting("workers", "TRIAGE_WORKERS", "32", "requests", "Requests in flight while pulling."),
    Setting("page_size", "TRIAGE_PAGE_SIZE", "100", "rows", "Rows per page of a listing; the annotator allows 1 to 100."),
    Setting("connect_timeout", "TRIAGE_CONNECT_TIMEOUT", "10", "s", "Wait this long for a connection."),
    Setting("read_timeout", "TRIAGE_READ_TIMEOUT", "60", "s", "Wait this long for the next byte of an answer."),
    Setting("retries", "TRIAGE_RETRIES", "5", "tries", "Tries after the first for connection errors, 5xx and 429."),
    Setting("device", "TRIAGE_DEVICE", "auto", "", "auto, cpu, cuda or mps."),
    Setting("target_bytes", "TRIAGE_TARGET_BYTES", "1000000000", "bytes", "A shard is sealed near this size."),
    Setting("port", "TRIAGE_PORT", "8765", "", "Port of the viewer."),
    Setting(
        "annotator_page",
        "ANNOTATOR_PAGE_URL",
        "https://annotator.pyronear.org/sequences/{sequence_id}/annotate",
        "URL",
        "Where the viewer links a sequence to; {sequence_id} is filled in; none = no link.",
    ),
    Setting("reviewer", "TRIAGE_REVIEWER", None, "", "Who decides: names the decision log; default, the git or login name."),
)
_BY_NAME: Mapping[str, Setting] = {row.name: row for row in SETTINGS}


def setting(name: str) -> str | None:
    """The value of a setting: its environment variable when set and not empty, else its default. KeyError for unknown names."""
    row = _BY_NAME[name]
    return os.environ.get(row.variable) or row.default


def setting_float(name: str) -> float:
    """A setting as a number. Raises BadSetting naming the variable when it is not one."""
    text = setting(name)
    try:
        return float(text or "")
    except ValueError as error:
        raise BadSetting(f"{_BY_NAME[name].variable}={text!r}: expected a number") from error


def setting_int(name: str) -> int:
    """A setting as a whole number. Raises BadSetting naming the variable when it is not one."""
    text = setting(name)
    try:
        return int(text or "")
    except ValueError as error:
        raise BadSetting(f"{_BY_NAME[name].variable}={text!r}: expected a whole number") from error


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything lies under one data directory (docs/data-contract.md). Makes no directory by itself."""

    root: Path

    @property
    def sequences(self) -> Path:
        """The store: `<org>/<camera>/seq_<id>/`."""
        return self.root / "01_raw" / "sequences"

    @property
    def queue(self) -> Path:
        """The last listing: stage, time, ids, and what became of each."""
        return self.root / "01_raw" / "queue.json"

    @property
    def predictions(self) -> Path:
        """One directory per model."""
        return self.root / "07_model_output"

    @property
    def reports(self) -> Path:
        """One directory per variant, and `latest.json` that names the one written last."""
        return self.root / "08_reporting" / "pyro-annotator"

    @property
    def shards(self) -> Path:
        """The DVC-tracked artifact."""
        return self.root / "02_shards"

    @property
    def decisions(self) -> Path:
        """One append-only log per reviewer."""
        return self.root / "03_decisions"

    @property
    def evaluations(self) -> Path:
        """evaluation.json and its page, one directory per report variant."""
        return self.root / "09_evaluation"

    @property
    def payloads(self) -> Path:
        """Plans, receipts and exports: what a human sends or hands over."""
        return self.root / "04_payloads"

    @property
    def audits(self) -> Path:
        """Audit plans, worklists, certificates and their ledger."""
        return self.root / "05_audit"
