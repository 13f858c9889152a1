from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from tests.report.builders import snapshot
from tests.score.builders import a_jpeg, a_store, add
from triage.config import Layout
from triage.score import ScoreSummary
from triage.shards.pack import pack
from triage.verify import verify

Run = Callable[..., ScoreSummary]


def test_shards_are_scored_as_the_store_they_were_packed_from(tmp_path: Path, run: Run) -> None:
    loose, packed = Layout(tmp_path / "a" / "data"), Layout(tmp_path / "b" / "data")
    store = a_store(loose.sequences, 4)
    add(store, 9, [a_jpeg(1), b"no image"])
    pack(loose, target_bytes=10_000)
    shutil.copytree(loose.shards, packed.shards)
    run(layout=loose)
    run(layout=packed, source=str(packed.shards))
    assert snapshot(packed.reports) == snapshot(loose.reports)


def test_a_data_directory_with_store_report_and_shards_is_verified_whole(layout: Layout, run: Run) -> None:
    a_store(layout.sequences, 4)
    run()
    pack(layout, target_bytes=10_000)
    assert [(item.kind, item.problems) for item in verify(layout)] == [("store", ()), ("report", ()), ("shards", ())]
    shard = next(layout.shards.glob("frames/*.tar"))
    data = bytearray(shard.read_bytes())
    data[700] ^= 1
    shard.write_bytes(data)
    (problems,) = [item.problems for item in verify(layout, layout.shards)]
    assert problems
    assert shard.name in problems[0].path
