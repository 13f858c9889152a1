"""Payload files on disk, and what became of them: plan, preflight, reconcile. Reads the annotator through rows given to it; sends nothing.

04_payloads/<plan>/payload_001_antenna.json ...   bodies of the bulk call, at most 200 ids and one label each
04_payloads/<plan>/plan.json                      format, what the plan was made from, every file's sha256, refusals
04_payloads/<plan>/summary.md                     the same for people, with the exact calls
04_payloads/<plan>/SHA256SUMS                     for `sha256sum -c`
04_payloads/<plan>/preflight/...                  the same files again, less what left the stage since
04_payloads/<plan>/receipt.json, reverse.json     after a human sent it: what was applied, and what would take it back
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from triage.errors import BadFile, BadSetting
from triage.files import dump_json, read_json, sha256_bytes, write_bytes, write_json
from triage.review.payloads import Label, Payload, PayloadPlan

__all__ = ["Basis", "LabelsNow", "Planned", "Preflight", "Receipt", "find_plan", "preflight", "reconcile", "write_plan"]

PLAN_FORMAT = 1
_CALL = """curl --fail-with-body -X POST "$ANNOTATOR_API_URL/api/v1/annotations/sequences/bulk" \\
     -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" --data @{name}"""


@dataclass(frozen=True, slots=True)
class Basis:
    """What a plan was made from. certificate: the audit that covers its undecided sequences; claim: what it says, "" without one.

    without_certificate: somebody insisted.
    """

    variant: str
    model_version: str
    threshold: float
    certificate: str | None
    claim: str
    without_certificate: bool


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan on disk."""

    directory: Path
    basis: Basis
    payloads: tuple[Payload, ...]
    refused: Mapping[str, int]

    @property
    def labels(self) -> dict[int, Label]:
        """The label of every id."""
        return {number: payload.label for payload in self.payloads for number in payload.sequence_ids}


def write_plan(root: Path, plan: PayloadPlan, basis: Basis) -> Planned:
    """Write a plan under `root` (04_payloads); its name is the digest of its content, so the same plan is the same directory.

    Raises BadSetting when there is nothing to send, or undecided sequences are in it without a certificate or somebody's insistence.
    """
    if not plan.payloads:
        kinds = _tally(plan.refused)
        why = ", ".join(f"{count} {reason}" for reason, count in kinds.items()) or "no decision yet"
        raise BadSetting(f"nothing to send: {why}; decide in `triage view`, or add --undecided-unlabel")
    if plan.undecided and basis.certificate is None and not basis.without_certificate:
        raise BadSetting(
            f"{len(plan.undecided)} sequences that nobody looked at would be discarded without a certificate; run `triage audit plan`"
        )
    bodies = {_name(place, payload): dump_json(payload.body) for place, payload in enumerate(plan.payloads, start=1)}
    content = {
        "format": PLAN_FORMAT,
        "basis": asdict(basis),
        "files": {name: sha256_bytes(body) for name, body in bodies.items()},
        "refused": [asdict(one) for one in plan.refused],
        "undecided": list(plan.undecided),
        "decided_by": {str(number): who for number, who in sorted(plan.decided_by.items())},
    }
    directory = root / f"plan-{sha256_bytes(dump_json(content))[:12]}"
    _write_files(directory, bodies)
    write_bytes(directory / "summary.md", _summary(plan, basis, bodies).encode())
    # Last: a plan exists when this file does.
    write_json(directory / "plan.json", content)
    return Planned(directory, basis, plan.payloads, _tally(plan.refused))


def _write_files(directory: Path, bodies: Mapping[str, bytes]) -> None:
    for name, body in bodies.items():
        write_bytes(directory / name, body)
    sums = "".join(f"{hashlib.sha256(body).hexdigest()}  {name}\n" for name, body in bodies.items())
    write_bytes(directory / "SHA256SUMS", sums.encode())


def _name(place: int, payload: Payload) -> str:
    kind = "smoke_" if payload.label.field == "smoke_type" else ""
    return f"payload_{place:03d}_{kind}{payload.label.name}.json"


def _tally(refused: Iterable[Any]) -> dict[str, int]:
    return dict(sorted(Counter(one.reason for one in refused).items()))


def _summary(plan: PayloadPlan, basis: Basis, bodies: Mapping[str, bytes]) -> str:
    total = sum(len(payload.sequence_ids) for payload in plan.payloads)
    lines = [
        "# Payloads for the annotator",
        "",
        f"{total} sequences in {len(bodies)} calls, from the report {basis.variant} (model {basis.model_version}, threshold "
        f"{basis.threshold:g}). triage sends nothing: a human does, in this order, after `triage preflight`.",
        "",
    ]
    if plan.undecided:
        who = (
            f"covered by the certificate of {basis.certificate}: {basis.claim}"
            if basis.certificate
            else "**WITHOUT A CERTIFICATE, because somebody insisted**"
        )
        lines += [f"{len(plan.undecided)} of them were not looked at by anybody: {who}.", ""]
    lines += ["| call | label | sequences |", "| --- | --- | --- |"]
    lines += [f"| {name} | {p.label.name} | {len(p.sequence_ids)} |" for name, p in zip(bodies, plan.payloads, strict=True)]
    lines += ["", "```sh", "sha256sum -c SHA256SUMS"]
    lines += [_CALL.format(name=name) for name in bodies]
    lines += ["```", "", "Not in any call:", ""]
    lines += [f"- {one.sequence_id}: {one.detail}" for one in plan.refused] or ["- nothing"]
    return "\n".join(lines) + "\n"


def find_plan(root: Path, name: str | None = None) -> Planned:
    """Read a plan back; None = the only one there is. Raises BadFile when a payload is not what the plan says."""
    known = sorted(path.parent for path in root.glob("plan-*/plan.json"))
    if name is not None:
        known = [path for path in known if path.name == name or str(path) == name.rstrip("/")]
    if len(known) != 1:
        there = ", ".join(path.name for path in known) or "none"
        raise BadFile(f"{root}: expected one plan{f' {name!r}' if name else ''}, found {there}; name one, or run `triage plan`")
    directory = known[0]
    content = read_json(directory / "plan.json", expect_format=PLAN_FORMAT)
    payloads = []
    for file, digest in content["files"].items():
        path = directory / file
        if not path.is_file() or sha256_bytes(path.read_bytes()) != digest:
            raise BadFile(f"{path}: missing or changed since it was planned; run `triage plan` again")
        body = read_json(path)
        field = "smoke_type" if "smoke_type" in body else "false_positive_type"
        payloads.append(Payload(Label(field, body[field]), tuple(body["sequence_ids"])))
    refused = Counter(one["reason"] for one in content["refused"])
    return Planned(directory, Basis(**content["basis"]), tuple(payloads), dict(refused))


@dataclass(frozen=True, slots=True)
class Preflight:
    """still: ids in the payloads that are still in the stage. gone: ids that left it since the plan, which were dropped."""

    directory: Path
    still: int
    gone: tuple[int, ...]


def preflight(plan: Planned, in_queue: Iterable[int]) -> Preflight:
    """Write the payloads again under `preflight/`, less the ids that are no more in the annotator's queue."""
    queue = frozenset(in_queue)
    left = [Payload(payload.label, tuple(n for n in payload.sequence_ids if n in queue)) for payload in plan.payloads]
    bodies = {_name(place, payload): dump_json(payload.body) for place, payload in enumerate(left, start=1) if payload.sequence_ids}
    directory = plan.directory / "preflight"
    if directory.is_dir():
        for old in directory.glob("payload_*.json"):
            old.unlink()
    _write_files(directory, bodies)
    gone = tuple(sorted(set(plan.labels) - queue))
    write_json(directory / "preflight.json", {"format": PLAN_FORMAT, "plan": plan.directory.name, "gone": list(gone)})
    return Preflight(directory, sum(len(payload.sequence_ids) for payload in left), gone)


