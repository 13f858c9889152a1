"""Payloads, preflight, reconcile and exports: what a human gets, and what became of it."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.review.conftest import table_of
from triage.annotator import Client
from triage.config import Layout
from triage.demo.server import AnnotatorServer
from triage.demo.world import plain_world, write_world
from triage.errors import BadFile, BadSetting
from triage.evaluation import read_labels
from triage.review.decisions import parse_decision
from triage.review.desk import Desk
from triage.review.exports import export
from triage.review.handover import LabelsNow, find_plan, preflight, reconcile
from triage.review.payloads import MOST_IDS, build_payloads
from triage.review.planning import plan_payloads
from triage.review.remote import Questions, labels_now, queue_ids
from triage.review.selection import Rows
from triage.sequences import key_of
from triage.store import Store


def decide(desk: Desk, rows: Rows, where: str, words: str) -> None:
    desk.decide(rows, desk.select(rows, where), parse_decision(words))


def many(count: int, **changes: Any) -> Rows:
    return Rows(table_of([{"sequence_id": i, "triage_score": 0.1, **changes} for i in range(1, count + 1)]), "demo", 0.35)


def test_payloads_hold_one_label_and_at_most_200_ids_and_unlabeled_comes_last(desk: Desk) -> None:
    rows = many(450)
    decide(desk, rows, "all", "unlabeled")
    decide(desk, rows, "sequence_id <= 220", "antenna")
    decide(desk, rows, "sequence_id = 450", "smoke:industrial")
    plan = build_payloads(rows, desk.state)
    assert [(p.label.name, len(p.sequence_ids)) for p in plan.payloads] == [
        ("industrial", 1),
        ("antenna", MOST_IDS),
        ("antenna", 20),
        ("unlabeled", MOST_IDS),
        ("unlabeled", 29),
    ]
    assert plan.payloads[1].body == {
        "sequence_ids": list(range(1, 201)), "false_positive_type": "antenna", "is_unsure": False, "force": False,
    }  # fmt: skip
    assert plan.payloads[0].body["smoke_type"] == "industrial"


def test_a_high_scorer_kept_for_later_still_guards_its_alert(rows: Rows, desk: Desk) -> None:
    decide(desk, rows, "sequence_id = 2", "tree")
    decide(desk, rows, "sequence_id = 3", "later")
    plan = build_payloads(rows, desk.state)
    assert [(one.sequence_id, one.reason) for one in plan.refused] == [(2, "alert_has_smoke"), (3, "later")]
    decide(desk, rows, "sequence_id = 3", "antenna")
    assert build_payloads(rows, desk.state).refused == ()


def test_what_is_doubtful_is_refused_with_its_reason(rows: Rows, desk: Desk, layout: Layout) -> None:
    decide(desk, rows, "all", "tree")
    decide(desk, rows, "sequence_id = 3", "smoke")
    decide(desk, rows, "sequence_id = 4", "antenna+tree")
    decide(Desk(layout, "bob"), rows, "sequence_id = 1", "smoke")
    desk.refresh()
    plan = build_payloads(rows, desk.state)
    assert {one.sequence_id: one.reason for one in plan.refused} == {
        1: "disagreement",
        2: "alert_has_smoke",
        4: "several_types",
        5: "held",
    }
    assert plan.labels.keys() == {3}
    named = build_payloads(rows, desk.state, include=[2, 5, 1, 4])
    assert named.labels.keys() == {2, 3, 5}


def test_decisions_outside_the_report_are_refused_by_name_and_guard_their_alert(rows: Rows, desk: Desk, layout: Layout) -> None:
    other = Rows(
        table_of([{"sequence_id": 91, "triage_score": 0.9, "platform_alert_id": 7}, {"sequence_id": 92, "triage_score": 0.1}]),
        "other",
        0.35,
    )
    decide(desk, other, "sequence_id = 91", "smoke")
    decide(desk, other, "sequence_id = 92", "tree")
    decide(desk, rows, "sequence_id in (1, 2, 3)", "antenna")
    # The alert of 91 is in the store; of 92 nothing is known.
    Store(layout.sequences).write_sequence(
        replace(plain_world(1, frames=1).sequences[0], key=key_of(91), sequence_id=91, platform_alert_id=7), [b""]
    )
    planned, _ = plan_payloads(layout, rows, desk.state)
    assert planned.labels.keys() == {1}
    refused = {one["sequence_id"]: one for one in json.loads((planned.directory / "plan.json").read_text())["refused"]}
    assert {number: one["reason"] for number, one in refused.items()} == {
        2: "alert_has_smoke", 3: "alert_has_smoke", 91: "not_in_report", 92: "not_in_report",
    }  # fmt: skip
    assert "(91)" in refused[2]["detail"]
    assert refused[91]["detail"].startswith("smoke:wildfire by ana, but not in the report demo; plan it")
    assert "its alert is not known" in refused[92]["detail"]
    assert "- 92: tree by ana, but not in the report demo" in (planned.directory / "summary.md").read_text()


def test_a_sibling_that_is_scored_as_smoke_holds_the_undecided_discard_back(rows: Rows, desk: Desk) -> None:
    plan = build_payloads(rows, desk.state, undecided_unlabel=True)
    assert plan.undecided == (1,)
    assert [(one.sequence_id, one.reason) for one in plan.refused] == [(2, "alert_has_smoke")]


def test_an_undecided_discard_needs_a_certificate_or_somebody_who_insists(rows: Rows, desk: Desk, layout: Layout) -> None:
    with pytest.raises(BadSetting, match="no audit has certified this bucket; run `triage audit plan`"):
        plan_payloads(layout, rows, desk.state, undecided_unlabel=True)
    assert not layout.payloads.exists()
    planned, line = plan_payloads(layout, rows, desk.state, undecided_unlabel=True, without_certificate=True)
    assert "WITHOUT A CERTIFICATE" in line
    assert "WITHOUT A CERTIFICATE" in (planned.directory / "summary.md").read_text()


def test_the_same_decisions_give_the_same_plan_and_its_checksums_hold(rows: Rows, desk: Desk, layout: Layout) -> None:
    decide(desk, rows, "sequence_id = 1", "antenna")
    first, _ = plan_payloads(layout, rows, desk.state)
    before = {path.name: path.read_bytes() for path in first.directory.iterdir()}
    second, _ = plan_payloads(layout, rows, desk.state)
    assert first.directory == second.directory
    assert before == {path.name: path.read_bytes() for path in second.directory.iterdir()}
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=first.directory, check=True)
    assert "curl --fail-with-body -X POST" in (first.directory / "summary.md").read_text()


def test_nothing_decided_is_said(rows: Rows, desk: Desk, layout: Layout) -> None:
    with pytest.raises(BadSetting, match="nothing to send: no decision yet"):
        plan_payloads(layout, rows, desk.state)


def test_a_changed_payload_is_refused(rows: Rows, desk: Desk, layout: Layout) -> None:
    decide(desk, rows, "sequence_id = 1", "antenna")
    planned, _ = plan_payloads(layout, rows, desk.state)
    (payload,) = planned.directory.glob("payload_*.json")
    payload.write_text(payload.read_text().replace("antenna", "tree"))
    with pytest.raises(BadFile, match="missing or changed since it was planned"):
        find_plan(layout.payloads)
    with pytest.raises(BadFile, match="found none; name one, or run `triage plan`"):
        find_plan(layout.payloads, "plan-x")


def test_preflight_and_reconcile_over_http_only_read(desk: Desk, layout: Layout) -> None:
    world = plain_world(12, frames=2)
    ids = [sequence.sequence_id for sequence in world.sequences]
    rows = Rows(table_of([{"sequence_id": number, "triage_score": 0.1} for number in ids]), "demo", 0.35)
    decide(desk, rows, "all", "antenna")
    plan_payloads(layout, rows, desk.state)
    with AnnotatorServer(world) as server:
        client = Client(server.url, server.login, server.password, workers=1)
        server.annotate(ids[:2], false_positive_type="tree")
        checked = preflight(find_plan(layout.payloads), queue_ids(client))
        assert (checked.still, checked.gone) == (10, tuple(sorted(ids[:2])))
        (ready,) = checked.directory.glob("payload_*.json")
        body = json.loads(ready.read_text())
        server.annotate(body["sequence_ids"][:9], false_positive_type=body["false_positive_type"])
        server.annotate(body["sequence_ids"][:1], smoke_type="industrial", force=True)
        receipt = reconcile(find_plan(layout.payloads), queue_ids(client), labels_now(client), Questions(client))
        client.close()
        assert {(one.method, one.path.split("?")[0]) for one in server.requests} == {
            ("POST", "/api/v1/auth/login"),
            ("GET", "/api/v1/sequences/"),
            ("GET", "/api/v1/detections/"),
        }
    assert (len(receipt.applied), receipt.waiting, receipt.unknown) == (8, (), {})
    assert {number: reason.partition(" by ")[0] for number, reason in receipt.changed.items()} == {
        ids[2]: "planned antenna, found industrial"
    }
    assert receipt.changed[ids[2]].endswith("changed by someone else after the call")
    assert set(receipt.skipped) == {ids[0], ids[1], body["sequence_ids"][9]}
    assert receipt.skipped[ids[0]].startswith("planned antenna, found tree by ")
    assert receipt.skipped[ids[0]].endswith("already annotated")
    assert "the call ended before it; send the payload again" in receipt.skipped[body["sequence_ids"][9]]
    written = json.loads((receipt.directory / "receipt.json").read_text())
    assert sum(len(written[kind]) for kind in ("applied", "waiting", "skipped", "changed", "unknown")) == 12
    reverse = json.loads((receipt.directory / "reverse.json").read_text())
    assert [item["sequence_id"] for item in reverse["items"]] == sorted(receipt.applied)


class Nobody:
    """An annotator that knows one sequence without boxes, and one that went back a stage."""

    def has_boxes(self, sequence_id: int) -> bool:
        return sequence_id != 2

    def stages(self, sequence_ids: Iterable[int]) -> dict[int, str]:
        return dict.fromkeys(set(sequence_ids) & {4}, "imported")


def test_reconcile_says_why_one_was_not_applied(desk: Desk, layout: Layout) -> None:
    rows = many(6)
    decide(desk, rows, "sequence_id <= 5", "antenna")
    decide(desk, rows, "sequence_id = 6", "dust")
    planned, _ = plan_payloads(layout, rows, desk.state)
    receipt = reconcile(planned, [2, 3, 6], {1: LabelsNow((), ("antenna",), False)}, Nobody())
    assert (receipt.applied, receipt.waiting, receipt.changed) == ((1,), (6,), {})
    assert receipt.skipped[2].startswith("no predictions")
    assert "ended before it" in receipt.skipped[3]
    assert receipt.unknown == {4: "in the stage imported", 5: "in no stage: the annotator does not know it any more"}


@pytest.fixture
def stored(tmp_path: Path) -> tuple[Store, Rows]:
    world = plain_world(4, frames=2)
    write_world(world, tmp_path / "store")
    ids = [sequence.sequence_id for sequence in world.sequences]
    return Store(tmp_path / "store"), Rows(table_of([{"sequence_id": n, "triage_score": 0.1} for n in ids]), "demo", 0.35)


def test_exports_hold_what_was_decided(stored: tuple[Store, Rows], desk: Desk, tmp_path: Path) -> None:
    store, rows = stored
    first, second, third, _ = rows.ids.tolist()
    decide(desk, rows, f"sequence_id = {first}", "smoke")
    decide(desk, rows, f"sequence_id = {second}", "antenna")
    decide(desk, rows, f"sequence_id = {third}", "later")

    export("csv", rows, desk.state, None, tmp_path / "corrections.csv")
    records = list(csv.DictReader((tmp_path / "corrections.csv").read_text().splitlines()))
    assert list(records[0]) == ["sequence_id", "old", "new", "reason", "reviewer", "at"]
    assert [(r["old"], r["new"]) for r in records] == [("unlabeled", "smoke:wildfire"), ("unlabeled", "antenna"), ("unlabeled", "later")]

    done = export("labels", rows, desk.state, None, tmp_path / "labels.csv")
    assert (tmp_path / "labels.csv").read_text() == f"key,label\npyro-annotator_{first},smoke\npyro-annotator_{second},fp\n"
    assert list(done.skipped) == [f"pyro-annotator_{third}"]

    export("parquet", rows, desk.state, None, tmp_path / "d.parquet")
    assert pq.read_table(tmp_path / "d.parquet")["verdict"].to_pylist() == ["smoke", "false_positive", "later"]

    export("coco", rows, desk.state, store, tmp_path / "coco.json")
    coco = json.loads((tmp_path / "coco.json").read_text())
    frames = len(store.sequence(f"pyro-annotator_{first}").frames) + len(store.sequence(f"pyro-annotator_{second}").frames)
    assert len(coco["images"]) == frames
    assert {box["category_id"] for box in coco["annotations"]} <= {1, 2}

    export("yolo", rows, desk.state, store, tmp_path / "yolo")
    assert len(list((tmp_path / "yolo" / "images").iterdir())) == len(list((tmp_path / "yolo" / "labels").iterdir())) == frames
    assert all(not path.read_text() for path in (tmp_path / "yolo" / "labels").glob(f"pyro-annotator_{second}_*"))

    export("fiftyone", rows, desk.state, store, tmp_path / "fo")
    assert len(_require_fiftyone_layout(tmp_path / "fo")) == frames


def _require_fiftyone_layout(root: Path) -> dict[str, list[dict[str, Any]]]:
    """The documented layout of a FiftyOneImageDetectionDataset, strictly: labels by file stem, labels as indices into the classes, boxes as
    [left, top, width, height] in [0, 1]. FiftyOne 1.22 reads it with its own importer (see the test below)."""
    assert {path.name for path in root.iterdir()} == {"data", "labels.json"}
    described = json.loads((root / "labels.json").read_text())
    assert set(described) == {"classes", "labels"}
    assert described["classes"] == ["smoke", "false_positive"]
    stems = {path.stem for path in (root / "data").iterdir() if path.suffix == ".jpg"}
    assert set(described["labels"]) == stems
    for boxes in described["labels"].values():
        for box in boxes:
            assert set(box) == {"label", "bounding_box", "confidence", "attributes"}
            assert box["label"] in range(len(described["classes"]))
            left, top, width, height = box["bounding_box"]
            assert 0 <= left <= left + width <= 1
            assert 0 <= top <= top + height <= 1
            assert 0 <= box["confidence"] <= 1
            assert set(box["attributes"]) == {"decision"}
    return dict(described["labels"])


def test_fiftyone_reads_its_export(stored: tuple[Store, Rows], desk: Desk, tmp_path: Path) -> None:
    importers = pytest.importorskip("fiftyone.utils.data.importers", reason="FiftyOne is not installed")
    store, rows = stored
    first, second, *_ = rows.ids.tolist()
    decide(desk, rows, f"sequence_id = {first}", "smoke")
    decide(desk, rows, f"sequence_id = {second}", "antenna+tree")
    export("fiftyone", rows, desk.state, store, tmp_path / "fo")
    with importers.FiftyOneImageDetectionDatasetImporter(dataset_dir=str(tmp_path / "fo")) as importer:
        read = {Path(path).stem: label.detections for path, _, label in importer}
    assert set(read) == set(_require_fiftyone_layout(tmp_path / "fo"))
    assert {(one.label, one["decision"]) for boxes in read.values() for one in boxes} == {
        ("smoke", "smoke:wildfire"),
        ("false_positive", "antenna+tree"),
    }


def test_exported_labels_are_what_evaluation_and_training_read(rows: Rows, desk: Desk, tmp_path: Path) -> None:
    for number, words in ((1, "tree"), (3, "smoke"), (4, "unsure"), (5, "later")):
        decide(desk, rows, f"sequence_id = {number}", words)
    done = export("labels", rows, desk.state, None, tmp_path / "labels.csv")
    assert done.skipped.keys() == {"pyro-annotator_5"}
    assert read_labels(done.path) == {"pyro-annotator_1": "fp", "pyro-annotator_3": "smoke", "pyro-annotator_4": "unknown"}


def test_an_export_without_decisions_or_frames_is_refused(rows: Rows, desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="nothing to export"):
        export("csv", rows, desk.state, None, tmp_path / "x.csv")
    decide(desk, rows, "all", "tree")
    with pytest.raises(BadSetting, match="needs the frames"):
        export("coco", rows, desk.state, None, tmp_path / "x.json")
