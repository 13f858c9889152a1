"""Certificates on disk: what `triage plan` asks for before it writes an Unlabel payload."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from triage.audit.bounds import labels_needed
from triage.audit.drawing import draw
from triage.audit.ledger import Entry, append, read
from triage.audit.plan import Plan, bucket_digest
from triage.errors import BadFile
from triage.files import read_json, write_json

__all__ = ["Books", "Status"]


@dataclass(frozen=True, slots=True)
class Status:
    """Whether exactly this bucket is certified.

    certified: the audit that says so, None = none does. reason: one line otherwise. more_labels: how many further draws the difference to
    the last certified bucket needs, None = there was none.
    """

    certified: str | None
    reason: str
    more_labels: int | None


@dataclass(frozen=True, slots=True)
class Books:
    """The audits of one data directory: `<root>/ledger.jsonl` and `<root>/<audit_id>/plan.json`."""

    root: Path

    @property
    def ledger(self) -> Path:
        """The append-only ledger of plans, looks and certificates."""
        return self.root / "ledger.jsonl"

    def directory(self, audit_id: str) -> Path:
        """Where the files of one audit lie."""
        return self.root / audit_id

    def record_plan(self, plan: Plan, at: str) -> bool:
        """Write the plan and its line in the ledger; False = the very same plan is there already."""
        if any(entry.kind == "plan" and entry.audit_id == plan.audit_id for entry in read(self.ledger)):
            return False
        write_json(self.directory(plan.audit_id) / "plan.json", plan.to_json(), durable=True)
        drawn = {"looks": [[look.n, look.hits] for look in plan.looks], "seed": plan.seed, "alpha": plan.alpha, "variant": plan.variant}
        append(self.ledger, "plan", plan.audit_id, plan.bucket_digest, at, drawn)
        return True

    def plan(self, audit_id: str | None = None) -> Plan:
        """One plan; None = the newest. Raises BadFile when there is none."""
        known = [entry.audit_id for entry in read(self.ledger) if entry.kind == "plan"]
        if not known:
            raise BadFile(f"{self.root}: no audit was planned here; run `triage audit plan`")
        chosen = audit_id or known[-1]
        if chosen not in known:
            raise BadFile(f"audit {chosen!r}: expected one of {', '.join(known)}")
        path = self.directory(chosen) / "plan.json"
        return Plan.from_json(read_json(path, expect_format=1), str(path))

    def planned_at(self, plan: Plan) -> str:
        """When the plan was made, as the ledger says (ISO 8601)."""
        return next(entry.at for entry in read(self.ledger) if entry.kind == "plan" and entry.audit_id == plan.audit_id)

    def last_seed(self, variant: str) -> int | None:
        """The seed of the newest plan of a report; None = there is none yet."""
        plans = [entry for entry in read(self.ledger) if entry.kind == "plan" and entry.content.get("variant") == variant]
        return int(plans[-1].content["seed"]) if plans else None

    def claim(self, audit_id: str) -> str:
        """What a certificate claims, as a person must see it before using it."""
        plan = self.plan(audit_id)
        upper = [entry.content["upper"] for entry in read(self.ledger) if entry.kind == "certificate" and entry.audit_id == audit_id]
        bound = f"at most {upper[-1]} smokes" if upper else "no bound"
        return f"{bound} among {plan.bucket} ({plan.max_miss} was allowed), {1 - plan.alpha:.0%} sure"

    def earlier_error(self, plan: Plan) -> float:
        """alpha spent on this very bucket by other plans that were looked at before this one was; 0.0 = none.

        Of several plans made in advance only the first that is looked at is a plan; the others would be second tries.
        """
        spent: dict[str, float] = {}
        alphas: dict[str, float] = {}
        for entry in read(self.ledger):
            if entry.bucket_digest != plan.bucket_digest:
                continue
            if entry.audit_id == plan.audit_id:
                if entry.kind == "look":
                    break
                continue
            if entry.kind == "plan":
                alphas[entry.audit_id] = float(entry.content["alpha"])
            elif entry.kind == "look":
                spent[entry.audit_id] = alphas.get(entry.audit_id, 0.0)
        return sum(spent.values())

    def record_look(self, plan: Plan, at: str, outcome: Mapping[str, Any]) -> None:
        """A look was taken: note it, unless the last look at as many labels had the same outcome."""
        content = dict(outcome)
        looks = [entry.content for entry in read(self.ledger) if entry.kind == "look" and entry.audit_id == plan.audit_id]
        if content not in [look for look in looks if look.get("n") == content.get("n")][-1:]:
            append(self.ledger, "look", plan.audit_id, plan.bucket_digest, at, content)

    def record_certificate(self, plan: Plan, at: str, upper: int) -> None:
        """The bucket is certified: note it, unless a certificate of this audit stands."""
        if plan.audit_id in _standing(read(self.ledger)):
            return
        content = {"upper": upper, "target": plan.target, "alpha": plan.alpha, "max_miss": plan.max_miss}
        append(self.ledger, "certificate", plan.audit_id, plan.bucket_digest, at, content)

    def status(self, scores: Mapping[str, float], threshold: float, model_version: str, labelled: Set[str]) -> Status:
        """Is the bucket with these scores certified? labelled: keys that have a label, which an extension would not label again."""
        digest = bucket_digest(scores, threshold, model_version)
        last: str | None = None
        for audit_id, bucket in _standing(read(self.ledger)).items():
            last = audit_id
            if bucket == digest:
                return Status(audit_id, f"certified by {audit_id}", 0)
        if last is None:
            return Status(None, "no audit has certified this bucket; run `triage audit plan`", None)
        old = self.plan(last)
        target = int(len(scores) * old.target / old.bucket)
        needed = labels_needed(len(scores), target, old.looks[0].hits, old.alpha_per_look)
        if needed is None:
            return Status(None, f"EXPIRED: {last} certified another bucket, and this one needs a plan of its own", None)
        more = sum(key not in labelled for key in draw(scores, old.seed, needed))
        what = []
        if threshold != old.threshold:
            what.append(f"threshold {old.threshold:g} -> {threshold:g}")
        if model_version != old.model_version:
            what.append(f"model {old.model_version} -> {model_version}")
        if len(scores) != old.bucket:
            what.append(f"{old.bucket} -> {len(scores)} sequences")
        change = ", ".join(what) or "other sequences or scores"
        return Status(
            None,
            f"EXPIRED: {last} certified another bucket ({change}); the difference needs {more} more label{'' if more == 1 else 's'}: "
            f"`triage audit plan --seed {old.seed}`",
            more,
        )


def _standing(entries: Iterable[Entry]) -> dict[str, str]:
    """audit -> digest of its bucket, for the certificates that stand, oldest first. A later look of the same audit, after a label was
    corrected, takes its certificate away when it allows more smokes than the target."""
    targets: dict[str, int] = {}
    standing: dict[str, str] = {}
    for entry in entries:
        if entry.kind == "certificate":
            standing[entry.audit_id] = entry.bucket_digest
            targets[entry.audit_id] = int(entry.content["target"])
        elif entry.kind == "look" and entry.audit_id in standing and int(entry.content["upper"]) > targets[entry.audit_id]:
            del standing[entry.audit_id]
    return standing
