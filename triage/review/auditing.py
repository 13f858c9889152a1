"""The audit at work: rows of a report and decisions of reviewers in, plans, verdicts and certificates out. The statistics are in
`triage.audit`; here are the report, the labels, the clock and the files."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Literal, cast

import numpy as np

from triage.audit.bounds import hypergeometric_upper, simultaneous_alpha
from triage.audit.certificate import Books, Status
from triage.audit.drawing import draw
from triage.audit.page import audit_page, tune_page
from triage.audit.plan import Plan, bucket_digest, costs, make_plan
from triage.audit.report import AuditLabel, AuditReport, Truth, audit_report
from triage.audit.tuning import (
    Certified,
    NotCertifiable,
    tune_by_audit,
    tune_by_cluster_means,
    tune_by_clusters,
    tune_by_random_sample,
    tune_elusion_rate,
)
from triage.audit.words import plan_in_words, report_as_json
from triage.config import Layout
from triage.errors import BadFile, BadSetting
from triage.files import write_bytes, write_json
from triage.review.fold import Standing, State
from triage.review.selection import Rows
from triage.sequences import key_of, sequence_id_of

__all__ = [
    "Curve",
    "PlanOptions",
    "Rehearsal",
    "Tuned",
    "audit_now",
    "bucket_status",
    "plan_audit",
    "read_labels",
    "rehearse",
    "truth_of",
    "tune",
    "worklist",
]


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What `triage audit plan` takes. hits None = the default of the number of looks.

    seed None = that of the last plan, so that a threshold moved by a hair draws nothing new; the first plan derives it from its bucket.
    """

    max_miss: Fraction = Fraction(1, 200)
    confidence: float = 0.95
    hits: int | None = None
    looks: int = 2
    open_ended: bool = False
    strata: int = 1
    near: int = 0
    seed: int | None = None
    planted: int = 60


@dataclass(frozen=True, slots=True)
class _Split:
    """The rows by bucket, with their scores, and where each sequence was seen."""

    unlabel: dict[str, float]
    review: dict[str, float]
    place_of: dict[str, str]


def _split(rows: Rows) -> _Split:
    unlabel: dict[str, float] = {}
    review: dict[str, float] = {}
    place_of: dict[str, str] = {}
    for row, key in enumerate(rows.keys):
        bucket, score = rows.value(row, "bucket"), rows.score(row)
        place_of[key] = _place(rows, row)
        if bucket == "unlabeled" and score is not None:
            unlabel[key] = score
        elif bucket == "review" and score is not None:
            review[key] = score
    return _Split(unlabel, review, place_of)


def _place(rows: Rows, row: int) -> str:
    """Camera, direction and day: what one event shares."""
    started = rows.value(row, "started_at")
    day = "?" if not isinstance(started, float) or np.isnan(started) else f"{datetime.fromtimestamp(started, UTC):%Y-%m-%d}"
    return f"{rows.value(row, 'organization')}|{rows.value(row, 'camera')}|{rows.value(row, 'azimuth')}|{day}"


def read_labels(path: Path) -> dict[str, AuditLabel]:
    """A CSV with the columns `key` (or `sequence_id`) and `label`: smoke, fp, unsure or unviewable. Raises BadFile naming the line."""
    labels: dict[str, AuditLabel] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for line, record in enumerate(csv.DictReader(file), start=2):
                key = record.get("key") or (key_of(int(record["sequence_id"])) if record.get("sequence_id") else "")
                label = (record.get("label") or "").strip()
                if label not in ("smoke", "fp", "unsure", "unviewable"):
                    raise BadFile(f"{path}: line {line}: expected smoke, fp, unsure or unviewable, found {label!r}")
                sequence_id_of(key)
                labels[key] = cast(AuditLabel, label)
    except (OSError, ValueError) as error:
        raise BadFile(f"{path}: expected a CSV with the columns key and label ({error})") from error
    return labels


def _label_of(standing: Standing) -> AuditLabel | None:
    """A decision as a label of the audit; None = no label yet. Reviewers who disagree are unsure together: it counts as smoke."""
    decision = standing.decision
    if decision is None:
        return "unsure"
    if decision.verdict == "unsure":
        return "unviewable" if "unviewable" in decision.tags else "unsure"
    return {"smoke": "smoke", "false_positive": "fp"}.get(decision.verdict)  # type: ignore[return-value]


def _labels(rows: Rows, state: State, given: Mapping[str, AuditLabel] | None) -> dict[str, AuditLabel]:
    labels: dict[str, AuditLabel] = {}
    for number, standing in state.all_standing():
        label = _label_of(standing)
        if label is not None and rows.row_of(number) is not None:
            labels[key_of(number)] = label
    return labels | dict(given or {})


