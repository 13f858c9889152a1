"""Decisions, undo, disagreement, snapshots, damage: what the logs promise."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.review.conftest import table_of
from triage.config import Layout
from triage.errors import BadSetting
from triage.review.decisions import parse_decision
from triage.review.desk import Desk
from triage.review.events import decode_ids, encode_ids
from triage.review.fold import fold_events
from triage.review.log import Logs
from triage.review.selection import Rows


def said(desk: Desk) -> dict[int, str]:
    """Sequence -> the words of its decision, "?" where reviewers disagree."""
    desk.refresh()
    return {number: held.decision.words if held.decision else "?" for number, held in desk.state.all_standing()}


def decide(desk: Desk, rows: Rows, where: str, words: str, **options: bool) -> str:
    return desk.decide(rows, desk.select(rows, where), parse_decision(words), **options).event


def test_a_bulk_decision_is_one_line_and_survives_a_restart(rows: Rows, desk: Desk, layout: Layout) -> None:
    selection = desk.select(rows, "bucket = unlabeled", [2])
    receipt = desk.decide(rows, selection, parse_decision("antenna", note="mast"), expect=1, seconds=1.5)
    assert (receipt.count, receipt.changed) == (1, 0)
    assert len((layout.decisions / "ana.jsonl").read_bytes().splitlines()) == 1
    assert said(Desk(layout, "bob")) == {1: "antenna"}


def test_a_selection_that_is_not_what_was_shown_is_refused(rows: Rows, desk: Desk, layout: Layout) -> None:
    with pytest.raises(BadSetting, match="3 sequences were shown, but it is 2 now"):
        desk.decide(rows, desk.select(rows, "bucket = unlabeled"), parse_decision("tree"), expect=3)
    with pytest.raises(BadSetting, match="no sequence matches"):
        desk.decide(rows, desk.select(rows, "score > 2"), parse_decision("tree"))
    assert not (layout.decisions / "ana.jsonl").exists()


def test_undo_and_redo_bring_back_exactly_what_was_there(rows: Rows, desk: Desk) -> None:
    decide(desk, rows, "all", "tree")
    decide(desk, rows, "sequence_id in (1, 2)", "smoke")
    both = said(desk)
    desk.undo()
    assert said(desk) == dict.fromkeys(range(1, 6), "tree")
    desk.undo()
    assert said(desk) == {}
    desk.redo()
    assert said(desk) == dict.fromkeys(range(1, 6), "tree")
    desk.redo()
    assert said(desk) == both
    with pytest.raises(BadSetting, match="nothing to redo"):
        desk.redo()


def test_somebody_else_may_undo_and_redo(rows: Rows, desk: Desk, layout: Layout) -> None:
    event = decide(desk, rows, "all", "tree")
    bob = Desk(layout, "bob")
    bob.undo(event)
    assert said(desk) == {}
    with pytest.raises(BadSetting, match="is undone already"):
        desk.undo(event)
    desk.redo(event)
    assert len(said(bob)) == 5


def test_two_names_never_write_one_log(rows: Rows, desk: Desk, layout: Layout) -> None:
    decide(desk, rows, "all", "tree")
    with pytest.raises(BadSetting, match=r"'../Ana': expected a name of one's own, but ana.jsonl is the log of 'ana'"):
        Desk(layout, "../Ana")


def test_nothing_to_undo_is_said(desk: Desk) -> None:
    with pytest.raises(BadSetting, match="ana has no decision that counts"):
        desk.undo()
    with pytest.raises(BadSetting, match="is in no log"):
        desk.undo("abc")


def test_who_settles_a_second_time_settles_it_still(rows: Rows, desk: Desk, layout: Layout) -> None:
    bob, eve = Desk(layout, "bob"), Desk(layout, "eve")
    decide(desk, rows, "sequence_id = 1", "antenna")
    decide(bob, rows, "sequence_id = 1", "smoke")
    decide(eve, rows, "disagreement", "smoke", settle=True)
    decide(eve, rows, "sequence_id = 1", "tree", settle=True)
    standing = eve.state.standing(1)
    assert standing is not None
    assert standing.decision == parse_decision("tree")


def test_two_who_disagree_decide_nothing_until_somebody_settles_it(rows: Rows, desk: Desk, layout: Layout) -> None:
    bob, eve = Desk(layout, "bob"), Desk(layout, "eve")
    decide(desk, rows, "sequence_id = 1", "tree")
    decide(bob, rows, "sequence_id = 1", "smoke")
    assert said(desk) == {1: "?"}
    assert desk.select(rows, "disagreement").ids == (1,)
    assert desk.select(rows, "decided").ids == ()
    assert eve.select(rows, "second_look").ids == (1,)
    assert bob.select(rows, "second_look").ids == ()
    decide(eve, rows, "disagreement", "smoke", settle=True)
    assert said(desk) == {1: "smoke:wildfire"}
    decide(desk, rows, "sequence_id = 1", "antenna")
    assert said(desk) == {1: "?"}


def test_the_state_does_not_depend_on_which_log_is_read_first(rows: Rows, layout: Layout) -> None:
    a, z = Desk(layout, "a-settler"), Desk(layout, "z-first")
    decide(z, rows, "sequence_id = 1", "tree")
    decide(a, rows, "sequence_id = 1", "smoke", settle=True)
    assert said(a) == said(z) == said(Desk(layout, "new")) == {1: "smoke:wildfire"}


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ana", "bob", "eve"]),
        st.sampled_from(["all", "sequence_id = 1", "sequence_id in (2, 4)", "score < 0.5", "disagreement", "undo"]),
        st.sampled_from(["tree", "smoke", "later", "none", "antenna+tree"]),
        st.booleans(),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_what_stands_for_all_rows_at_once_is_what_stands_for_each(steps: list[tuple[str, str, str, bool]]) -> None:
    rows = Rows(table_of([{"sequence_id": i, "triage_score": 0.2 * i} for i in (3, 1, 4, 2, 5)]), "demo", 0.35)
    with tempfile.TemporaryDirectory() as scratch:
        desks = {who: Desk(Layout(Path(scratch)), who) for who in ("ana", "bob", "eve")}
        for who, where, words, settle in steps:
            try:
                if where == "undo":
                    desks[who].undo()
                else:
                    decide(desks[who], rows, where, words, settle=settle)
            except BadSetting:
                pass  # nothing to undo, or nothing matches: no event
        state = fold_events(Logs(Layout(Path(scratch)).decisions))
        together = state.standings(np.array([*rows.ids, 99]))
        for number, code in zip([*rows.ids.tolist(), 99], together.codes.tolist(), strict=True):
            alone = state.standing(number)
            assert (alone is None) == (code < 0)
            if alone is not None:
                said = together.distinct[code]
                assert [(one.reviewer, one.decision, one.looked_at) for one in said.opinions] == [
                    (one.reviewer, one.decision, one.looked_at) for one in alone.opinions
                ]


def test_taking_a_decision_back_leaves_the_sequence_undecided(rows: Rows, desk: Desk) -> None:
    decide(desk, rows, "all", "tree")
    decide(desk, rows, "sequence_id = 3", "none")
    assert 3 not in said(desk)


def test_a_second_look_that_was_blind_counts_agreement(rows: Rows, desk: Desk, layout: Layout) -> None:
    decide(desk, rows, "sequence_id in (1, 2, 3)", "tree")
    decide(desk, rows, "sequence_id = 4", "later")
    bob = Desk(layout, "bob")
    assert bob.select(rows, "second_look").ids == (1, 2, 3)
    same = bob.decide(rows, bob.select(rows, "sequence_id = 1"), parse_decision("tree"), blind=True)
    other = bob.decide(rows, bob.select(rows, "sequence_id in (2, 4, 5)"), parse_decision("smoke"), blind=True)
    assert same.text == "1 sequence decided as tree; ana said the same"
    assert other.text.endswith("ana said otherwise, so it waits among the disagreements")
    # Whoever looks again knows what was said, and a rule over many is no look.
    bob.decide(rows, bob.select(rows, "sequence_id = 2"), parse_decision("tree"), blind=True)
    bob.decide(rows, bob.select(rows, "second_look"), parse_decision("tree"), blind=True)
    pace = Desk(layout, "eve").pace(rows)
    assert (pace.second_looks, pace.agreed) == (2, 1)
    bob.undo(other.event)
    desk.refresh()
    assert (desk.pace(rows).second_looks, desk.pace(rows).agreed) == (1, 1)


def test_keep_for_later_is_not_decided(rows: Rows, desk: Desk) -> None:
    decide(desk, rows, "sequence_id = 3", "later")
    assert desk.select(rows, "decided").ids == ()
    assert desk.pace(rows).later == 1


def test_a_snapshot_shows_the_past(rows: Rows, desk: Desk) -> None:
    decide(desk, rows, "sequence_id = 1", "tree")
    desk.snapshot("monday")
    decide(desk, rows, "all", "smoke")
    past = desk.past("monday")
    assert [number for number, _ in past.all_standing()] == [1]
    with pytest.raises(BadSetting, match="expected one of monday"):
        desk.past("tuesday")


def test_views_are_saved_and_given_to_people(desk: Desk, layout: Layout) -> None:
    desk.save_view("masts", {"where": "camera ~ mast"})
    desk.save_view("masts", {"where": "camera ~ mast and not decided"})
    desk.assign("masts", "bob", "2/5")
    other = Desk(layout, "bob")
    assert other.views() == {"masts": {"where": "camera ~ mast and not decided"}}
    desk.assign("masts", "eve", "2/5", "camera")
    assert other.refresh()
    assert other.assignments() == [
        {"view": "masts", "to": "bob", "part": "2/5", "by": "sequence"},
        {"view": "masts", "to": "eve", "part": "2/5", "by": "camera"},
    ]
    with pytest.raises(BadSetting, match=r"part = 2/5.*found = '6/5'"):
        desk.assign("masts", "bob", "6/5")
    with pytest.raises(BadSetting, match="expected one of masts"):
        desk.assign("mast", "bob")


def test_large_selections_lie_beside_the_log(layout: Layout, desk: Desk) -> None:
    rows = Rows(table_of([{"sequence_id": i, "triage_score": 0.1} for i in range(1, 301)]), "demo", 0.35)
    decide(desk, rows, "all", "tree")
    (kept,) = (layout.decisions / "sets").iterdir()
    assert kept.read_bytes() == b"1-300"
    assert len((layout.decisions / "ana.jsonl").read_bytes()) < 700
    kept.unlink()
    lost = Desk(layout, "bob")
    assert said(lost) == {}
    assert "the selection of a decision is missing" in lost.state.problems[0]


@pytest.mark.parametrize("ids", [(), (5,), (1, 2, 3, 9, 11, 12), tuple(range(1000))])
def test_sets_read_back(ids: tuple[int, ...]) -> None:
    assert decode_ids(encode_ids(ids)) == ids


def test_a_half_written_last_line_is_set_aside_and_work_goes_on(rows: Rows, desk: Desk, layout: Layout) -> None:
    decide(desk, rows, "sequence_id = 1", "tree")
    log = layout.decisions / "ana.jsonl"
    with log.open("ab") as file:
        file.write(b'{"format":1,"id":"half')
    again = Desk(layout, "ana")
    assert said(again) == {1: "tree"}
    decide(again, rows, "sequence_id = 2", "tree")
    assert said(Desk(layout, "bob")) == {1: "tree", 2: "tree"}
    assert (layout.decisions / "ana.damaged").read_bytes() == b'{"format":1,"id":"half\n'
    assert "half-written last line was moved to ana.damaged" in again.state.problems[0]


def test_a_changed_line_is_noticed_and_the_rest_counts(rows: Rows, desk: Desk, layout: Layout) -> None:
    for number in (1, 2, 3):
        decide(desk, rows, f"sequence_id = {number}", "tree")
    log = layout.decisions / "ana.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(lines[0] + b"{broken}\n" + lines[2])
    damaged = Desk(layout, "bob")
    assert said(damaged) == {1: "tree", 3: "tree"}
    assert "ana.jsonl: line 2: not a decision event" in damaged.state.problems[0]
    assert "ana.jsonl: line 3: does not follow the line before it" in damaged.state.problems[1]


def test_a_log_that_git_writes_anew_does_not_fail_those_who_look(rows: Rows, desk: Desk, layout: Layout) -> None:
    bob = Desk(layout, "bob")
    decide(bob, rows, "sequence_id = 1", "tree")
    decide(bob, rows, "sequence_id = 2", "tree")
    assert said(desk) == {1: "tree", 2: "tree"}
    log = layout.decisions / "bob.jsonl"
    whole = log.read_bytes()
    log.write_bytes(whole.splitlines(keepends=True)[0])
    assert said(desk) == {1: "tree", 2: "tree"}
    assert "bob.jsonl: the log became shorter" in desk.state.problems[0]
    log.unlink()
    assert len(said(desk)) == 2
    log.write_bytes(whole)
    decide(desk, rows, "sequence_id = 3", "dust")
    assert (said(desk), desk.state.problems) == ({1: "tree", 2: "tree", 3: "dust"}, [])


def test_locks_stay_out_of_git(rows: Rows, desk: Desk, layout: Layout) -> None:
    decide(desk, rows, "all", "tree")
    subprocess.run(["git", "init", "-q"], cwd=layout.root, check=True)
    subprocess.run(["git", "add", "."], cwd=layout.root, check=True)
    listed = subprocess.run(["git", "ls-files"], cwd=layout.root, check=True, capture_output=True, text=True).stdout
    assert listed.split() == ["03_decisions/.gitignore", "03_decisions/ana.jsonl"]


WRITER = """
import sys
from pathlib import Path
from tests.review.conftest import table_of
from triage.config import Layout
from triage.review.decisions import parse_decision
from triage.review.desk import Desk
from triage.review.selection import Rows
rows = Rows(table_of([{"sequence_id": i, "triage_score": 0.1} for i in range(1, 101)]), "demo", 0.35)
desk = Desk(Layout(Path(sys.argv[1])), sys.argv[2])
for i in range(1, 101):
    desk.decide(rows, desk.select(rows, f"sequence_id = {i}"), parse_decision("tree"))
    print(i, flush=True)
"""


@pytest.mark.slow
def test_writers_killed_at_random_moments_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    root = tmp_path / "data"
    acknowledged = {"ana": 0, "bob": 0}
    rng = random.Random(5)
    for _ in range(2):
        writers = {
            who: subprocess.Popen([sys.executable, "-c", WRITER, str(root), who], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
            for who in ("ana", "bob", "ana ")
        }
        for writer in writers.values():
            assert writer.stdout is not None
            writer.stdout.readline()
        time.sleep(rng.uniform(0.01, 0.15))
        for who, writer in writers.items():
            writer.send_signal(signal.SIGKILL)
            out, _ = writer.communicate()
            acknowledged[who.strip()] += 1 + len([line for line in out.split() if line])
    state = fold_events(Logs(root / "03_decisions"))
    decisions = {who: sum(one.reviewer == who for one in state.records) for who in ("ana", "bob")}
    assert all(decisions[who] >= acknowledged[who] > 0 for who in acknowledged)
    assert state.problems == []
