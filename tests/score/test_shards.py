from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq

from tests.report.builders import snapshot
from tests.score.builders import a_jpeg, a_store, add
from triage.config import Layout
from triage.score import ScoreSummary
from triage.score.inputs import open_source, survey
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


def test_looking_for_what_to_score_reads_no_image(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    store = a_store(layout.sequences, 4)
    pack(layout, target_bytes=10_000)
    for path in layout.shards.glob("frames/*.tar"):
        # Only what the index calls meta.json is left of the tars.
        metas = [row for row in pq.read_table(layout.shards / "frames" / "index.parquet").to_pylist() if row["shard"] == path.name]
        data = path.read_bytes()
        blank = bytearray(len(data))
        for row in metas:
            if row["member"].endswith("/meta.json"):
                blank[row["offset"] : row["offset"] + row["size"]] = data[row["offset"] : row["offset"] + row["size"]]
        path.write_bytes(blank)
    assert survey(open_source(layout.shards)) == survey(store)


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
