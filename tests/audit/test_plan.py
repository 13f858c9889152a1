"""Plans freeze a bucket; reports judge it; the books remember."""

from __future__ import annotations

import dataclasses
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from triage.audit.certificate import Books
from triage.audit.ledger import append, read
from triage.audit.plan import Look, Plan, bucket_digest, costs, make_plan
from triage.audit.report import AuditLabel, AuditReport, Truth, audit_report
from triage.audit.words import plan_in_words, report_as_json, report_in_words
from triage.errors import BadFile, BadSetting

UNLABEL = {f"pyro-annotator_{i}": (i % 340) / 1000 for i in range(2000)}
REVIEW = {f"pyro-annotator_{i}": 0.36 + (i % 600) / 1000 for i in range(2000, 2600)}
NOTHING = Truth(0, 0, frozenset(), {}, frozenset())


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
    assert waiting.missing > 0
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
    assert (report.verdict, report.missing, report.best) == ("UNFINISHED", made.looks[0].n, None)


def test_one_new_sequence_expires_the_audit() -> None:
    made = plan()
    report = judge(made, set(), scores={**UNLABEL, "pyro-annotator_9999": 0.1})
    assert report.verdict == "EXPIRED"
    assert "2001 sequences now, 2000 then" in report.reason


def test_a_second_plan_after_a_look_is_invalid() -> None:
    assert judge(plan(seed=2), set(), earlier_error=0.05).verdict == "INVALID"


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
    open_review = Truth(300, 5, frozenset(), {}, frozenset())
    assert judge(made, {hit}, open_review).recall is None
    rescued = frozenset(set(list(UNLABEL)[:50]) - set(made.sample(made.looks[0])))
    report = judge(made, {hit}, Truth(300, 0, rescued, {}, frozenset()))
    assert report.recall is not None
    assert report.best is not None
    assert report.recall.still_lost == report.best.upper - 1 - len(rescued) or report.recall.still_lost == 0
    assert (report.recall.lower_after_rescue or 0) > (report.recall.lower or 1)


def test_a_hit_opens_its_camera_direction_and_day() -> None:
    made = plan(looks=1)
    sample = made.sample(made.looks[0])
    outside = [key for key in UNLABEL if key not in sample]
    places = {sample[0]: "cam|90|2026-06-01", outside[0]: "cam|90|2026-06-01", outside[1]: "cam|90|2026-06-02"}
    report = judge(made, {sample[0]}, Truth(0, 0, frozenset(), places, frozenset()))
    assert report.neighbours_to_open == (outside[0],)
    assert f"wait to be opened: {outside[0]};" in report_in_words(made, report)


def test_an_open_ended_plan_is_wider_than_a_planned_look() -> None:
    made = plan(looks=1, hits=0)
    assert judge(plan(looks=1, hits=0, open_ended=True), set()).best.upper > judge(made, set()).best.upper  # type: ignore[union-attr]


def test_proportional_strata_use_the_pooled_bound_and_near_the_exact_one() -> None:
    proportional = plan(looks=1, strata=3)
    sizes = [len(part.sample) / part.size for part in proportional.strata]
    assert max(sizes) - min(sizes) < 0.01
    assert judge(proportional, set()).verdict == "CERTIFIED"
    near = plan(looks=1, near=100)
    assert len(near.strata[1].sample) == near.strata[1].size >= 100
    assert judge(near, set(near.strata[1].sample[:1])).verdict == "CERTIFIED"


def test_the_price_list_says_what_passes() -> None:
    prices = costs(17191, 85, 0.05)
    assert [price.looks[0].n for price in prices if price.looks] == [588, 927, 1226, 1506, 721]
    assert prices[2].chances == pytest.approx((0.978, 0.884, 0.559), abs=5e-4)
    assert prices[4].chances == pytest.approx((0.993, 0.929, 0.598), abs=5e-4)
    assert prices[4].mean_labels[1] == pytest.approx(1223, abs=1)


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


def test_the_books_remember_looks_and_certificates(tmp_path: Path) -> None:
    books, made = Books(tmp_path), plan()
    assert books.record_plan(made, "t0")
    assert not books.record_plan(made, "t1")
    assert books.status(UNLABEL, 0.35, "0.1.0", set()).certified is None
    books.record_look(made, "t2", {"n": 1})
    books.record_look(made, "t3", {"n": 1})
    books.record_certificate(made, "t4", 12)
    assert [entry.kind for entry in read(books.ledger)] == ["plan", "look", "certificate"]
    assert books.status(UNLABEL, 0.35, "0.1.0", set()).certified == made.audit_id
    assert books.earlier_error(made) == 0
    again = plan(seed=77)
    books.record_plan(again, "t5")
    assert books.earlier_error(again) == pytest.approx(0.05)


def test_a_new_sequence_expires_the_certificate_and_says_how_many_more_labels(tmp_path: Path) -> None:
    books, made = Books(tmp_path), plan()
    books.record_plan(made, "t0")
    books.record_certificate(made, "t1", 12)
    grown = {**UNLABEL, **{f"pyro-annotator_{i}": 0.2 for i in range(5000, 5100)}}
    status = books.status(grown, 0.35, "0.1.0", set(made.sample(made.looks[0])))
    assert status.certified is None
    assert status.more_labels is not None
    assert 0 < status.more_labels < made.looks[0].n
    assert "2000 -> 2100 sequences" in status.reason
    assert "threshold 0.35 -> 0.3" in books.status(UNLABEL, 0.3, "0.1.0", set()).reason


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
