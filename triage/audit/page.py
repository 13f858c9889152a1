"""The audit as one self-contained page: the words, and a plot of what the sample can tell apart."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence as Seq

from triage.audit.bounds import hypergeometric_lower
from triage.audit.plan import Plan
from triage.audit.report import AuditReport, upper_bound
from triage.audit.words import report_in_words

__all__ = ["audit_page", "tune_page"]

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: #1c2430; background: #fff }}
h1 {{ font-size: 1.5rem }} pre {{ white-space: pre-wrap; font: inherit }} img {{ max-width: 100% }}
</style></head><body><h1>{title}</h1><pre>{text}</pre><img alt="{alt}" src="data:image/png;base64,{image}"></body></html>
"""


def _page(title: str, text: str, alt: str, image: bytes) -> str:
    fill = {"title": html.escape(title), "text": html.escape(text), "alt": html.escape(alt)}
    return _PAGE.format(**fill, image=base64.b64encode(image).decode())


def audit_page(plan: Plan, report: AuditReport) -> str:
    """HTML. The plot: for every number of hits the sample could have had, the interval of smokes in the bucket it would leave open (not for
    stratified samples, where it also matters which stratum the hits are in)."""
    from matplotlib.figure import Figure

    look = report.best
    n = look.n if look else plan.looks[0].n
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    if plan.design == "simple":
        hits = range(max(8, (look.hits if look else 0) + 4))
        upper = [upper_bound(plan, x, n, report.sensitivity) for x in hits]
        lower = [hypergeometric_lower(x, n, plan.bucket, plan.alpha_per_look) for x in hits]
        axes.vlines(hits, lower, upper, color="#7a8699", linewidth=6, label="smokes in the bucket that such a sample leaves open")
    axes.axhline(plan.target, color="#b3261e", linestyle="--", label=f"allowed: {plan.target}")
    if look:
        axes.plot([look.hits], [look.upper], "o", color="#b3261e", markersize=9, label=f"this audit: at most {look.upper}")
    axes.set(xlabel=f"smokes among {n} labelled", ylabel=f"smokes among {plan.bucket}")
    axes.legend()
    alt = "interval of smokes in the bucket for every number of hits"
    return _page(f"Audit {plan.audit_id}: {report.verdict}", report_in_words(plan, report), alt, _png(figure))


def tune_page(
    title: str, text: str, thresholds: Seq[float], lost: Seq[float], band: Seq[float], hours: Seq[float], certified: float | None
) -> str:
    """HTML. The plot: for every threshold the smokes lost (best guess and simultaneous band) against the hours of review saved."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(thresholds, lost, color="#1c2430", label="smokes lost, best guess")
    axes.fill_between(thresholds, lost, band, color="#7a8699", alpha=0.4, label="band that holds at all thresholds at once")
    axes.set(xlabel="threshold", ylabel="smokes lost")
    beside = axes.twinx()
    beside.plot(thresholds, hours, color="#2a6f97", linestyle=":", label="hours of review saved")
    beside.set_ylabel("hours saved")
    if certified is not None:
        axes.axvline(certified, color="#2e7d32", label=f"certified: {certified:.4f}")
    axes.legend(loc="upper left")
    return _page(title, text, "smokes lost and hours saved over the threshold", _png(figure))


def _png(figure: object) -> bytes:
    out = io.BytesIO()
    # Without metadata the same numbers give the same bytes.
    figure.savefig(out, format="png", dpi=120, metadata={"Software": None})  # type: ignore[attr-defined]
    return out.getvalue()