def _audit_labels(
    rows: Rows, state: State, given: Mapping[str, AuditLabel] | None, plan: Plan, planned_at: datetime
) -> dict[str, AuditLabel]:
    """The labels that the audit may count.

    A sampled sequence must have been looked at: a rule over many is no label. A planted smoke was known before, so only what was said
    of it after the plan measures the reviewer. Decoys only hide the others: any decision will do.
    """
    labels = {} if given is None else dict(given)
    sampled, planted = {key for part in plan.strata for key in part.sample}, set(plan.planted)
    for key in {*sampled, *planted, *plan.decoys} - labels.keys():
        standing = state.standing(sequence_id_of(key))
        if standing is None or rows.row_of(sequence_id_of(key)) is None:
            continue
        if key in planted:
            seen = tuple(one for one in standing.opinions if one.looked_at and datetime.fromisoformat(one.at) >= planned_at)
            label = _label_of(Standing(seen)) if seen else None
        else:
            label = _label_of(standing) if standing.looked_at or key not in sampled else None
        if label is not None:
            labels[key] = label
    return labels


def plan_audit(layout: Layout, rows: Rows, state: State, options: PlanOptions) -> tuple[Plan, str, Path]:
    """Freeze the Unlabel bucket, draw, write `plan.json` and the blind worklist of the first look; (plan, words, worklist).

    Raises BadSetting when this very bucket was audited with another seed and looked at: drawing again is not a fresh sample.
    """
    split, books = _split(rows), Books(layout.audits)
    labels = _labels(rows, state, None)
    plan = make_plan(
        variant=rows.variant,
        model_version=rows.model_version,
        threshold=rows.threshold,
        unlabel=split.unlabel,
        review=split.review,
        everything=len(rows),
        max_miss=options.max_miss,
        confidence=options.confidence,
        hits=options.hits,
        looks=options.looks,
        open_ended=options.open_ended,
        strata=options.strata,
        near=options.near,
        seed=books.last_seed(rows.variant) if options.seed is None else options.seed,
        known_smokes=[key for key in split.review if labels.get(key) == "smoke"],
        planted=options.planted,
    )
    books.record_plan(plan, _now())
    path = _write_worklist(books, plan, 0)
    smokes = sum(labels.get(key) == "smoke" for key in split.review) or None
    text = plan_in_words(plan, costs(plan.bucket, plan.target, plan.alpha), smokes)
    error = books.earlier_error(plan)
    if error:
        text += f"\n\nWARNING: this bucket was looked at before under another plan (error {error:.1%}); the report will be INVALID."
    return plan, text, path


def _write_worklist(books: Books, plan: Plan, look: int) -> Path:
    path = books.directory(plan.audit_id) / f"worklist-{look + 1}.json"
    keys = plan.worklist(plan.looks[look])
    write_json(path, {"format": 1, "audit_id": plan.audit_id, "look": look + 1, "keys": list(keys)})
    return path


def worklist(layout: Layout, rows: Rows, state: State, audit_id: str | None = None) -> tuple[Plan, tuple[str, ...], tuple[str, ...]]:
    """(plan, keys of its current worklist in blind order, those of them that still want a label). For the viewer."""
    books = Books(layout.audits)
    plan = books.plan(audit_id)
    labels = _audit_labels(rows, state, None, plan, datetime.fromisoformat(books.planned_at(plan)))
    look = 0
    while look + 1 < len(plan.looks) and (books.directory(plan.audit_id) / f"worklist-{look + 2}.json").exists():
        look += 1
    keys = plan.worklist(plan.looks[look])
    return plan, keys, tuple(key for key in keys if key not in labels)


def audit_now(
    layout: Layout,
    rows: Rows,
    state: State,
    audit_id: str | None = None,
    given: Mapping[str, AuditLabel] | None = None,
    seconds_per_sequence: float = 10.0,
) -> tuple[Plan, AuditReport, Path]:
    """Judge an audit, note the look in the ledger, write `audit-report.json` and its page; (plan, report, page).

    Numbers are only computed for planned looks whose labels are complete, so asking early is not peeking.
    """
    books = Books(layout.audits)
    plan = books.plan(audit_id)
    split = _split(rows)
    labels = _labels(rows, state, given)
    in_sample = {key for part in plan.strata for key in part.sample}
    review_smokes = [key for key in split.review if labels.get(key) == "smoke"]
    truth = Truth(
        smokes_in_review=len(review_smokes),
        undecided_in_review=sum(key not in labels for key in split.review),
        rescued=frozenset(key for key in split.unlabel if labels.get(key) == "smoke" and key not in in_sample),
        place_of=split.place_of,
        events_with_review_smoke=frozenset(split.place_of[key] for key in review_smokes),
    )
    report = audit_report(
        plan,
        _audit_labels(rows, state, given, plan, datetime.fromisoformat(books.planned_at(plan))),
        truth,
        current_digest=bucket_digest(split.unlabel, rows.threshold, rows.model_version),
        current_keys=split.unlabel.keys(),
        earlier_error=books.earlier_error(plan),
        seconds_per_sequence=seconds_per_sequence,
    )
    at = _now()
    for look in report.looks:
        books.record_look(plan, at, {"n": look.n, "hits": look.hits, "upper": look.upper})
    if report.verdict == "UNFINISHED" and 0 < len(report.looks) < len(plan.looks):
        _write_worklist(books, plan, len(report.looks))
    if report.verdict == "CERTIFIED" and report.best is not None:
        books.record_certificate(plan, at, report.best.upper)
    directory = books.directory(plan.audit_id)
    write_json(directory / "audit-report.json", report_as_json(plan, report))
    page = directory / "audit-report.html"
    write_bytes(page, audit_page(plan, report).encode())
    return plan, report, page


