"""Plans freeze a bucket; reports judge it; the books remember."""

from __future__ import annotations

import dataclasses
import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from triage.audit.bounds import labels_needed
from triage.audit.certificate import Books
from triage.audit.ledger import append, read
from triage.audit.plan import Look, Plan, bucket_digest, costs, make_plan
from triage.audit.report import AuditLabel, AuditReport, Earlier, Truth, audit_report
from triage.audit.words import plan_in_words, report_as_json, report_in_words
from triage.errors import BadFile, BadSetting

UNLABEL = {f"pyro-annotator_{i}": (i % 340) / 1000 for i in range(2000)}
REVIEW = {f"pyro-annotator_{i}": 0.36 + (i % 600) / 1000 for i in range(2000, 2600)}
NOTHING = Truth()


def plan(**changes: Any) -> Plan:
    given: dict[str, Any] = {
        "variant": "demo",
        "model_version": "0.1.0",
        "threshold": 0.35,
        "unlabel": UNLABEL,
        "review": REVIEW,
        "everything": 2600,
        "max_miss": Fraction(1, 100),
        "confidence": 0.95,
    }
    return make_plan(**{**given, **changes})


def judge(
    made: Plan, smokes: set[str], truth: Truth = NOTHING, scores: dict[str, float] = UNLABEL, *, look: int = -1, **changes: Any
) -> AuditReport:
    labels: dict[str, AuditLabel] = {key: "smoke" if key in smokes else "fp" for key in made.worklist(made.looks[look])}
    labels |= changes.pop("labels", {})
    digest = bucket_digest(scores, made.threshold, made.model_version)
    return audit_report(made, labels, truth, current_digest=digest, current_keys=scores.keys(), **changes)


def test_the_same_bucket_gives_the_same_plan_and_another_seed_another_sample() -> None:
    assert plan() == plan()
    assert plan(seed=1).sample(Look(100, 0)) != plan(seed=2).sample(Look(100, 0))


def test_two_looks_are_the_default_and_one_look_allows_two_hits() -> None:
    assert [look.hits for look in plan().looks] == [0, 3]
    assert plan().alpha_per_look == pytest.approx(0.025)
    assert [look.hits for look in plan(looks=1).looks] == [2]
    assert [look.hits for look in plan(looks=1, hits=0).looks] == [0]


