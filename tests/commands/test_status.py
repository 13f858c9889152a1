"""`triage status` from the outside: what lies there, and what comes next."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from tests.report.builders import write
from triage.cli import cli
from triage.demo.world import plain_world, write_world


def status(data: Path) -> dict[str, Any]:
    result = CliRunner().invoke(cli, ["status", "--data", str(data), "--json"])
    assert result.exit_code == 0
    content: dict[str, Any] = json.loads(result.stdout)
    return content


def place(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(entry for entry in found["places"] if entry["name"] == name)


def manifest(data: Path, sequences: int) -> None:
    frames = data / "02_shards" / "frames"
    frames.mkdir(parents=True)
    (frames / "manifest.json").write_text(json.dumps({"next_index": 2, "items": {str(n): "shard_0001.tar" for n in range(sequences)}}))
    (frames / "shard_0001.tar").write_bytes(bytes(2_000_000))


def test_an_empty_directory_asks_for_a_pull(tmp_path: Path) -> None:
    found = status(tmp_path / "nothing")
    assert found["next"] == "triage pull"
    assert [entry["count"] for entry in found["places"]] == [0] * 8
    assert not (tmp_path / "nothing").exists()


def test_a_store_asks_for_a_score(tmp_path: Path) -> None:
    write_world(plain_world(6, frames=1), tmp_path / "01_raw" / "sequences")
    found = status(tmp_path)
    assert place(found, "store")["detail"] == "6 sequences of 6 cameras, 3 organizations"
    assert found["next"] == "triage score"


def test_shards_alone_ask_to_be_unpacked(tmp_path: Path) -> None:
    manifest(tmp_path, 3)
    found = status(tmp_path)
    assert place(found, "shards")["detail"] == "3 sequences in 1 shards, 2.0 MB"
    assert found["next"] == "triage unpack"


def test_shards_that_were_published_ask_to_be_fetched(tmp_path: Path) -> None:
    (tmp_path / "02_shards.dvc").write_text("outs: []\n")
    found = status(tmp_path)
    assert place(found, "shards")["detail"] == "published, not here yet"
    assert found["next"] == "triage fetch"


def test_a_report_is_counted_by_bucket_and_then_reviewed(tmp_path: Path) -> None:
    write(tmp_path / "08_reporting" / "pyro-annotator")
    found = status(tmp_path)
    rows = place(found, "report")
    assert rows["count"] > 0
    for word in ("review", "unlabeled", "hold", "dropped", "threshold 0.35"):
        assert word in rows["detail"]
    write_world(plain_world(rows["count"], frames=1), tmp_path / "01_raw" / "sequences")
    assert status(tmp_path)["next"] == "triage view"
    write_world(plain_world(rows["count"] + 2, frames=1), tmp_path / "01_raw" / "sequences")
    later = status(tmp_path)
    assert (later["next"], later["why"]) == ("triage score", "2 sequences of the store are not in the report")


def test_decisions_ask_for_a_plan_and_a_plan_for_more_review(tmp_path: Path) -> None:
    write(tmp_path / "08_reporting" / "pyro-annotator")
    write_world(plain_world(2, frames=1), tmp_path / "01_raw" / "sequences")
    (tmp_path / "03_decisions").mkdir()
    (tmp_path / "03_decisions" / "ana.jsonl").write_text("{}\n{}\n")
    found = status(tmp_path)
    assert place(found, "decisions")["detail"] == "lines by reviewer: ana 2"
    assert found["next"] == "triage plan"
    (tmp_path / "04_payloads" / "one").mkdir(parents=True)
    assert status(tmp_path)["next"] == "triage view"


def test_what_cannot_be_read_is_named_and_hides_nothing(tmp_path: Path) -> None:
    write_world(plain_world(2, frames=1), tmp_path / "01_raw" / "sequences")
    (tmp_path / "01_raw" / "queue.json").write_text("{")
    (tmp_path / "02_shards" / "frames").mkdir(parents=True)
    (tmp_path / "02_shards" / "frames" / "manifest.json").write_text("[]")
    found = status(tmp_path)
    assert place(found, "queue")["problem"].startswith("cannot be read: ")
    assert "expected `items`" in place(found, "shards")["problem"]
    assert place(found, "store")["count"] == 2


def test_the_text_ends_with_the_next_command(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["status", "--data", str(tmp_path)])
    lines = result.stdout.splitlines()
    assert lines[0] == str(tmp_path)
    assert lines[-2] == "next: triage pull"
