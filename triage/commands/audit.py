"""`triage audit plan | report | rehearse | days`: how many smokes are in the pile that would be discarded, with proof."""

from __future__ import annotations

from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import click

from triage.commands._run import Run, option_help, with_run
from triage.errors import BadSetting

__all__ = ["command", "share_of"]

_variant = click.option("--variant", default=None, help="Which report; default, the one written last.")
_labels = click.option(
    "--labels",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=None,
    help="A CSV with the columns key and label (smoke, fp, unsure, unviewable), on top of the decisions.",
)


def share_of(text: str) -> Fraction:
    """A share as people type it: "1/200", "0.005" or "0.5%"."""
    try:
        return Fraction(text.strip("%")) / (100 if text.endswith("%") else 1)
    except (ValueError, ZeroDivisionError) as error:
        raise BadSetting(f"{text!r}: expected a share such as 1/200, 0.005 or 0.5%") from error


def _design_options(function: Any) -> Any:
    for option in (
        click.option("--near", type=int, default=0, help="Label so many of the highest-scoring tenth of the bucket, as their own stratum."),
        click.option("--strata", type=int, default=1, show_default=True, help="Strata by score, sampled in equal fractions."),
        click.option("--open-ended", is_flag=True, help="A bound that holds at any number of labels; wider."),
        click.option("--looks", type=int, default=2, show_default=True, help="Planned looks: 1 or 2."),
        click.option("--hits", type=int, default=None, help="Smokes the (last) look may contain [default: 2 for one look, 3 otherwise]."),
        click.option("--confidence", default="95%", show_default=True, help="How sure the certificate must be."),
        click.option("--max-miss", default="1/200", show_default=True, help="The share of the bucket that may be smoke."),
    ):
        function = option(function)
    return function


def _options(given: dict[str, Any]) -> Any:
    from triage.review.auditing import PlanOptions

    max_miss, confidence = share_of(given.pop("max_miss")), float(share_of(given.pop("confidence")))
    return PlanOptions(max_miss=max_miss, confidence=confidence, **given)


@click.group()
def command() -> None:
    """Certify the discard bucket by sampling: no discard without a certificate."""


@command.command("plan")
@_design_options
@click.option("--seed", type=int, default=None, help="Of the draw; default, that of the last plan, or derived from the bucket itself.")
@click.option("--planted", type=int, default=60, show_default=True, help="Known smokes hidden among the sample, at most.")
@click.option(
    "--review-sample",
    type=int,
    default=None,
    help="Other sequences of To Review mixed in; they bound recall before it is decided [default: a tenth of the sample].",
)
@_variant
@click.option("--reviewer", default=None, help=option_help("reviewer"))
@with_run
def plan(run: Run, variant: str | None, reviewer: str | None, **design: Any) -> None:
    """Freeze the Unlabel bucket, draw its sample by hash order, print what each plan costs, write the blind worklist.

    In the viewer the worklist is shown blind: scores and buckets hidden, mixed with high scorers and known smokes.
    """
    from triage.review.auditing import plan_audit
    from triage.review.desk import Desk
    from triage.review.rows import open_rows

    made, text, path = plan_audit(run.layout, open_rows(run.layout, variant), Desk(run.layout, reviewer).state, _options(design))
    run.done(
        {**made.to_json(), "worklist": str(path)}, f"{text}\n\nWorklist: {path}\nLabel it in `triage view`, then `triage audit report`."
    )


@command.command("report")
@click.option("--audit", "audit_id", default=None, help="Which audit; default, the newest.")
@_variant
@_labels
@click.option("--seconds", type=float, default=10.0, show_default=True, help="What a reviewer needs for one sequence, for hours saved.")
@click.option("--reviewer", default=None, help=option_help("reviewer"))
@with_run
def report(run: Run, audit_id: str | None, variant: str | None, labels: Path | None, seconds: float, reviewer: str | None) -> None:
    """Judge the audit: exact bound, recall, work saved, in plain words, as JSON and as a page.

    Exit code 0 CERTIFIED, 10 NOT CERTIFIED, 11 EXPIRED, 12 INVALID, 13 labels are missing.
    """
    from triage.audit.report import VERDICT_EXIT_CODES
    from triage.audit.words import report_as_json, report_in_words
    from triage.review.audit_inputs import read_labels
    from triage.review.auditing import audit_now
    from triage.review.desk import Desk
    from triage.review.rows import open_rows

    given = None if labels is None else read_labels(labels)
    rows, state = open_rows(run.layout, variant), Desk(run.layout, reviewer).state
    made, judged, page = audit_now(run.layout, rows, state, audit_id, given, seconds)
    text = f"{report_in_words(made, judged)}\n\nPage: {page}"
    run.done(report_as_json(made, judged), text, exit_code=VERDICT_EXIT_CODES[judged.verdict])


@command.command("rehearse")
@_design_options
@_variant
@_labels
@click.option("--runs", type=click.IntRange(1, 10000), default=200, show_default=True, help="How many audits, each with its own seed.")
@with_run
def rehearse(run: Run, variant: str | None, labels: Path | None, runs: int, **design: Any) -> None:
    """Repeat the audit on a bucket whose truth is known, and count how often its statement was true.

    The truth comes from --labels, or from `label` in the report (`triage pull --stage annotated`).
    """
    from triage.review.audit_inputs import read_labels, truth_of
    from triage.review.rehearsal import rehearse
    from triage.review.rows import open_rows

    rows = open_rows(run.layout, variant)
    truth = truth_of(rows) | (read_labels(labels) if labels else {})
    done = rehearse(rows, truth, _options(design), runs)
    share = f", {done.certified_true} of them true ({done.certified_true / done.certified:.1%})" if done.certified else ""
    text = (
        f"{done.runs} audits of {done.bucket} sequences with {done.smokes} smokes among them, {done.mean_labels:.0f} labels on average:\n"
        f"  the statement 'no more than D_U' was true in {done.true} of {done.runs} ({done.true / done.runs:.1%})\n"
        f"  certificates 'at most {done.target}': {done.certified}{share}; false certificates: "
        f"{(done.certified - done.certified_true) / done.runs:.1%} of all audits"
    )
    run.done(asdict(done), text)


@command.command("days")
@click.option("--confidence", default="95%", show_default=True, help="How sure the bound must be.")
@_variant
@_labels
@click.option("--reviewer", default=None, help=option_help("reviewer"))
@with_run
def days(run: Run, confidence: str, variant: str | None, labels: Path | None, reviewer: str | None) -> None:
    """What labels of whole camera-days say, when no audit drew them: a bound that counts days and not sequences. Never a certificate."""
    from triage.review.audit_inputs import read_labels
    from triage.review.days import bound_from_days
    from triage.review.desk import Desk
    from triage.review.rows import open_rows

    given = None if labels is None else read_labels(labels)
    found = bound_from_days(open_rows(run.layout, variant), Desk(run.layout, reviewer).state, given, float(share_of(confidence)))
    run.done(asdict(found), found.text)