def bucket_status(layout: Layout, rows: Rows, state: State) -> Status:
    """Whether exactly the present Unlabel bucket is certified."""
    labels = _labels(rows, state, None)
    return Books(layout.audits).status(_split(rows).unlabel, rows.threshold, rows.model_version, labels.keys())


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
    delta, split = round(1 - confidence, 12), _split(rows)
    labels = _labels(rows, state, given)
    scores = {**split.unlabel, **split.review}
    curve: Curve | None = None
    if method in ("audit", "rate"):
        plan = Books(layout.audits).plan()
        if bucket_digest(split.unlabel, rows.threshold, rows.model_version) != plan.bucket_digest:
            raise BadSetting(f"{plan.audit_id} is EXPIRED: the bucket changed since it was planned; run `triage audit plan`")
        if plan.design != "simple":
            raise BadSetting(f"{plan.audit_id} is stratified; tune needs a simple random sample (`triage audit plan` without --strata)")
        labels |= (looked := _audit_labels(rows, state, given, plan, datetime.max.replace(tzinfo=UTC)))
        sample = [key for key in plan.strata[0].sample if key in looked]
        drawn = draw(plan.strata[0].sample, plan.seed, len(sample))
        if sample != drawn:
            missing = next(key for key in drawn if key not in labels)
            raise BadSetting(f"tune needs the first labels of the draw without a gap: {missing} has none; label the audit's worklist first")
        hits = [split.unlabel[key] for key in sample if labels[key] != "fp"]
        if method == "rate":
            result = tune_elusion_rate(list(split.unlabel.values()), [split.unlabel[key] for key in sample], hits, max_loss, delta)
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
                delta=delta,
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


def _curve(split: _Split, sample: list[str], hits: list[float], alpha: float, seconds: float) -> Curve | None:
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
        need = "no number would do" if result.needed is None else f"needs n = {result.needed} {result.of_what} without a hit"
        return f"not certifiable, {need}: {claim}, {confidence:.0%} sure. Stay at {threshold:g} and audit it."
    text = f"{confidence:.0%} sure: discarding below {result.threshold:.6g}, {claim}."
    if method == "audit" and result.threshold > threshold:
        text += " Above the present threshold this uses reviews that are done: it is advice for the next batch."
    return text


def truth_of(rows: Rows) -> dict[str, AuditLabel]:
    """The labels that the report itself carries: smoke or fp by key; sequences without one are not in it."""
    known: dict[str, AuditLabel] = {}
    for row, key in enumerate(rows.keys):
        label = rows.value(row, "label")
        if label == "smoke" or label == "fp":
            known[key] = label
    return known


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Audits repeated on a truth that is known. true: runs whose statement "at most D_U" held; certified_true: of the certified ones."""

    runs: int
    bucket: int
    smokes: int
    true: int
    certified: int
    certified_true: int
    mean_labels: float


def rehearse(rows: Rows, truth: Mapping[str, AuditLabel], options: PlanOptions, runs: int) -> Rehearsal:
    """Repeat the audit with `runs` seeds on a bucket whose every label is known. Raises BadSetting when one is not."""
    split = _split(rows)
    unknown = [key for key in split.unlabel if key not in truth]
    if unknown:
        raise BadSetting(f"rehearse: {len(unknown)} sequences of the bucket have no known label, such as {unknown[0]}; give --labels FILE")
    D = sum(truth[key] != "fp" for key in split.unlabel)
    nobody = Truth(0, 0, frozenset(), {}, frozenset())
    held = certified = certified_true = 0
    labels_used = 0.0
    base = make_plan(
        variant=rows.variant, model_version=rows.model_version, threshold=rows.threshold, unlabel=split.unlabel, review=split.review,
        everything=len(rows), max_miss=options.max_miss, confidence=options.confidence, hits=options.hits, looks=options.looks,
        open_ended=options.open_ended, seed=0, planted=0,
    )  # fmt: skip
    for seed in range(runs):
        order = draw(split.unlabel, seed, base.looks[-1].n)
        plan = _with_sample(base, tuple(order))
        report = audit_report(
            plan,
            {key: truth[key] for key in order},
            nobody,
            current_digest=plan.bucket_digest,
            current_keys=split.unlabel.keys(),
        )
        assert report.best is not None
        true = report.best.upper >= D
        held += true
        labels_used += report.looks[-1].n / runs
        if report.verdict == "CERTIFIED":
            certified += 1
            certified_true += true
    return Rehearsal(runs, len(split.unlabel), D, held, certified, certified_true, labels_used)


def _with_sample(plan: Plan, sample: tuple[str, ...]) -> Plan:

    return replace(plan, strata=(replace(plan.strata[0], sample=sample),))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
