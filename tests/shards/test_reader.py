"""Sequences straight out of shards: from a directory, over HTTP with one range read each, and from any fsspec URL."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pyarrow.parquet as pq
import pytest

from tests.shards.test_unpack import earlier_set
from tests.shards.worlds import VARIANT, world
from triage.config import Layout
from triage.errors import BadFile, BadFrame, BadShard
from triage.files import read_json
from triage.sequences import Sequence, SequenceSource
from triage.shards.pack import pack
from triage.shards.reader import ShardReader, ShardReport
from triage.store import Store


@pytest.fixture
def packed(tmp_path: Path) -> Layout:
    layout = world(tmp_path)
    pack(layout, target_bytes=20_000)
    return layout


@contextmanager
def served(root: Path) -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    """A web server with range requests over `root`: its URL, and every GET with its range."""
    requests: list[tuple[str, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            requests.append((self.path, self.headers.get("Range")))
            self._answer(body=True)

        def _answer(self, body: bool) -> None:
            path = root / self.path.lstrip("/")
            if not path.is_file():
                self.send_error(404)
                return
            data, status = path.read_bytes(), 200
            asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            if asked:
                data, status = data[int(asked[1]) : int(asked[2]) + 1], 206
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Accept-Ranges", "bytes")
            self.end_headers()
            if body:
                self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", requests
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def everything(source: SequenceSource) -> dict[str, tuple[Sequence, list[bytes | BadFile]]]:
    return {key: (source.sequence(key), source.frames(key)) for key in source.keys()}  # noqa: SIM118


def test_shards_read_as_the_store_does(packed: Layout) -> None:
    assert everything(ShardReader(packed.shards)) == everything(Store(packed.sequences))


def test_over_http_a_sequence_costs_one_range_read(packed: Layout) -> None:
    with served(packed.shards) as (url, requests):
        reader = ShardReader(url)
        keys = reader.keys()
        before = len(requests)
        for key in keys:
            sequence, frames = reader.sequence(key), reader.frames(key)
            assert reader.frame(key, 1) == frames[1]
            assert len(frames) == len(sequence.frames) == 3
        asked = requests[before:]
        assert len(asked) == len(keys)
        assert all(range_ is not None and path.endswith(".tar") for path, range_ in asked)
        assert everything(ShardReader(url)) == everything(Store(packed.sequences))


def test_over_http_a_record_costs_its_meta_json_and_nothing_more(packed: Layout) -> None:
    index = pq.read_table(packed.shards / "frames" / "index.parquet").to_pylist()
    metas = sorted((row["offset"], row["size"]) for row in index if row["member"].endswith("/meta.json"))
    with served(packed.shards) as (url, requests):
        reader = ShardReader(url)
        keys = reader.keys()
        before = len(requests)
        records = [reader.record(key) for key in keys]
        ranges = [re.fullmatch(r"bytes=(\d+)-(\d+)", range_ or "") for _, range_ in requests[before:]]
    assert sorted((int(found[1]), int(found[2]) + 1 - int(found[1])) for found in ranges if found) == metas
    assert len(ranges) == len(keys)
    store = Store(packed.sequences)
    assert records == [store.sequence(key) for key in keys]


def test_a_record_after_its_frames_costs_nothing(packed: Layout) -> None:
    with served(packed.shards) as (url, requests):
        reader = ShardReader(url)
        frames = reader.frames("pyro-annotator_2")
        before = len(requests)
        assert len(reader.record("pyro-annotator_2").frames) == len(frames)
        assert requests[before:] == []


def test_any_fsspec_url_will_do(packed: Layout) -> None:
    memory = fsspec.filesystem("memory")
    for path in packed.shards.rglob("*"):
        if path.is_file():
            memory.pipe(f"/bucket/{path.relative_to(packed.shards)}", path.read_bytes())
    assert everything(ShardReader("memory://bucket")) == everything(Store(packed.sequences))
    assert everything(ShardReader(f"file://{packed.shards}")) == everything(Store(packed.sequences))
    with pytest.raises(BadShard, match="expected a directory or a URL that fsspec knows"):
        ShardReader("nonsense://bucket")


def test_the_packed_report_answers_as_the_report_does(packed: Layout) -> None:
    report, loose = ShardReport(packed.shards), packed.reports / VARIANT
    assert report.variant == VARIANT
    assert report.keys() == [f"pyro-annotator_{number}" for number in range(1, 7)]
    for key in report.keys():  # noqa: SIM118
        assert report.details(key) == read_json(loose / "details" / f"{key}.json")
        assert report.sequence(key) == read_json(loose / "sequences" / f"{key}.json")
    assert report.table().to_pylist() == read_json(loose / "results.json")
    assert report.model_config() == read_json(loose / "model_config.json")
    assert (report.dropped(), report.threshold, report.worklist("review")["count"]) == ([], 0.35, 0)
    assert report.details("pyro-annotator_77") is None
    with pytest.raises(BadFile, match="no sequences/pyro-annotator_77"):
        report.sequence("pyro-annotator_77")


def test_bytes_that_are_not_what_the_index_says_are_not_handed_out(packed: Layout) -> None:
    path = packed.shards / "frames" / "shard_0001.tar"
    data = bytearray(path.read_bytes())
    data[pq.read_table(packed.shards / "frames" / "index.parquet")["offset"][1].as_py() + 40] ^= 1
    path.write_bytes(data)
    reader, bad = ShardReader(packed.shards), []
    for key in reader.keys():  # noqa: SIM118
        try:
            reader.frames(key)
        except BadShard as error:
            bad.append(str(error))
    assert len(bad) == 1
    assert "is not what the index says; fetch it again" in bad[0]


def test_what_is_not_there_says_so(packed: Layout, tmp_path: Path) -> None:
    reader = ShardReader(packed.shards)
    with pytest.raises(BadFile, match="no sequence pyro-annotator_99"):
        reader.sequence("pyro-annotator_99")
    with pytest.raises(BadFrame, match="expected a frame index from 0 to 2, found 3"):
        reader.frame("pyro-annotator_1", 3)
    with pytest.raises(BadShard, match=r"expected a shard set, found none; run `triage fetch`"):
        ShardReader(tmp_path / "nowhere").keys()
    assert "pyro-annotator_1" in reader
    assert "pyro-annotator_99" not in reader
    assert len(reader) == 6


def test_sets_of_the_earlier_tool_read_too(tmp_path: Path) -> None:
    store = earlier_set(tmp_path)
    reader = ShardReader(tmp_path)
    assert reader.keys() == ["pyro-annotator_11", "pyro-annotator_12", "pyro-annotator_13"]
    assert reader.frames("pyro-annotator_12")[1] == store["sdis-07/brison/seq_12/images/detection_121.jpg"]
    assert reader.sequence("pyro-annotator_13").frames[0].sha256 is None
