"""`triage tune` at work: thresholds chosen with proof from an audit's labels, a random sample, or old labels. The tests are in
`triage.audit.tuning`; here are the rows, the labels and the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from triage.audit.bounds import hypergeometric_upper, simultaneous_alpha
from triage.audit.certificate import Books
from triage.audit.page import tune_page
from triage.audit.plan import bucket_digest
from triage.audit.report import AuditLabel
from triage.audit.tuning import (
    Certified,
    NotCertifiable,
    tune_by_audit,
    tune_by_cluster_means,
    tune_by_clusters,
    tune_by_random_sample,
    tune_elusion_rate,
)
from triage.config import Layout
from triage.errors import BadSetting
from triage.files import write_bytes
from triage.review.audit_inputs import Split, audit_labels, labels_of, split_rows, truth_of
from triage.review.fold import State
from triage.review.selection import Rows

__all__ = ["Curve", "Method", "Tuned", "tune"]


@dataclass(frozen=True, slots=True)
class Curve:
    """For every threshold: best guess of the smokes lost, the band that holds at all thresholds at once, and hours of review saved."""

    thresholds: tuple[float, ...]
    lost: tuple[float, ...]
    band: tuple[int, ...]
    hours: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Tuned:
    """What `triage tune` found. method: audit (T1), sample (T2), clusters (T3 by one smoke a cluster) or means (T3 by cluster means),
    rate (share of the discarded). text: the answer in words."""

    method: str
    result: Certified | NotCertifiable
    curve: Curve | None
    text: str


Method = Literal["audit", "sample", "clusters", "means", "rate"]


def tune(
    layout: Layout,
    rows: Rows,
    state: State,
    *,
    method: Method,
    max_loss: float,
    confidence: float,
    given: Mapping[str, AuditLabel] | None = None,
    seconds_per_sequence: float = 10.0,
) -> Tuned:
    """The largest certified threshold. `max_loss` is the share of all smokes that may be lost (method "rate": of the discarded).

    audit, rate: the newest audit's sample, and for "audit" a decided To Review. sample: `given` are the labels of a random sample of
    everything. clusters, means: labelled sequences (decisions, `given`, or `label` of the report); a cluster is a camera and a day.
    """
    delta, split = round(1 - confidence, 12), split_rows(rows)
    labels = labels_of(rows, state, given)
    scores = {**split.unlabel, **split.review}
    curve: Curve | None = None
    if method in ("audit", "rate"):
        plan = Books(layout.audits).plan()
        if split.digest != plan.bucket_digest:
            raise BadSetting(f"{plan.audit_id} is EXPIRED: the bucket changed since it was planned; run `triage audit plan`")
        if plan.design != "simple":
            raise BadSetting(f"{plan.audit_id} is stratified; tune needs a simple random sample (`triage audit plan` without --strata)")
        labels |= (looked := audit_labels(rows, state, given, plan))
        # Labels at another number than planned would be a look that nobody planned, and each planned look takes its part of delta.
        complete = [look for look in plan.looks if all(key in looked for key in plan.sample(look))]
        if not complete:
            missing = next(key for key in plan.sample(plan.looks[0]) if key not in looked)
            raise BadSetting(f"tune needs the labels of a planned look: {missing} has none; label the audit's worklist first")
        sample, level = list(plan.sample(complete[-1])), delta / len(plan.looks)
        hits = [split.unlabel[key] for key in sample if labels[key] != "fp"]
        if method == "rate":
            result = tune_elusion_rate(list(split.unlabel.values()), [split.unlabel[key] for key in sample], hits, max_loss, level)
        else:
            undecided = sum(key not in labels for key in split.review)
            if undecided:
                raise BadSetting(f"tune: {undecided} sequences of To Review are undecided; decide them first, or use --method rate")
            reviewed = [split.review[key] for key in split.review if labels[key] == "smoke"]
            result = tune_by_audit(
                threshold=rows.threshold,
                bucket_size=len(split.unlabel),
                sampled=len(sample),
                sampled_smoke_scores=hits,
                reviewed_smoke_scores=reviewed,
                beta=max_loss,
                delta=level,
            )
        curve = _curve(split, sample, hits, delta, seconds_per_sequence)
    else:
        smokes = _smokes(rows, labels, scores, given if method == "sample" else None)
        places = {key: place.rpartition("|")[2] + place.split("|")[1] for key, place in split.place_of.items()}
        if method == "sample":
            if given is None:
                raise BadSetting("tune --method sample: give the labels of a random sample of everything with --labels FILE")
            result = tune_by_random_sample(list(smokes.values()), max_loss, delta)
        elif method == "clusters":
            result = tune_by_clusters(smokes, places, int(bucket_digest(scores, 0, rows.model_version)[:8], 16), max_loss, delta)
        else:
            result = tune_by_cluster_means(smokes, places, max_loss, delta)
    tuned = Tuned(method, result, curve, _tuned_words(method, result, max_loss, confidence, rows.threshold))
    if curve is not None:
        certified = result.threshold if isinstance(result, Certified) else None
        page = tune_page("Choosing a threshold", tuned.text, curve.thresholds, curve.lost, curve.band, curve.hours, certified)
        write_bytes(layout.audits / "tune.html", page.encode())
    return tuned


def _smokes(
    rows: Rows, labels: Mapping[str, AuditLabel], scores: Mapping[str, float], only: Mapping[str, AuditLabel] | None
) -> dict[str, float]:
    known = dict(only) if only is not None else dict(labels)
    if only is None:
        known = truth_of(rows) | known
    return {key: scores[key] for key, label in known.items() if label == "smoke" and key in scores}


def _curve(split: Split, sample: list[str], hits: list[float], alpha: float, seconds: float) -> Curve | None:
    try:
        level = simultaneous_alpha(len(hits), 0.05 if alpha <= 0.05 else 0.10)
    except BadSetting:
        return None
    N, n = len(split.unlabel), len(sample)
    if n == 0:
        return None
    ordered = np.sort(np.fromiter(split.unlabel.values(), float))
    thresholds = sorted({*np.quantile(ordered, np.linspace(0, 1, 41)).tolist(), *hits})
    lost, band, hours = [], [], []
    for t in thresholds:
        x = sum(score < t for score in hits)
        lost.append(x * N / n)
        band.append(hypergeometric_upper(x, n, N, level))
        hours.append(float(np.searchsorted(ordered, t)) * seconds / 3600)
    return Curve(tuple(thresholds), tuple(lost), tuple(band), tuple(hours))


def _tuned_words(method: Method, result: Certified | NotCertifiable, max_loss: float, confidence: float, threshold: float) -> str:
    claim = {
        "audit": f"at most {max_loss:.1%} of all smokes of this collection are lost",
        "sample": f"at most {max_loss:.1%} of all smokes of this collection are lost",
        "clusters": f"in new data like the labelled, at most {max_loss:.1%} of the smokes are lost, every event counted once",
        "means": f"in new data like the labelled, at most {max_loss:.1%} of the smokes are lost, every event counted once",
        "rate": f"at most {max_loss:.2%} of the discarded sequences are smoke",
    }[method]
    if isinstance(result, NotCertifiable):
        among = "without a hit" if result.hits == 0 else f"for {result.hits} hit{'' if result.hits == 1 else 's'}"
        need = "no number would do" if result.needed is None else f"needs n = {result.needed} {result.of_what} {among}"
        return f"not certifiable, {need}: {claim}, {confidence:.0%} sure. Stay at {threshold:g} and audit it."
    text = f"{confidence:.0%} sure: discarding below {result.threshold:.6g}, {claim}."
    if method in ("audit", "rate"):
        text += " It trusts the audit's labels: what the reviewer did not recognise is not in it."
    if method == "audit" and result.threshold > threshold:
        text += " Above the present threshold this uses reviews that are done: it is advice for the next batch."
    return text
