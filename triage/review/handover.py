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
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from triage.errors import BadFile, BadSetting
from triage.files import dump_json, read_json, sha256_bytes, write_bytes, write_json
from triage.review.payloads import Label, Payload, PayloadPlan

__all__ = ["Basis", "Inquiry", "LabelsNow", "Planned", "Preflight", "Receipt", "find_plan", "preflight", "reconcile", "write_plan"]

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
    """What the annotator says of an annotated sequence now. at: when it was changed last, None = it does not say; by: who worked on it."""

    smoke_types: tuple[str, ...]
    false_positive_types: tuple[str, ...]
    is_unsure: bool
    at: datetime | None = None
    by: tuple[str, ...] = ()

    def is_just(self, label: Label) -> bool:
        """Whether it carries this label and nothing else."""
        smoke, false_positive = ((label.name,), ()) if label.field == "smoke_type" else ((), (label.name,))
        return (self.smoke_types, self.false_positive_types, self.is_unsure) == (smoke, false_positive, False)

    @property
    def told(self) -> str:
        """For people: "tree by ana, 2026-11-21 08:00"."""
        words = ", ".join((*self.smoke_types, *self.false_positive_types, *(["unsure"] if self.is_unsure else []))) or "no label"
        who = f" by {', '.join(self.by)}" if self.by else ""
        return words + who + (f", {self.at:%Y-%m-%d %H:%M} UTC" if self.at else "")


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a plan. Every id is in exactly one of these.

    applied: carries the planned label. waiting: in the queue, and nothing of its payload was applied: not sent yet. skipped: the call did
    not touch it, with the reason as far as reading shows it. changed: annotated otherwise after the call, with what and by whom. unknown:
    neither in the queue nor annotated, with where it is.
    """

    directory: Path
    applied: tuple[int, ...]
    waiting: tuple[int, ...]
    skipped: Mapping[int, str]
    changed: Mapping[int, str]
    unknown: Mapping[int, str]


class Inquiry(Protocol):
    """What is asked about single sequences, only where the listings do not tell why one was not applied."""

    def has_boxes(self, sequence_id: int) -> bool:
        """Whether the annotator knows a box in any of its frames: it skips those without."""
        ...

    def stages(self, sequence_ids: Iterable[int]) -> Mapping[int, str]:
        """The stage of each, of those that are in one that is neither the queue nor annotated."""
        ...


def reconcile(plan: Planned, in_queue: Iterable[int], annotated: Mapping[int, LabelsNow], inquiry: Inquiry) -> Receipt:
    """Compare a plan with what the annotator says now; write `receipt.json` and `reverse.json` (what would have to be taken back)."""
    queue = frozenset(in_queue)
    applied: list[int] = []
    waiting: list[int] = []
    lost: list[int] = []
    skipped: dict[int, str] = {}
    changed: dict[int, str] = {}
    for payload in plan.payloads:
        done = [number for number in payload.sequence_ids if number in annotated and annotated[number].is_just(payload.label)]
        began = min((moment for number in done if (moment := annotated[number].at) is not None), default=None)
        applied += done
        for number in sorted(set(payload.sequence_ids) - set(done)):
            now = annotated.get(number)
            if now is not None and began is not None and now.at is not None and now.at >= began:
                changed[number] = f"planned {payload.label.name}, found {now.told}: changed by someone else after the call"
            elif now is not None:
                skipped[number] = f"planned {payload.label.name}, found {now.told}: already annotated"
            elif number not in queue:
                lost.append(number)
            elif not done:
                waiting.append(number)
            elif inquiry.has_boxes(number):
                skipped[number] = "still in the queue although its call was sent: the call ended before it; send the payload again"
            else:
                skipped[number] = "no predictions: the bulk call skips sequences without boxes; open it in the annotator"
    stages = inquiry.stages(lost) if lost else {}
    unknown = {n: f"in the stage {stages[n]}" if n in stages else "in no stage: the annotator does not know it any more" for n in lost}
    receipt = Receipt(plan.directory, tuple(sorted(applied)), tuple(sorted(waiting)), skipped, changed, unknown)
    _write_receipt(plan, receipt)
    return receipt


def _write_receipt(plan: Planned, receipt: Receipt) -> None:
    labels = plan.labels
    write_json(
        plan.directory / "reverse.json",
        {
            "format": PLAN_FORMAT,
            "plan": plan.directory.name,
            "what": "sequences that this plan labelled; to take it back, set each to ready_to_annotate again in the annotator, by hand",
            "items": [{"sequence_id": number, "label": labels[number].name, "was": "ready_to_annotate"} for number in receipt.applied],
        },
    )

    def told(reasons: Mapping[int, str]) -> list[dict[str, object]]:
        return [{"sequence_id": number, "reason": reason} for number, reason in sorted(reasons.items())]

    write_json(
        plan.directory / "receipt.json",
        {
            "format": PLAN_FORMAT,
            "plan": plan.directory.name,
            "applied": receipt.applied,
            "waiting": told(dict.fromkeys(receipt.waiting, "in the queue: nothing of its payload was applied, so it was not sent yet")),
            "skipped": told(receipt.skipped),
            "changed": told(receipt.changed),
            "unknown": told(receipt.unknown),
        },
    )
