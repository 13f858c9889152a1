"""What the audit says, in words that a fire-service team understands, and as plain data."""

from __future__ import annotations

from collections.abc import Sequence
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
        lines.append(f"  {price.name:18} {labels:58} {chances}")
    chosen = ", then ".join(f"{look.n} labels with at most {look.hits} smoke" for look in plan.looks)
    design = {"simple": "", "proportional": f", in equal fractions of {len(plan.strata)} strata", "near": ", more of the highest scorers"}
    lines += ["", f"This plan: {chosen}; seed {plan.seed}, drawn by hash order{design[plan.design]}."]
    mixed = f"{len(plan.decoys)} other sequences of To Review are mixed in, blind: they say what it holds before it is decided."
    if plan.planted:
        lines.append(
            f"{len(plan.planted)} known smokes are planted, blind: they measure the reviewer, for which the numbers above allow as if all "
            f"were recognised. {mixed}"
        )
    elif plan.open_ended:
        lines.append(f"An open-ended bound takes no planted smokes: it trusts that the reviewer sees every smoke. {mixed}")
    else:
        lines.append(
            "No known smoke is there to be planted (decide some of To Review first): the bound trusts that the reviewer sees every smoke. "
            + mixed
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
    if best is not None and report.verdict == "INVALID":
        lines += ["", f"We looked at {_count(best.n)} sequences and found {best.hits} smoke. Nothing can be claimed from them."]
    elif best is not None:
        if report.verdict == "EXPIRED":
            lines += ["", "Of the bucket as it was when the audit was planned:"]
        lines += ["", *_what_was_seen(plan, report, best, sure)]
    if report.verdict == "UNFINISHED":
        later = f" ({report.later} of them kept for later, which is no label)" if report.later else ""
        lines.append(
            f"Of the audit worklist {_sequences(len(report.unlabelled))} still without a label{later}: {_some(report.unlabelled)}. "
            "What cannot be judged is answered as unsure, which counts as smoke."
        )
    if report.verdict == "NOT CERTIFIED":
        seen = "" if report.sensitivity is None else f" for a reviewer who sees {_percent(report.sensitivity[2])}"
        hits = best.hits if best else 0
        found = f"{hits} hit{'' if hits == 1 else 's'}{seen}"
        need = f"with {found} no number of labels would do" if report.needed is None else f"{found} need n = {report.needed}"
        more = (
            "Plan with more --hits for a longer sample."
            if plan.open_ended
            else "Labelling more now is a look that was not planned: plan two looks, or --open-ended, next time."
        )
        lines.append(f'"At most {plan.max_miss}" is NOT certified ({need}). {more}')
    if report.errors_added and report.verdict != "INVALID":
        lines.append(
            "Earlier audits of nearly this bucket were looked at and did not certify: the error of this statement and theirs are together "
            f"{_percent(plan.alpha)} + {_percent(report.errors_added)}."
        )
    if report.neighbours_to_open:
        lines.append(
            f"Back in Review, because {_sequences(len(report.neighbours_to_open))} of the same camera, direction and day as a hit: "
            f"{_some(report.neighbours_to_open)}. `triage plan` keeps them back until somebody has looked; a smoke among them is rescued."
        )
    lines += [
        "",
        f'"{sure}" = if audits like this were repeated, {_repeat(plan.alpha)} would give a true statement. It covers this bucket, this '
        f"model ({plan.model_version}) and this threshold ({plan.threshold:g}) only.",
    ]
    return "\n".join(lines)


def _sequences(number: int) -> str:
    return "1 sequence is" if number == 1 else f"{_count(number)} sequences are"


def _some(keys: Sequence[str]) -> str:
    return f"{', '.join(keys[:10])}{' ... (--json lists them all)' if len(keys) > 10 else ''}"


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
    if plan.open_ended:
        lines.append("The bound holds at every number of labels at once, so looking often costs nothing more.")
    elif len(plan.looks) > 1:
        lines.append(f"{len(plan.looks)} looks were planned, each with an error of {best.alpha:.2%}, so that together they keep {sure}.")
    if report.sensitivity is not None:
        found, planted, lower = report.sensitivity
        lines.append(
            f"Of {planted} known smokes hidden among them the reviewer recognised {found}; the bound allows for a reviewer who sees only "
            f"{_percent(lower)}."
        )
    if report.not_blind:
        lines.append(
            f"{_count(report.not_blind)} of the labels were not given in a blind session: whoever sees a low score sees less smoke."
        )
    sampled = report.sampled_recall
    if sampled is not None and sampled.lower is not None:
        lines.append(
            f"To Review is not decided yet. By a sample of {_count(sampled.sampled)} it holds at least {_count(sampled.review_lower)} "
            f"smokes, so that at least {_percent(sampled.lower)} of all smokes are caught (both bounds together {sure})."
        )
    elif report.recall is None:
        lines.append("The share of all smokes that is caught is not known until To Review is decided.")
    elif report.recall.lower is not None:
        lines.append(
            f"At least {_percent(report.recall.lower)} of all smokes are caught (best guess {_percent(report.recall.point)}); after moving "
            f"back what was found, at least {_percent(report.recall.lower_after_rescue)}."
        )
    if best.hits or report.rescued:
        were = "was" if report.rescued == 1 else "were"
        beside = (
            f"{_count(report.rescued)} more {were} found beside the sample and moved back" if report.rescued else "The hits are moved back"
        )
        lines.append(f"{beside}: at most {_count(report.still_lost or 0)} smokes remain among the sequences nobody has opened.")
    if report.lost_events is not None:
        events = report.lost_events
        lines.append(
            f"Events lost as a whole: about {events.point:.0f}, no more than {events.upper} (by the events' sizes: {events.weighted})."
        )
    if report.saved is not None:
        lines.append(
            f"Review work avoided: {_percent(report.saved.net)} after the audit, {report.saved.hours:.1f} hours"
            + (f"; work saved over sampling {_percent(report.saved.wss)}" if report.saved.wss is not None else "")
            + "."
        )
    if report.icc is not None and report.icc > 0.05:
        lines.append(
            f"Smokes of one camera, direction and day go together with a correlation of {report.icc:.2f} among the labels; the bound needs "
            "no correction for it, because sequences were drawn and not days."
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
