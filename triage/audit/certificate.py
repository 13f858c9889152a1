"""The books of the audits: plans, looks and certificates on disk, and what of them bears on a bucket."""

from __future__ import annotations

import math
from collections.abc import Mapping, Set
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from triage.audit.drawing import draw
from triage.audit.ledger import Entry, append, read
from triage.audit.plan import Plan, labels_with_planted
from triage.audit.report import AuditLabel, Earlier
from triage.chain import START
from triage.errors import BadFile
from triage.files import dump_json, read_json, sha256_bytes, write_bytes, write_json

__all__ = ["Books", "Difference"]


@dataclass(frozen=True, slots=True)
class Difference:
    """What separates a bucket from the one that an audit was planned for. words: in one line; more_labels: how many draws of the new bucket
    have no label yet; None = it needs a plan of its own."""

    words: str
    more_labels: int | None


@dataclass(frozen=True, slots=True)
class Books:
    """The audits of one data directory: `<root>/ledger.jsonl` and `<root>/<audit_id>/`."""

    root: Path

    @property
    def ledger(self) -> Path:
        """The append-only ledger of plans, looks and certificates."""
        return self.root / "ledger.jsonl"

    def directory(self, audit_id: str) -> Path:
        """Where the files of one audit lie."""
        return self.root / audit_id

    def entries(self) -> list[Entry]:
        """The ledger. Raises BadFile when a line was changed or taken out, also from its end: every report names the line it stands on."""
        entries = read(self.ledger)
        known = {START, *(entry.digest for entry in entries)}
        for path in sorted(self.root.glob("audit-*/audit-report.json")):
            if read_json(path).get("ledger", START) not in known:
                raise BadFile(f"{self.ledger}: the line that {path.parent.name} was reported on is gone; restore the ledger from git")
        return entries

    def record_plan(self, plan: Plan, at: str) -> bool:
        """Write the plan and its line in the ledger; False = the very same plan is there already."""
        if any(entry.kind == "plan" and entry.audit_id == plan.audit_id for entry in self.entries()):
            return False
        write_json(self.directory(plan.audit_id) / "plan.json", plan.to_json(), durable=True)
        drawn = {
            "looks": [[look.n, look.hits] for look in plan.looks],
            "seed": plan.seed,
            "alpha": plan.alpha,
            "variant": plan.variant,
            "threshold": plan.threshold,
            "model_version": plan.model_version,
        }
        append(self.ledger, "plan", plan.audit_id, plan.bucket_digest, at, drawn)
        return True

    def plan(self, audit_id: str | None = None) -> Plan:
        """One plan; None = the newest. Raises BadFile when there is none."""
        known = [entry.audit_id for entry in self.entries() if entry.kind == "plan"]
        if not known:
            raise BadFile(f"{self.root}: no audit was planned here; run `triage audit plan`")
        chosen = audit_id or known[-1]
        if chosen not in known:
            raise BadFile(f"audit {chosen!r}: expected one of {', '.join(known)}")
        path = self.directory(chosen) / "plan.json"
        return Plan.from_json(read_json(path, expect_format=1), str(path))

    def last_seed(self, variant: str) -> int | None:
        """The seed that the next plan of a report goes on with, so that its sample keeps the labels there are; None = a new one is due:
        there is no plan yet, or the last one was looked at and did not certify, and what is left of its sample proves nothing."""
        entries = self.entries()
        plans = [entry for entry in entries if entry.kind == "plan" and entry.content.get("variant") == variant]
        if not plans or _failed(entries, plans[-1].audit_id):
            return None
        return int(plans[-1].content["seed"])

    def earlier(self, plan: Plan, bucket: Set[str]) -> tuple[Earlier, ...]:
        """Other audits that were looked at before this one was, and bear on it. bucket: the keys it is about.

        Of several plans made in advance only the first that is looked at is a plan; the others would be second tries.
        """
        entries = self.entries()
        first_look = next(
            (place for place, one in enumerate(entries) if one.kind == "look" and one.audit_id == plan.audit_id), len(entries)
        )
        before = entries[:first_look]
        found = []
        for entry in before:
            if entry.kind != "plan" or entry.audit_id == plan.audit_id:
                continue
            if not any(one.kind == "look" and one.audit_id == entry.audit_id for one in before):
                continue
            alpha, same = float(entry.content["alpha"]), entry.bucket_digest == plan.bucket_digest
            if same:
                found.append(Earlier(entry.audit_id, alpha, True, False))
            elif _failed(before, entry.audit_id) and entry.content.get("model_version") == plan.model_version:
                other = self.plan(entry.audit_id)
                if bucket & {key for part in other.strata for key in part.sample}:
                    found.append(Earlier(entry.audit_id, alpha, False, other.seed == plan.seed and plan.threshold < other.threshold))
        return tuple(found)

    def record_look(self, plan: Plan, at: str, outcome: Mapping[str, Any]) -> None:
        """A look was taken: note it, unless the last look at as many labels had the same outcome."""
        content = dict(outcome)
        looks = [entry.content for entry in self.entries() if entry.kind == "look" and entry.audit_id == plan.audit_id]
        if content not in [look for look in looks if look.get("n") == content.get("n")][-1:]:
            append(self.ledger, "look", plan.audit_id, plan.bucket_digest, at, content)

    def record_certificate(self, plan: Plan, at: str, upper: int, given: str | None) -> None:
        """The bucket is certified: note it, unless the last certificate of this audit says the same. given: as `keep_labels` named them."""
        content = {"upper": upper, "target": plan.target, "alpha": plan.alpha, "max_miss": plan.max_miss, "labels": given}
        issued = [entry.content for entry in self.entries() if entry.kind == "certificate" and entry.audit_id == plan.audit_id]
        if issued[-1:] != [content]:
            append(self.ledger, "certificate", plan.audit_id, plan.bucket_digest, at, content)

    def certificates(self) -> list[Entry]:
        """The newest certificate of every audit that has one, the newest first."""
        return list({entry.audit_id: entry for entry in self.entries() if entry.kind == "certificate"}.values())[::-1]

    def last_given(self, audit_id: str) -> dict[str, AuditLabel] | None:
        """The labels from a file that the last look of an audit was taken with; None = it had none. Raises BadFile as `kept_labels`."""
        named = [entry.content.get("labels") for entry in self.entries() if entry.kind == "look" and entry.audit_id == audit_id]
        return self.kept_labels(audit_id, named[-1]) if named and named[-1] else None

    def keep_labels(self, audit_id: str, labels: Mapping[str, AuditLabel]) -> str:
        """Keep labels that came from a file, so that the audit can be judged anew; returns the digest that names them."""
        data = dump_json({"format": 1, "labels": dict(labels)})
        digest = sha256_bytes(data)
        write_bytes(self.directory(audit_id) / f"labels-{digest[:12]}.json", data, durable=True)
        return digest

    def kept_labels(self, audit_id: str, digest: str) -> dict[str, AuditLabel]:
        """What `keep_labels` kept. Raises BadFile when it is gone or was changed."""
        path = self.directory(audit_id) / f"labels-{digest[:12]}.json"
        content = read_json(path, expect_format=1)
        if sha256_bytes(path.read_bytes()) != digest:
            raise BadFile(f"{path}: expected the labels that the ledger names, found others; restore it from git")
        labels: dict[str, AuditLabel] = content["labels"]
        return labels

    def difference(
        self, audit_id: str, scores: Mapping[str, float], threshold: float, model_version: str, labelled: Set[str]
    ) -> Difference:
        """What the bucket with these scores needs after an audit of another one. labelled: keys that somebody looked at."""
        old = self.plan(audit_id)
        what = []
        if threshold != old.threshold:
            what.append(f"threshold {old.threshold:g} -> {threshold:g}")
        if model_version != old.model_version:
            what.append(f"model {old.model_version} -> {model_version}")
        if len(scores) != old.bucket:
            what.append(f"{old.bucket} -> {len(scores)} sequences")
        words = ", ".join(what) or "other sequences or scores"
        target = math.floor(Fraction(old.max_miss) * len(scores))
        needed = labels_with_planted(len(scores), target, old.looks[0].hits, old.alpha_per_look, len(old.planted))
        if needed is None:
            return Difference(words, None)
        return Difference(words, sum(key not in labelled for key in draw(scores, old.seed, needed)))


def _failed(entries: list[Entry], audit_id: str) -> bool:
    """Whether an audit was looked at and its last look did not certify the bucket."""
    looks = [entry.content for entry in entries if entry.kind == "look" and entry.audit_id == audit_id]
    return bool(looks) and not looks[-1].get("certified", False)