def test_the_worklist_is_blind() -> None:
    made = plan(known_smokes=list(REVIEW)[:100])
    worklist = made.worklist(made.looks[0])
    assert set(worklist) == {*made.sample(made.looks[0]), *made.planted, *made.decoys}
    assert len(made.planted) == 60
    assert not set(made.planted) & set(made.decoys)
    head = worklist[: len(worklist) // 4]
    assert any(key in REVIEW for key in head)
    assert any(key in UNLABEL for key in head)
    assert list(worklist) != sorted(worklist)


def test_the_second_look_keeps_the_sample_of_the_first() -> None:
    made = plan()
    first, second = made.looks
    assert made.sample(second)[: first.n] == made.sample(first)


def test_a_clean_sample_is_certified_at_the_first_look() -> None:
    made = plan()
    report = judge(made, set(), look=0)
    assert report.verdict == "CERTIFIED"
    assert report.best is not None
    assert report.best.upper <= made.target


def test_one_hit_at_the_first_look_waits_for_the_second() -> None:
    made = plan()
    hit = made.sample(made.looks[0])[0]
    waiting = judge(made, {hit}, look=0)
    assert waiting.verdict == "UNFINISHED"
    assert waiting.open_look == 1
    assert len(waiting.unlabelled) == made.looks[1].n - made.looks[0].n
    assert judge(made, {hit}).verdict == "CERTIFIED"


def test_too_many_hits_are_not_certified_and_the_report_says_what_is_needed() -> None:
    made = plan(looks=1)
    report = judge(made, set(made.sample(made.looks[0])[:6]))
    assert report.verdict == "NOT CERTIFIED"
    assert report.needed is not None
    assert report.needed > made.looks[0].n
    assert f"6 hits need n = {report.needed}" in report_in_words(made, report)


@pytest.mark.parametrize("label", ["unsure", "unviewable"])
def test_what_nobody_can_judge_counts_as_smoke_in_the_bound(label: AuditLabel) -> None:
    made = plan(looks=1)
    doubtful = made.sample(made.looks[0])[0]
    clear, doubt = judge(made, set()).best, judge(made, set(), labels={doubtful: label}).best
    assert clear is not None
    assert doubt is not None
    assert doubt.upper > clear.upper
    assert doubt.lower == 0


def test_a_missing_label_means_unfinished_and_no_numbers() -> None:
    made = plan(looks=1)
    digest = made.bucket_digest
    report = audit_report(made, {}, NOTHING, current_digest=digest, current_keys=UNLABEL.keys())
    assert (report.verdict, set(report.unlabelled), report.best) == ("UNFINISHED", set(made.sample(made.looks[0])), None)


def test_one_new_sequence_expires_the_audit() -> None:
    made = plan()
    report = judge(made, set(), scores={**UNLABEL, "pyro-annotator_9999": 0.1})
    assert report.verdict == "EXPIRED"
    assert "2001 sequences now, 2000 then" in report.reason


def test_a_second_plan_after_a_look_is_invalid() -> None:
    report = judge(plan(seed=2), set(), earlier=[Earlier("audit-x", 0.05, True, False)])
    assert report.verdict == "INVALID"
    assert "Nothing can be claimed" in report_in_words(plan(seed=2), report)


def test_planted_smokes_widen_the_bound_by_what_the_reviewer_missed() -> None:
    made = plan(looks=1, known_smokes=list(REVIEW)[:100])
    seen = {*made.planted, *made.sample(made.looks[0])[:2]}
    good, poor = judge(made, seen), judge(made, seen - set(made.planted[:20]))
    assert good.verdict == "CERTIFIED"
    assert good.sensitivity is not None
    assert good.sensitivity[:2] == (60, 60)
    assert poor.verdict == "NOT CERTIFIED"
    assert good.best is not None
    assert poor.best is not None
    assert poor.best.upper > good.best.upper


def test_recall_needs_a_decided_review_and_counts_what_was_rescued() -> None:
    made = plan(looks=1)
    hit = made.sample(made.looks[0])[0]
    open_review = Truth(smokes_in_review=300, undecided_in_review=5)
    assert judge(made, {hit}, open_review).recall is None
    rescued = frozenset(set(list(UNLABEL)[:50]) - set(made.sample(made.looks[0])))
    report = judge(made, {hit}, Truth(smokes_in_review=300, rescued=rescued))
    assert report.recall is not None
    assert report.best is not None
    assert report.recall.still_lost == report.best.upper - 1 - len(rescued) or report.recall.still_lost == 0
    assert (report.recall.lower_after_rescue or 0) > (report.recall.lower or 1)


def test_a_hit_opens_its_camera_direction_and_day() -> None:
    made = plan(looks=1)
    sample = made.sample(made.looks[0])
    outside = [key for key in UNLABEL if key not in sample]
    places = {sample[0]: "cam|90|2026-06-01", outside[0]: "cam|90|2026-06-01", outside[1]: "cam|90|2026-06-02"}
    report = judge(made, {sample[0]}, Truth(place_of=places))
    assert report.neighbours_to_open == (outside[0],)
    assert f"Back in Review, because 1 sequence is of the same camera, direction and day as a hit: {outside[0]}." in report_in_words(
        made, report
    )
    seen = Truth(place_of=places, opened=frozenset({outside[0]}))
    assert judge(made, {sample[0]}, seen).neighbours_to_open == ()


def test_an_open_ended_plan_is_judged_at_any_number_of_labels_and_costs_more() -> None:
    made = plan(open_ended=True)
    assert [look.hits for look in made.looks] == [0, 1, 2, 3]
    assert made.looks[0].n > plan(looks=1, hits=0).looks[0].n
    assert made.alpha_per_look == pytest.approx(0.05)

    def after(n: int, smokes: int) -> AuditReport:
        labels: dict[str, AuditLabel] = dict.fromkeys(made.strata[0].sample[:n], "fp")
        labels |= dict.fromkeys(made.strata[0].sample[:smokes], "smoke")
        return audit_report(made, labels, NOTHING, current_digest=made.bucket_digest, current_keys=UNLABEL.keys())

    early = after(100, 0)
    assert (early.verdict, early.open_look) == ("UNFINISHED", 0)
    assert early.best is not None
    assert early.best.n == 100
    assert after(made.looks[0].n, 0).verdict == "CERTIFIED"
    assert after(made.looks[0].n, 1).open_look == 1
    assert after(made.looks[1].n, 1).verdict == "CERTIFIED"
    assert after(made.looks[3].n, 9).verdict == "NOT CERTIFIED"


def test_proportional_strata_use_the_pooled_bound_and_near_the_one_for_two_fractions() -> None:
    proportional = plan(looks=1, strata=3)
    sizes = [len(part.sample) / part.size for part in proportional.strata]
    assert max(sizes) - min(sizes) < 0.01
    assert judge(proportional, set()).verdict == "CERTIFIED"
    near = plan(looks=1, near=100)
    assert (len(near.strata[1].sample), near.strata[1].size) == (100, 200)
    assert judge(near, set(near.strata[1].sample[:1])).verdict == "CERTIFIED"
    whole = plan(looks=1, near=200)
    assert len(whole.strata[1].sample) == whole.strata[1].size == 200
    assert judge(whole, set(whole.strata[1].sample[:2])).verdict == "CERTIFIED"
    with pytest.raises(BadSetting, match="the band holds the whole bucket"):
        plan(looks=1, near=2000)


@pytest.mark.parametrize("design", [{"strata": 3}, {"near": 100}])
def test_planted_smokes_measure_the_reviewer_of_a_stratified_sample_too(design: dict[str, int]) -> None:
    trusting = plan(looks=1, **design)
    made = plan(looks=1, known_smokes=list(REVIEW)[:100], **design)
    assert len(made.planted) == 60
    assert made.looks[0].n > trusting.looks[0].n
    good, poor = judge(made, set(made.planted)), judge(made, set(made.planted[:30]))
    assert (good.verdict, poor.verdict) == ("CERTIFIED", "NOT CERTIFIED")
    assert good.best is not None
    assert good.best.upper > good.best.other_bounds["if reviewers see every smoke"]


def test_the_price_list_says_what_passes() -> None:
    prices = costs(17191, 85, 0.05)
    assert [price.looks[0].n for price in prices if price.looks] == [588, 927, 1226, 1506, 721]
    assert prices[2].chances == pytest.approx((0.978, 0.884, 0.559), abs=5e-4)
    assert prices[4].chances == pytest.approx((0.993, 0.929, 0.598), abs=5e-4)
    assert prices[4].mean_labels[1] == pytest.approx(1223, abs=1)


def test_planted_smokes_have_their_price() -> None:
    made = plan(known_smokes=list(REVIEW)[:100])
    prices = costs(2000, 20, 0.05, planted=60)
    assert prices[4].looks == made.looks
    assert all(
        one.looks[0].n > other.looks[0].n for one, other in zip(prices, costs(2000, 20, 0.05), strict=True) if one.looks and other.looks
    )


def test_what_is_needed_counts_what_the_reviewer_misses() -> None:
    made = plan(looks=1, known_smokes=list(REVIEW)[:100])
    hits = set(made.sample(made.looks[0])[:5])
    sharp, dull = judge(made, hits | set(made.planted)), judge(made, hits | set(made.planted[:54]))
    assert sharp.needed is not None
    assert dull.needed is not None
    trusted = labels_needed(2000, made.target, 5)
    assert trusted is not None
    assert trusted < sharp.needed < dull.needed
    assert re.search(r"5 hits for a reviewer who sees \d\d\.\d% need n = \d+", report_in_words(made, dull))
    blind = judge(made, hits | set(made.planted[:3]))
    assert blind.needed is None
    assert "no number of labels would do" in report_in_words(made, blind)


def test_before_to_review_is_decided_its_sample_bounds_recall() -> None:
    made = plan(looks=1, known_smokes=list(REVIEW)[:100], review_sample=200)
    open_review = Truth(smokes_in_review=60, undecided_in_review=540)
    report = judge(made, {*made.planted, *made.decoys[:90]}, open_review)
    assert report.sampled_recall is not None
    assert report.best is not None
    # 90 of 200 of the other 540, and the 60 planted ones.
    assert 60 + 200 < report.sampled_recall.review_lower < 60 + 243
    assert report.sampled_recall.upper > report.best.upper
    assert report.sampled_recall.lower == report.sampled_recall.review_lower / (
        report.sampled_recall.review_lower + report.sampled_recall.upper
    )
    assert "To Review is not decided yet. By a sample of 200 it holds at least" in report_in_words(made, report)
    some = {key: "fp" for key in made.worklist(made.looks[0]) if key != made.decoys[0]}
    missing = audit_report(made, some, open_review, current_digest=made.bucket_digest, current_keys=UNLABEL.keys())  # type: ignore[arg-type]
    assert missing.sampled_recall is None


def test_what_is_kept_for_later_is_listed_as_open() -> None:
    made = plan(looks=1)
    wanted = [key for key in made.worklist(made.looks[0]) if key in made.sample(made.looks[0])]
    labels: dict[str, AuditLabel] = dict.fromkeys(wanted[2:], "fp")
    report = audit_report(made, labels, Truth(later=frozenset(wanted[:1])), current_digest=made.bucket_digest, current_keys=UNLABEL.keys())
    assert (report.unlabelled, report.later) == (tuple(wanted[:2]), 1)
    text = report_in_words(made, report)
    assert "Of the audit worklist 2 sequences are still without a label (1 of them kept for later, which is no label)" in text
    assert f": {wanted[0]}, {wanted[1]}. What cannot be judged is answered as unsure, which counts as smoke." in text


def test_the_words_name_both_meanings_of_the_target() -> None:
    text = plan_in_words(plan(), costs(2000, 20, 0.05), smokes_in_review=180)
    assert "1/100 of the discarded sequences" in text
    assert "20 lost would be 10.0% of all smokes" in text


def test_the_report_is_plain_data() -> None:
    made = plan()
    content = json.loads(json.dumps(report_as_json(made, judge(made, set(), look=0))))
    assert content["verdict"] == "CERTIFIED"
    assert content["text"].startswith("CERTIFIED")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"unlabel": {}}, "the Unlabel bucket is empty"),
        ({"looks": 3}, "--looks: expected 1 or 2, found 3"),
        ({"max_miss": Fraction(2)}, "--max-miss between 0 and 1"),
        ({"strata": 3}, "--strata goes with a single look"),
        ({"looks": 1, "hits": 30, "max_miss": Fraction(1, 100)}, "allow fewer --hits"),
        ({"looks": 1, "hits": 30, "strata": 3}, "allow fewer --hits"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(BadSetting, match=text):
        plan(**changes)


def test_a_plan_changed_by_hand_is_refused(tmp_path: Path) -> None:
    books = Books(tmp_path)
    books.record_plan(plan(), "2026-11-21T00:00:00Z")
    path = books.directory(plan().audit_id) / "plan.json"
    path.write_text(path.read_text().replace('"target": 20', '"target": 200'))
    with pytest.raises(BadFile, match="expected the plan that its id names"):
        books.plan()


def look(hits: int, certified: bool) -> dict[str, Any]:
    return {"n": 400, "hits": hits, "upper": 12, "certified": certified, "labels": None}


def test_the_books_remember_looks_and_certificates(tmp_path: Path) -> None:
    books, made = Books(tmp_path), plan()
    assert books.record_plan(made, "t0")
    assert not books.record_plan(made, "t1")
    assert books.certificates() == []
    books.record_look(made, "t2", look(0, True))
    books.record_look(made, "t3", look(0, True))
    books.record_certificate(made, "t4", 12, None)
    books.record_certificate(made, "t5", 12, None)
    assert [entry.kind for entry in read(books.ledger)] == ["plan", "look", "certificate"]
    assert [entry.audit_id for entry in books.certificates()] == [made.audit_id]
    assert books.earlier(made, UNLABEL.keys()) == ()
    again = plan(seed=77)
    books.record_plan(again, "t6")
    assert books.earlier(again, UNLABEL.keys()) == (Earlier(made.audit_id, pytest.approx(0.05), True, False),)


def test_a_failed_look_is_no_start_for_a_lower_threshold_and_adds_its_error_to_a_fresh_draw(tmp_path: Path) -> None:
    books, made = Books(tmp_path), plan(seed=5)
    books.record_plan(made, "t0")
    assert books.last_seed("demo") == 5
    books.record_look(made, "t1", look(9, False))
    # Another seed is due: the same sample below a lower threshold is what is left when its hits are cut off.
    assert books.last_seed("demo") is None
    lower = {key: score for key, score in UNLABEL.items() if score < 0.3}
    same, fresh = (plan(seed=seed, threshold=0.3, unlabel=lower) for seed in (5, 6))
    books.record_plan(same, "t2")
    books.record_plan(fresh, "t3")
    (seen,), (added,) = books.earlier(same, lower.keys()), books.earlier(fresh, lower.keys())
    assert (seen.same_bucket, seen.seen, added.seen) == (False, True, False)
    assert judge(same, set(), look=0, scores=lower, earlier=[seen]).verdict == "INVALID"
    report = judge(fresh, set(), look=0, scores=lower, earlier=[added])
    assert report.verdict == "CERTIFIED"
    assert "5.0% + 5.0%" in report_in_words(fresh, report)
    # Other sequences are another matter.
    assert books.earlier(fresh, {"pyro-annotator_77777"}) == ()


def test_a_certified_look_is_a_start_for_the_difference(tmp_path: Path) -> None:
    books, made = Books(tmp_path), plan()
    books.record_plan(made, "t0")
    books.record_look(made, "t1", look(0, True))
    books.record_certificate(made, "t1", 12, None)
    grown = {**UNLABEL, **{f"pyro-annotator_{i}": 0.2 for i in range(5000, 5100)}}
    apart = books.difference(made.audit_id, grown, 0.35, "0.1.0", set(made.sample(made.looks[0])))
    assert apart.words == "2000 -> 2100 sequences"
    assert apart.more_labels is not None
    next_plan = plan(unlabel=grown, seed=books.last_seed("demo"))
    assert apart.more_labels == len(set(next_plan.sample(next_plan.looks[0])) - set(made.sample(made.looks[0])))
    assert books.earlier(next_plan, grown.keys()) == ()
    assert books.difference(made.audit_id, UNLABEL, 0.3, "0.2.0", set()).words == "threshold 0.35 -> 0.3, model 0.1.0 -> 0.2.0"


def test_a_line_taken_off_the_end_of_the_ledger_is_noticed_by_what_was_reported_on_it(tmp_path: Path) -> None:
    books, made = Books(tmp_path), plan()
    books.record_plan(made, "t0")
    books.record_look(made, "t1", look(9, False))
    (books.directory(made.audit_id) / "audit-report.json").write_text(json.dumps({"ledger": books.entries()[-1].digest}))
    lines = books.ledger.read_bytes().splitlines(keepends=True)
    books.ledger.write_bytes(lines[0])
    with pytest.raises(BadFile, match=r"the line that audit-\w+ was reported on is gone"):
        books.plan()
    books.ledger.unlink()
    with pytest.raises(BadFile, match="is gone; restore the ledger from git"):
        books.entries()


def test_kept_labels_are_those_that_the_ledger_names(tmp_path: Path) -> None:
    books = Books(tmp_path)
    digest = books.keep_labels("audit-1", {"pyro-annotator_1": "fp"})
    assert books.kept_labels("audit-1", digest) == {"pyro-annotator_1": "fp"}
    path = next(books.directory("audit-1").glob("labels-*.json"))
    path.write_text(path.read_text().replace("fp", "smoke"))
    with pytest.raises(BadFile, match="expected the labels that the ledger names"):
        books.kept_labels("audit-1", digest)


def test_a_line_taken_out_of_the_ledger_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    for number in range(3):
        append(path, "look", "audit-x", "d", f"t{number}", {"n": number})
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[2])
    with pytest.raises(BadFile, match="line 2 does not follow the line before it"):
        read(path)


def test_a_half_written_last_line_is_no_entry_and_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    append(path, "plan", "audit-x", "d", "t0", {})
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"kind": "lo')
    assert len(read(path)) == 1
    append(path, "look", "audit-x", "d", "t1", {})
    assert [entry.kind for entry in read(path)] == ["plan", "look"]


def test_plans_read_back_as_they_were_written() -> None:
    made = plan(looks=1, strata=2)
    assert Plan.from_json(json.loads(json.dumps(made.to_json())), "plan.json") == made
    assert dataclasses.replace(made, target=3) != made
