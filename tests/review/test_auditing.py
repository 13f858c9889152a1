"""The audit at work: plan, labels by decisions, verdict, certificate, and the payload it opens."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from tests.review.conftest import table_of
from triage.audit.bounds import clopper_pearson_upper, hypergeometric_upper
from triage.audit.plan import Plan
from triage.audit.report import AuditLabel
from triage.audit.tuning import Certified
from triage.config import Layout
from triage.errors import BadFile, BadSetting
from triage.review.audit_inputs import read_labels, split_rows, truth_of
from triage.review.auditing import PlanOptions, audit_now, bucket_status, plan_audit, worklist
from triage.review.days import bound_from_days
from triage.review.decisions import parse_decision
from triage.review.desk import Desk
from triage.review.planning import plan_payloads
from triage.review.rehearsal import rehearse
from triage.review.selection import Rows
from triage.review.tuning import tune
from triage.sequences import sequence_id_of

OPTIONS = PlanOptions(max_miss=Fraction(1, 100), looks=1)


def collection(extra: int = 0, *, places: bool = False) -> Rows:
    """2,000 to discard and 100 to review, 60 of them and 2 of the discarded smoke (the two that score highest).

    Every sequence is of another camera. places: in groups of 6 that share camera, direction and day; 3 of every twentieth group are smoke.
    """
    rows = [
        {"sequence_id": i, "triage_score": 0.345 if i % 1000 == 7 else (i % 340) / 1000, "label": "smoke" if i % 1000 == 7 else "fp"}
        for i in range(1, 2001 + extra)
    ]
    for i, row in enumerate(rows):
        row["camera_name"] = f"cam-{i // 6 if places else i}"
        if places:
            row["label"] = "smoke" if i // 6 % 20 == 0 and i % 6 < 3 else "fp"
    rows += [{"sequence_id": i, "triage_score": 0.4 + (i % 50) / 100, "label": "smoke" if i % 5 < 3 else "fp"} for i in range(5001, 5101)]
    return Rows(table_of(rows), "demo", 0.35)


def label(desk: Desk, rows: Rows, keys: tuple[str, ...]) -> None:
    """Play the reviewer: decide every key as its true label."""
    truth = truth_of(rows)
    for said in ("smoke", "fp"):
        chosen = ", ".join(key for key in keys if truth[key] == said)
        if chosen:
            desk.decide(rows, desk.select(rows, f"key in ({chosen})"), parse_decision("smoke" if said == "smoke" else "unlabeled"))


def answer(desk: Desk, rows: Rows, plan: Plan, keys: Iterable[str], wrong: Collection[str] = ()) -> None:
    """Play the reviewer of a blind session: answer every key by its true label, but say "low cloud" of the `wrong` ones."""
    truth = truth_of(rows)
    for key in keys:
        words = "smoke" if truth[key] == "smoke" and key not in wrong else "low_cloud"
        desk.answer(rows, sequence_id_of(key), parse_decision(words), plan.audit_id, planted=key in plan.planted)


def decide_review(desk: Desk, rows: Rows) -> None:
    desk.decide(rows, desk.select(rows, "bucket = review and label = smoke"), parse_decision("smoke"))
    desk.decide(rows, desk.select(rows, "bucket = review and not decided"), parse_decision("antenna"))


def test_from_plan_to_certificate_to_payload_and_one_new_sequence_expires_it(layout: Layout, desk: Desk) -> None:
    rows = collection()
    decide_review(desk, rows)
    plan, text, path = plan_audit(layout, rows, desk.state, OPTIONS)
    assert "1/100 of the discarded sequences" in text
    assert len(plan.planted) == 60
    assert set(json.loads(path.read_text())["keys"]) == set(plan.worklist(plan.looks[0]))

    _, early, _ = audit_now(layout, rows, desk.state)
    assert (early.verdict, early.best) == ("UNFINISHED", None)
    now = worklist(layout, rows, desk.state)
    # The planted smokes are known, but no reviewer has recognised them blind yet.
    assert set(now.left) == {*plan.sample(plan.looks[0]), *plan.planted, *plan.decoys}
    assert not now.running
    desk.begin_audit(plan.audit_id)
    assert worklist(layout, rows, desk.state).running
    answer(desk, rows, plan, now.left)
    assert worklist(layout, rows, desk.state).left == ()
    assert not worklist(layout, rows, desk.state).running

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
    label(desk, rows, worklist(layout, rows, desk.state).keys)
    audit_now(layout, rows, desk.state)
    _, text, _ = plan_audit(layout, rows, desk.state, PlanOptions(max_miss=Fraction(1, 100), looks=1, seed=5))
    assert "was looked at before and leaves no fresh sample; the report will be INVALID" in text
    label(desk, rows, worklist(layout, rows, desk.state).keys)
    assert audit_now(layout, rows, desk.state)[1].verdict == "INVALID"


def test_of_two_plans_made_in_advance_only_the_first_that_is_looked_at_counts(layout: Layout, desk: Desk) -> None:
    rows = collection()
    plans = [plan_audit(layout, rows, desk.state, replace(OPTIONS, seed=seed))[0] for seed in (1, 2)]
    for plan in plans:
        label(desk, rows, plan.worklist(plan.looks[0]))
    assert [audit_now(layout, rows, desk.state, plan.audit_id)[1].verdict for plan in plans] == ["CERTIFIED", "INVALID"]
    assert audit_now(layout, rows, desk.state, plans[0].audit_id)[1].verdict == "CERTIFIED"


def test_a_planted_smoke_that_is_taken_for_something_else_widens_the_bound_and_decides_nothing(layout: Layout, desk: Desk) -> None:
    rows, bob = collection(), Desk(layout, "bob")
    decide_review(desk, rows)
    plan, _, _ = plan_audit(layout, rows, desk.state, OPTIONS)
    answer(bob, rows, plan, plan.sample(plan.looks[0]))
    # Deciding a known smoke once more, with its score in sight, measures nobody.
    label(bob, rows, plan.planted)
    waiting = audit_now(layout, rows, bob.state)[1]
    assert (waiting.verdict, set(waiting.unlabelled)) == ("UNFINISHED", set(plan.planted))
    answer(bob, rows, plan, plan.planted, wrong=plan.planted[:20])
    report = audit_now(layout, rows, bob.state)[1]
    assert report.sensitivity is not None
    assert report.sensitivity[:2] == (40, 60)
    assert report.verdict == "NOT CERTIFIED"
    missed = bob.state.standing(sequence_id_of(plan.planted[0]))
    assert missed is not None
    assert missed.decision == parse_decision("smoke")
    # Who answers twice is measured by the last answer; of two reviewers the worse one counts.
    answer(bob, rows, plan, plan.planted[:20])
    assert audit_now(layout, rows, bob.state)[1].verdict == "CERTIFIED"
    answer(desk, rows, plan, plan.planted[:20], wrong=plan.planted[:20])
    assert audit_now(layout, rows, desk.state)[1].verdict == "NOT CERTIFIED"


def test_answers_can_be_undone_like_any_decision(layout: Layout, desk: Desk) -> None:
    rows = collection()
    decide_review(desk, rows)
    plan, _, _ = plan_audit(layout, rows, desk.state, OPTIONS)
    desk.begin_audit(plan.audit_id)
    for key in (plan.planted[0], plan.sample(plan.looks[0])[0]):
        answer(desk, rows, plan, [key])
        assert key not in worklist(layout, rows, desk.state).left
        assert desk.undo().count == 1
        assert key in worklist(layout, rows, desk.state).left
    begun = next(record.id for record in desk.state.records if record.kind == "audit")
    desk.undo(begun)
    assert not worklist(layout, rows, desk.state).running


def test_the_report_says_how_many_labels_were_not_blind(layout: Layout, desk: Desk) -> None:
    rows = collection()
    plan, _, _ = plan_audit(layout, rows, desk.state, OPTIONS)
    keys = plan.worklist(plan.looks[0])
    answer(desk, rows, plan, keys)
    assert audit_now(layout, rows, desk.state)[1].not_blind == 0
    label(desk, rows, plan.sample(plan.looks[0])[:7])
    assert audit_now(layout, rows, desk.state)[1].not_blind == 7


def test_what_stands_beside_a_hit_goes_back_to_review_and_its_smokes_count_in_recall_but_not_in_the_sample(
    layout: Layout, desk: Desk
) -> None:
    """Places are camera, direction and day: every hit has 5 neighbours, and 2 of them are smoke."""
    rows = collection(places=True)
    decide_review(desk, rows)
    plan, _, _ = plan_audit(layout, rows, desk.state, replace(OPTIONS, max_miss=Fraction(1, 20), hits=9))
    sample = set(plan.sample(plan.looks[0]))
    truth, split = truth_of(rows), split_rows(rows)
    answer(desk, rows, plan, plan.worklist(plan.looks[0]))
    before = audit_now(layout, rows, desk.state)[1]
    hits = {key for key in sample if truth[key] == "smoke"}
    assert hits
    places = {split.place_of[key] for key in hits}
    beside = {key for key in split.unlabel if split.place_of[key] in places} - sample
    assert set(before.neighbours_to_open) == beside
    assert before.verdict == "CERTIFIED"
    assert before.recall is not None
    assert before.rescued == 0

    # They are in Review again: no payload discards them before somebody looked.
    planned, _ = plan_payloads(layout, rows, desk.state, undecided_unlabel=True)
    assert planned.refused["beside_smoke"] == len(beside)
    assert not {sequence_id_of(key) for key in beside} & planned.labels.keys()
    by_name = sequence_id_of(min(beside))
    assert by_name in plan_payloads(layout, rows, desk.state, undecided_unlabel=True, include=[by_name])[0].labels

    # A rule over many opens nothing.
    desk.decide(rows, desk.select(rows, "bucket = unlabeled and not decided"), parse_decision("unlabeled"))
    assert set(audit_now(layout, rows, desk.state)[1].neighbours_to_open) == beside
    label(desk, rows, tuple(beside))
    after = audit_now(layout, rows, desk.state)[1]
    smokes = sum(truth[key] == "smoke" for key in beside)
    assert smokes > 0
    assert after.neighbours_to_open == ()
    assert after.rescued == smokes
    assert after.best == before.best
    assert after.recall is not None
    assert before.still_lost is not None
    assert after.still_lost == before.still_lost - smokes
    assert after.recall.lower == before.recall.lower
    assert after.recall.lower_after_rescue is not None
    assert before.recall.lower_after_rescue is not None
    assert after.recall.lower_after_rescue > before.recall.lower_after_rescue
    planned, _ = plan_payloads(layout, rows, desk.state, undecided_unlabel=True)
    assert "beside_smoke" not in planned.refused
    assert {planned.labels[sequence_id_of(key)].name for key in beside} == {"wildfire", "unlabeled"}


def test_a_rule_over_many_is_no_look(layout: Layout, desk: Desk) -> None:
    rows = collection()
    plan, _, _ = plan_audit(layout, rows, desk.state, OPTIONS)
    desk.decide(rows, desk.select(rows, "bucket = unlabeled"), parse_decision("unlabeled"))
    report = audit_now(layout, rows, desk.state)[1]
    assert (report.verdict, set(report.unlabelled)) == ("UNFINISHED", set(plan.sample(plan.looks[0])))
    with pytest.raises(BadSetting, match="2000 sequences that nobody looked at would be discarded: no audit has certified"):
        plan_payloads(layout, rows, desk.state)
    label(desk, rows, worklist(layout, rows, desk.state).left)
    assert audit_now(layout, rows, desk.state)[1].verdict == "CERTIFIED"
    assert plan_payloads(layout, rows, desk.state)[0].basis.certificate == plan.audit_id


def test_a_label_corrected_after_the_certificate_takes_it_away_and_another_brings_it_back(layout: Layout, desk: Desk) -> None:
    rows = collection()
    plan, _, _ = plan_audit(layout, rows, desk.state, OPTIONS)
    sample = plan.sample(plan.looks[0])
    label(desk, rows, worklist(layout, rows, desk.state).left)
    for words, verdict in (("tree", "CERTIFIED"), ("smoke", "NOT CERTIFIED"), ("tree", "CERTIFIED")):
        desk.decide(rows, desk.select(rows, f"key in ({', '.join(sample[:9])})"), parse_decision(words))
        assert audit_now(layout, rows, desk.state)[1].verdict == verdict
        assert (bucket_status(layout, rows, desk.state).certified is not None) == (verdict == "CERTIFIED")


def test_the_payload_judges_the_certificate_anew_from_the_labels_as_they_are(layout: Layout, desk: Desk) -> None:
    rows = collection()
    plan, _, _ = plan_audit(layout, rows, desk.state, OPTIONS)
    label(desk, rows, worklist(layout, rows, desk.state).left)
    assert audit_now(layout, rows, desk.state)[1].verdict == "CERTIFIED"
    nine = f"key in ({', '.join(plan.sample(plan.looks[0])[:9])})"
    desk.decide(rows, desk.select(rows, nine), parse_decision("smoke"))
    # Nobody asked for a report in between.
    with pytest.raises(
        BadSetting, match=f"{plan.audit_id} certified this bucket, but by the labels as they are now it is NOT CERTIFIED: up to"
    ):
        plan_payloads(layout, rows, desk.state, undecided_unlabel=True)
    desk.undo()
    first, _ = plan_payloads(layout, rows, desk.state, undecided_unlabel=True)
    assert first.basis.certificate == plan.audit_id
    # A label that is gone leaves the look unfinished.
    desk.decide(rows, desk.select(rows, f"key = {plan.sample(plan.looks[0])[0]}"), parse_decision("later"))
    with pytest.raises(BadSetting, match="it is UNFINISHED: 1 label is missing"):
        plan_payloads(layout, rows, desk.state, undecided_unlabel=True)
    # One more hit that the bound still bears.
    desk.decide(rows, desk.select(rows, f"key = {plan.sample(plan.looks[0])[0]}"), parse_decision("unsure"))
    assert plan_payloads(layout, rows, desk.state, undecided_unlabel=True)[0].basis.certificate == plan.audit_id


def test_labels_from_a_file_are_kept_with_the_look_and_do_not_silence_a_decision(layout: Layout, desk: Desk) -> None:
    rows = collection()
    plan, _, _ = plan_audit(layout, rows, desk.state, OPTIONS)
    truth = truth_of(rows)
    given: dict[str, AuditLabel] = {key: truth[key] for key in plan.worklist(plan.looks[0])}
    assert audit_now(layout, rows, desk.state, given=given)[1].verdict == "CERTIFIED"
    assert plan_payloads(layout, rows, desk.state, undecided_unlabel=True)[0].basis.certificate == plan.audit_id
    # Another file that contradicts it takes the certificate away, and the payload goes by the last look.
    worse = given | dict.fromkeys(plan.sample(plan.looks[0])[:9], "smoke")
    assert audit_now(layout, rows, desk.state, given=worse)[1].verdict == "NOT CERTIFIED"
    with pytest.raises(BadSetting, match="it is NOT CERTIFIED"):
        plan_payloads(layout, rows, desk.state, undecided_unlabel=True)
    assert audit_now(layout, rows, desk.state, given=given)[1].verdict == "CERTIFIED"
    label_as_smoke = f"key in ({', '.join(plan.sample(plan.looks[0])[:9])})"
    desk.decide(rows, desk.select(rows, label_as_smoke), parse_decision("smoke"))
    report = audit_now(layout, rows, desk.state, given=given)[1]
    assert report.best is not None
    assert (report.verdict, report.best.unsure) == ("NOT CERTIFIED", 9)
    with pytest.raises(BadSetting, match="it is NOT CERTIFIED"):
        plan_payloads(layout, rows, desk.state, undecided_unlabel=True)


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
    keys = worklist(layout, rows, desk.state).keys
    label(desk, rows, keys[:-1])
    with pytest.raises(BadSetting, match="tune needs the labels of a planned look"):
        tune(layout, rows, desk.state, method="rate", max_loss=0.2, confidence=0.95)
    label(desk, rows, keys)
    with pytest.raises(BadSetting, match="To Review are undecided"):
        tune(layout, rows, desk.state, method="audit", max_loss=0.2, confidence=0.95)
    label(desk, rows, tuple(key for key in rows.keys if int(key.rpartition("_")[2]) > 5000))
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


def test_labels_of_whole_camera_days_count_by_day(layout: Layout, desk: Desk) -> None:
    rows = collection(places=True)
    with pytest.raises(BadSetting, match="no camera-day of the 2000 sequences is labelled whole"):
        bound_from_days(rows, desk.state, None, 0.95)
    keys = [f"pyro-annotator_{i}" for i in range(1, 6 * 50 + 3)]
    label(desk, rows, tuple(keys))
    found = bound_from_days(rows, desk.state, None, 0.95)
    # 50 days of 6, and 2 sequences of another; three of every twentieth day are smoke.
    assert (found.days, found.partial, found.sequences, found.hits) == (50, 1, 300, 9)
    assert found.effect == pytest.approx(6)
    assert found.upper == math.floor(2000 * clopper_pearson_upper(9 / 6, 300 / 6))
    assert found.upper > hypergeometric_upper(9, 300, 2000)
    assert "no certificate" in found.text


def test_rehearsed_certificates_are_true_at_least_as_often_as_promised() -> None:
    rows = collection()
    done = rehearse(rows, truth_of(rows), PlanOptions(max_miss=Fraction(1, 200), looks=2), 200)
    assert done.true / done.runs >= 0.95
    assert done.certified_true == done.certified
    with pytest.raises(BadSetting, match="have no known label"):
        rehearse(rows, {}, OPTIONS, 1)


def test_a_bucket_that_holds_too_much_is_seldom_certified_however_one_looks() -> None:
    rows = collection(places=True)
    for options in (PlanOptions(max_miss=Fraction(1, 50)), PlanOptions(max_miss=Fraction(1, 50), open_ended=True)):
        done = rehearse(rows, truth_of(rows), options, 100)
        assert (done.smokes, done.target, done.certified_true) == (51, 40, 0)
        assert done.certified <= 8
        assert done.true >= 92
