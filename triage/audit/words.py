"""What the audit says, in words that a fire-service team understands, and as plain data."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from triage.audit.plan import PLAUSIBLE_RATES, Cost, Plan
from triage.audit.report import AuditReport, Estimate

__all__ = ["plan_in_words", "report_as_json", "report_in_words"]

REPORT_FORMAT = 1


def _count(number: float) -> str:
    return f"{number:,.0f}"


def _percent(share: float | None) -> str:
    return "not known" if share is None else f"{100 * share:.1f}%"


def _one_in(part: float, whole: int) -> str:
    return "none" if part == 0 else f"1 in {whole / part:,.0f}"


def plan_in_words(plan: Plan, prices: list[Cost], smokes_in_review: int | None) -> str:
    """The price list, both meanings of the target, and what to do next. smokes_in_review: decided so far, None = nobody decided."""
    lines = [
        f"{plan.audit_id}: {_count(plan.bucket)} of {_count(plan.everything)} sequences would be discarded (score below "
        f"{plan.threshold:g}, model {plan.model_version}).",
        f"Wanted: {_percent(1 - plan.alpha)} sure that at most {_count(plan.target)} of them are smoke "
        f"({plan.max_miss} of the discarded sequences).",
        _other_meaning(plan, smokes_in_review),
        "",
        "What it costs, and its chance to pass when the true share of smokes is " + ", ".join(str(rate) for rate in PLAUSIBLE_RATES) + ":",
    ]
    for price in prices:
        if price.looks is None:
            lines.append(f"  {price.name:18} cannot certify this target")
            continue
        labels = " then ".join(f"{look.n} labels (<= {look.hits} smoke)" for look in price.looks)
        chances = "  ".join(f"{chance:.3f}" for chance in price.chances)
        lines.append(f"  {price.name:18} {labels:46} {chances}")
    chosen = ", then ".join(f"{look.n} labels with at most {look.hits} smoke" for look in plan.looks)
    lines += ["", f"This plan: {chosen}; seed {plan.seed}, drawn by hash order."]
    if plan.planted:
        lines.append(
            f"{len(plan.planted)} known smokes and {len(plan.decoys)} high scorers are mixed in, blind: they measure the reviewer and are "
            "no part of the estimate."
        )
    elif plan.design == "simple" and not plan.open_ended:
        lines.append(
            f"No known smoke is there to be planted (decide some of To Review first); {len(plan.decoys)} high scorers are mixed in. "
            "The bound then trusts that the reviewer sees every smoke."
        )
    return "\n".join(lines)


def _other_meaning(plan: Plan, smokes: int | None) -> str:
    if not smokes:
        return "As a share of all smokes this is not known yet: it depends on how many smokes To Review holds."
    return (
        f"As a share of smokes: with {_count(smokes)} found in To Review, {plan.target} lost would be "
        f"{_percent(plan.target / (smokes + plan.target))} of all smokes. The two are different promises."
    )


def report_in_words(plan: Plan, report: AuditReport) -> str:
    """The verdict and what it rests on: what was seen, the best guess, the bound, recall, rescue, work saved, and what 95% means."""
    sure = _percent(1 - plan.alpha).replace(".0%", "%")
    lines = [f"{report.verdict}: {report.reason}."]
    best = report.best
    if best is not None:
        lines += ["", *_what_was_seen(plan, report, best, sure)]
    if report.missing:
        lines.append(f"{_count(report.missing)} sequences of the audit worklist still have no label.")
    if report.verdict == "NOT CERTIFIED":
        need = "no number of labels would do" if report.needed is None else f"{best.hits if best else 0} hits need n = {report.needed}"
        lines.append(
            f'"At most {plan.max_miss}" is NOT certified ({need}). Labelling more now is a look that was not planned: plan two looks, '
            "or --open-ended, next time."
        )
    if report.neighbours_to_open:
        lines.append(
            f"{_count(len(report.neighbours_to_open))} sequences of the same camera, direction and day as a hit wait to be opened: "
            f"{', '.join(report.neighbours_to_open[:10])}{' ...' if len(report.neighbours_to_open) > 10 else ''}; `--json` lists them all. "
            "Decide them in `triage view`; a smoke among them is rescued."
        )
    lines += [
        "",
        f'"{sure}" = if audits like this were repeated, {_repeat(plan.alpha)} would give a true statement. It covers this bucket, this '
        f"model ({plan.model_version}) and this threshold ({plan.threshold:g}) only.",
    ]
    return "\n".join(lines)


def _repeat(alpha: float) -> str:
    return "19 of 20" if abs(alpha - 0.05) < 1e-9 else f"{_percent(1 - alpha)} of them"


def _what_was_seen(plan: Plan, report: AuditReport, best: Estimate, sure: str) -> list[str]:
    judged = best.unsure + best.unviewable
    extra = f" (of these, {judged} unsure or not viewable: they count as smoke in the bound)" if judged else ""
    lines = [
        f"We looked at {_count(best.n)} of the {_count(plan.bucket)} sequences the model wants to discard, chosen at random, and found "
        f"{best.hits} smoke{'' if best.hits == 1 else 's'}{extra}.",
        f"Best guess: about {_count(best.point)} smokes are in that pile. We are {sure} confident it is no more than "
        f"{_count(best.upper)} ({_one_in(best.upper, plan.bucket)}).",
    ]
    if len(plan.looks) > 1 and not plan.open_ended:
        lines.append(f"{len(plan.looks)} looks were planned, each with an error of {best.alpha:.2%}, so that together they keep {sure}.")
    if report.sensitivity is not None:
        found, planted, lower = report.sensitivity
        lines.append(
            f"Of {planted} known smokes hidden among them the reviewer recognised {found}; the bound allows for a reviewer who sees only "
            f"{_percent(lower)}."
        )
    if report.recall is None:
        lines.append("The share of all smokes that is caught is not known until To Review is decided.")
    elif report.recall.lower is not None:
        lines.append(
            f"At least {_percent(report.recall.lower)} of all smokes are caught (best guess {_percent(report.recall.point)}); after moving "
            f"back what was found, at least {_percent(report.recall.lower_after_rescue)}, and at most {_count(report.recall.still_lost)} "
            "remain among the sequences nobody has opened."
        )
    if report.lost_events is not None:
        lines.append(f"Events lost as a whole: about {report.lost_events[0]:.0f}, no more than {report.lost_events[1]}.")
    if report.saved is not None:
        lines.append(
            f"Review work avoided: {_percent(report.saved.net)} after the audit, {report.saved.hours:.1f} hours"
            + (f"; work saved over sampling {_percent(report.saved.wss)}" if report.saved.wss is not None else "")
            + "."
        )
    for name, bound in best.other_bounds.items():
        lines.append(f"  (other bound, {name}: {_count(bound)})")
    return lines


def report_as_json(plan: Plan, report: AuditReport) -> dict[str, Any]:
    """The whole answer as plain data: the content of `audit-report.json`."""
    return {
        "format": REPORT_FORMAT,
        "audit_id": plan.audit_id,
        "variant": plan.variant,
        "model_version": plan.model_version,
        "threshold": plan.threshold,
        "bucket_digest": plan.bucket_digest,
        "bucket": plan.bucket,
        "everything": plan.everything,
        "target": plan.target,
        "max_miss": plan.max_miss,
        "alpha": plan.alpha,
        **asdict(report),
        "best": None if report.best is None else asdict(report.best),
        "text": report_in_words(plan, report),
    }
