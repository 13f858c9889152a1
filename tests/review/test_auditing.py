"""The audit at work: plan, labels by decisions, verdict, certificate, and the payload it opens."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from tests.review.conftest import table_of
from triage.audit.tuning import Certified
from triage.config import Layout
from triage.errors import BadFile, BadSetting
from triage.review.audit_inputs import read_labels, truth_of
from triage.review.auditing import PlanOptions, audit_now, bucket_status, plan_audit, worklist
from triage.review.decisions import parse_decision
from triage.review.desk import Desk
from triage.review.planning import plan_payloads
from triage.review.rehearsal import rehearse
from triage.review.selection import Rows
from triage.review.tuning import tune

OPTIONS = PlanOptions(max_miss=Fraction(1, 100), looks=1)


def collection(extra: int = 0) -> Rows:
    """2,000 to discard and 100 to review, 60 of them and 2 of the discarded smoke (the two that score highest)."""
    rows = [
        {"sequence_id": i, "triage_score": 0.345 if i % 1000 == 7 else (i % 340) / 1000, "label": "smoke" if i % 1000 == 7 else "fp"}
        for i in range(1, 2001 + extra)
    ]
    rows += [{"sequence_id": i, "triage_score": 0.4 + (i % 50) / 100, "label": "smoke" if i % 5 < 3 else "fp"} for i in range(5001, 5101)]
    return Rows(table_of(rows), "demo", 0.35)


def label(desk: Desk, rows: Rows, keys: tuple[str, ...]) -> None:
    """Play the reviewer: decide every key as its true label."""
    truth = truth_of(rows)
    for said in ("smoke", "fp"):
        chosen = ", ".join(key for key in keys if truth[key] == said)
        if chosen:
            desk.decide(rows, desk.select(rows, f"key in ({chosen})"), parse_decision("smoke" if said == "smoke" else "unlabeled"))


def test_from_plan_to_certificate_to_payload_and_one_new_sequence_expires_it(layout: Layout, desk: Desk) -> None:
    rows = collection()
    desk.decide(rows, desk.select(rows, "bucket = review and label = smoke"), parse_decision("smoke"))
    desk.decide(rows, desk.select(rows, "bucket = review and not decided"), parse_decision("antenna"))
    plan, text, path = plan_audit(layout, rows, desk.state, OPTIONS)
    assert "1/100 of the discarded sequences" in text
    assert len(plan.planted) == 60
    assert set(json.loads(path.read_text())["keys"]) == set(plan.worklist(plan.looks[0]))

    _, early, _ = audit_now(layout, rows, desk.state)
    assert (early.verdict, early.best) == ("UNFINISHED", None)
    _, keys, left = worklist(layout, rows, desk.state)
    label(desk, rows, keys)
    # The planted smokes are known, but this reviewer has yet to recognise them.
    assert set(left) == {*plan.sample(plan.looks[0]), *plan.planted}
    assert worklist(layout, rows, desk.state)[2] == ()

    _, report, page = audit_now(layout, rows, desk.state)
    assert report.verdict == "CERTIFIED"
    assert report.best is not None
    assert report.best.upper >= 2
    assert report.recall is not None
    assert "<img" in page.read_text()

    planned, line = plan_payloads(layout, rows, desk.state, undecided_unlabel=True)
    assert planned.basis.certificate == plan.audit_id
    assert plan.audit_id in line
    assert plan.audit_id in (planned.directory / "summary.md").read_text()

    grown = collection(extra=1)
    assert audit_now(layout, grown, desk.state)[1].verdict == "EXPIRED"
    with pytest.raises(BadSetting, match=r"EXPIRED: .*2000 -> 2001 sequences\); the difference needs \d+ more label"):
        plan_payloads(layout, grown, desk.state, undecided_unlabel=True)


def test_drawing_again_after_a_look_is_invalid(layout: Layout, desk: Desk) -> None:
    rows = collection()
    _, _, _ = plan_audit(layout, rows, desk.state, OPTIONS)
    label(desk, rows, worklist(layout, rows, desk.state)[1])
    audit_now(layout, rows, desk.state)
    _, text, _ = plan_audit(layout, rows, desk.state, PlanOptions(max_miss=Fraction(1, 100), looks=1, seed=5))
    assert "WARNING: this bucket was looked at before" in text
    label(desk, rows, worklist(layout, rows, desk.state)[1])
    assert audit_now(layout, rows, desk.state)[1].verdict == "INVALID"


def test_of_two_plans_made_in_advance_only_the_first_that_is_looked_at_counts(layout: Layout, desk: Desk) -> None:
    rows = collection()
    plans = [plan_audit(layout, rows, desk.state, replace(OPTIONS, seed=seed))[0] for seed in (1, 2)]
    for plan in plans:
        label(desk, rows, plan.worklist(plan.looks[0]))
    assert [audit_now(layout, rows, desk.state, plan.audit_id)[1].verdict for plan in plans] == ["CERTIFIED", "INVALID"]
    assert audit_now(layout, rows, desk.state, plans[0].audit_id)[1].verdict == "CERTIFIED"


def test_a_planted_smoke_that_is_taken_for_something_else_widens_the_bound(layout: Layout, desk: Desk) -> None:
    rows, bob = collection(), Desk(layout, "bob")
    desk.decide(rows, desk.select(rows, "bucket = review and label = smoke"), parse_decision("smoke"))
    plan, _, _ = plan_audit(layout, rows, desk.state, OPTIONS)
    label(bob, rows, plan.sample(plan.looks[0]))
    waiting = audit_now(layout, rows, bob.state)[1]
    assert (waiting.verdict, waiting.missing) == ("UNFINISHED", 60)
    missed = f"key in ({', '.join(plan.planted[:20])})"
    bob.decide(rows, bob.select(rows, missed), parse_decision("low_cloud"))
    label(bob, rows, plan.planted[20:])
    report = audit_now(layout, rows, bob.state)[1]
    assert report.sensitivity is not None
    assert report.sensitivity[:2] == (40, 60)
    assert report.verdict == "NOT CERTIFIED"


def test_a_rule_over_many_is_no_look(layout: Layout, desk: Desk) -> None:
    rows = collection()
    plan, _, _ = plan_audit(layout, rows, desk.state, OPTIONS)
    desk.decide(rows, desk.select(rows, "bucket = unlabeled"), parse_decision("unlabeled"))
    report = audit_now(layout, rows, desk.state)[1]
    assert (report.verdict, report.missing) == ("UNFINISHED", plan.looks[0].n)
    with pytest.raises(BadSetting, match="2000 sequences that nobody looked at would be discarded: no audit has certified"):
        plan_payloads(layout, rows, desk.state)
    label(desk, rows, worklist(layout, rows, desk.state)[2])
    assert audit_now(layout, rows, desk.state)[1].verdict == "CERTIFIED"
    assert plan_payloads(layout, rows, desk.state)[0].basis.certificate == plan.audit_id


def test_a_label_corrected_after_the_certificate_takes_it_away_and_another_brings_it_back(layout: Layout, desk: Desk) -> None:
    rows = collection()
    plan, _, _ = plan_audit(layout, rows, desk.state, OPTIONS)
    sample = plan.sample(plan.looks[0])
    label(desk, rows, worklist(layout, rows, desk.state)[2])
    for words, verdict in (("tree", "CERTIFIED"), ("smoke", "NOT CERTIFIED"), ("tree", "CERTIFIED")):
        desk.decide(rows, desk.select(rows, f"key in ({', '.join(sample[:9])})"), parse_decision(words))
        assert audit_now(layout, rows, desk.state)[1].verdict == verdict
        assert (bucket_status(layout, rows, desk.state).certified is not None) == (verdict == "CERTIFIED")


def test_labels_may_come_from_a_csv(layout: Layout, desk: Desk, tmp_path: Path) -> None:
    rows = collection()
    plan, _, _ = plan_audit(layout, rows, desk.state, OPTIONS)
    truth = truth_of(rows)
    path = tmp_path / "labels.csv"
    path.write_text("key,label\n" + "".join(f"{key},{truth[key]}\n" for key in plan.worklist(plan.looks[0])))
    assert audit_now(layout, rows, desk.state, given=read_labels(path))[1].verdict == "CERTIFIED"
    path.write_text("key,label\npyro-annotator_1,perhaps\n")
    with pytest.raises(BadFile, match="line 2: expected smoke, fp, unsure or unviewable, found 'perhaps'"):
        read_labels(path)


def test_tune_raises_or_lowers_the_threshold_with_proof(layout: Layout, desk: Desk) -> None:
    rows = collection()
    plan_audit(layout, rows, desk.state, OPTIONS)
    with pytest.raises(BadSetting, match="To Review are undecided"):
        tune(layout, rows, desk.state, method="audit", max_loss=0.2, confidence=0.95)
    label(desk, rows, tuple(key for key in rows.keys if int(key.rpartition("_")[2]) > 5000))
    label(desk, rows, worklist(layout, rows, desk.state)[1])
    tuned = tune(layout, rows, desk.state, method="audit", max_loss=0.25, confidence=0.95)
    assert isinstance(tuned.result, Certified)
    assert tuned.curve is not None
    assert (layout.audits / "tune.html").exists()
    strict = tune(layout, rows, desk.state, method="audit", max_loss=0.001, confidence=0.95)
    assert "not certifiable, needs n =" in strict.text
    rate = tune(layout, rows, desk.state, method="rate", max_loss=0.02, confidence=0.95)
    assert isinstance(rate.result, Certified)
    old = tune(layout, rows, desk.state, method="clusters", max_loss=0.5, confidence=0.5)
    assert "every event counted once" in old.text


def test_rehearsed_certificates_are_true_at_least_as_often_as_promised() -> None:
    rows = collection()
    done = rehearse(rows, truth_of(rows), PlanOptions(max_miss=Fraction(1, 200), looks=2), 200)
    assert done.true / done.runs >= 0.95
    assert done.certified_true == done.certified
    with pytest.raises(BadSetting, match="have no known label"):
        rehearse(rows, {}, OPTIONS, 1)