@dataclass(frozen=True, slots=True)
class LabelsNow:
    """What the annotator says of an annotated sequence now."""

    smoke_types: tuple[str, ...]
    false_positive_types: tuple[str, ...]
    is_unsure: bool


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a plan. Every id is in exactly one list.

    applied: carries the planned label. waiting: still in the queue, so not sent or skipped. changed: annotated, but otherwise (with what).
    unknown: neither in the queue nor annotated.
    """

    directory: Path
    applied: tuple[int, ...]
    waiting: tuple[int, ...]
    changed: Mapping[int, str]
    unknown: tuple[int, ...]


def reconcile(plan: Planned, in_queue: Iterable[int], annotated: Mapping[int, LabelsNow]) -> Receipt:
    """Compare a plan with what the annotator says now; write `receipt.json` and `reverse.json` (what would have to be taken back)."""
    queue = frozenset(in_queue)
    applied: list[int] = []
    waiting: list[int] = []
    unknown: list[int] = []
    changed: dict[int, str] = {}
    for number, label in sorted(plan.labels.items()):
        now = annotated.get(number)
        if now is None:
            (waiting if number in queue else unknown).append(number)
            continue
        types = now.smoke_types if label.field == "smoke_type" else now.false_positive_types
        other = now.false_positive_types if label.field == "smoke_type" else now.smoke_types
        if tuple(types) == (label.name,) and not other and not now.is_unsure:
            applied.append(number)
        else:
            said = ", ".join((*now.smoke_types, *now.false_positive_types, *(["unsure"] if now.is_unsure else []))) or "no label"
            changed[number] = f"planned {label.name}, found {said}: changed by someone else"
    receipt = Receipt(plan.directory, tuple(applied), tuple(waiting), changed, tuple(unknown))
    write_json(
        plan.directory / "reverse.json",
        {
            "format": PLAN_FORMAT,
            "plan": plan.directory.name,
            "what": "sequences that this plan labelled; to take it back, set each to ready_to_annotate again in the annotator, by hand",
            "items": [{"sequence_id": number, "label": plan.labels[number].name, "was": "ready_to_annotate"} for number in applied],
        },
    )
    write_json(
        plan.directory / "receipt.json",
        {
            "format": PLAN_FORMAT,
            "plan": plan.directory.name,
            "applied": applied,
            "waiting": [{"sequence_id": number, "reason": "still in the queue: not sent yet, or skipped"} for number in waiting],
            "changed": [{"sequence_id": number, "reason": reason} for number, reason in changed.items()],
            "unknown": [{"sequence_id": number, "reason": "neither in the queue nor annotated"} for number in unknown],
        },
    )
    return receipt
