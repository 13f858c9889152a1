"""What `verify_shards` finds, and whom it names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.shards.test_unpack import earlier_set
from tests.shards.worlds import VARIANT, add, add_report, manifest, world
from triage.config import Layout
from triage.shards.pack import pack
from triage.shards.verify import verify_shards


@pytest.fixture
def packed(tmp_path: Path) -> Layout:
    layout = world(tmp_path)
    pack(layout, target_bytes=20_000)
    return layout


def test_a_set_as_it_was_packed_has_no_problem(packed: Layout) -> None:
    assert verify_shards(packed.shards) == []


def test_every_flipped_byte_is_found_and_named(packed: Layout) -> None:
    path = packed.shards / "frames" / "shard_0001.tar"
    whole = path.read_bytes()
    items = {each for each, name in manifest(packed)["items"].items() if name == "shard_0001.tar"}
    for at in range(0, len(whole) - 1024, 997):
        damaged = bytearray(whole)
        damaged[at] ^= 0x40
        path.write_bytes(damaged)
        (problem,) = verify_shards(packed.shards)
        assert problem.path == "frames/shard_0001.tar"
        assert "its bytes are not those that the manifest vouches for; 1 sequences are damaged" in problem.what
        assert len(problem.keys) == 1
        assert problem.keys[0].removeprefix("pyro-annotator_") in items


def damage(shards: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    (shards / name).write_bytes(change((shards / name).read_bytes()))


def edit(shards: Path, name: str, change: Callable[[dict], None]) -> None:
    content = json.loads((shards / name).read_text())
    change(content)
    (shards / name).write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("harm", "path", "said"),
    [
        (lambda shards: (shards / "frames/shard_0001.tar").unlink(), "frames/shard_0001.tar", "expected a shard, found none"),
        (lambda shards: damage(shards, "frames/shard_0001.tar", lambda data: data[:3000]), "frames/shard_0001.tar", "bytes, found 3000"),
        (lambda shards: damage(shards, "frames/index.parquet", lambda data: data[:-1]), "frames/index.parquet", "expected"),
        (
            lambda shards: damage(shards, "frames/manifest.json", lambda data: data[:-5]),
            "frames/manifest.json",
            "expected JSON, found damage",
        ),
        (lambda shards: damage(shards, "results.json", lambda data: data[:-3] + b"!!!"), "results.json", "its sha256 is not the one"),
        (lambda shards: (shards / "hold.json").unlink(), "hold.json", "expected a file, found none"),
        (lambda shards: (shards / "frames/shard_0042.tar").write_bytes(b""), "frames/shard_0042.tar", "an orphan"),
        (lambda shards: (shards / "frames/notes.txt").write_bytes(b""), "frames/notes.txt", "is not part of the set"),
        (lambda shards: (shards / "stray.json").write_bytes(b""), "stray.json", "is not part of the set"),
        (
            lambda shards: edit(shards, "frames/manifest.json", lambda content: content["items"].update({"77": "shard_0001.tar"})),
            "frames/manifest.json",
            "of which the index knows nothing",
        ),
        (
            lambda shards: edit(shards, "frames/manifest.json", lambda content: content["shards"]["shard_0001.tar"].update(sequences=99)),
            "frames/manifest.json",
            "says 99 sequences",
        ),
        (
            lambda shards: edit(shards, "frames/manifest.json", lambda content: content["items"].pop("1")),
            "report/manifest.json",
            "names 1 sequences that frames/manifest.json does not",
        ),
        (lambda shards: edit(shards, "report/manifest.json", lambda content: content.update(format=9)), "report/manifest.json", "format 1"),
    ],
)
def test_harm_is_found(packed: Layout, harm: Callable[[Path], object], path: str, said: str) -> None:
    harm(packed.shards)
    found = verify_shards(packed.shards)
    assert any(problem.path == path and said in problem.what for problem in found), found


def test_a_report_shard_that_is_damaged_names_its_sequence(packed: Layout) -> None:
    damage(packed.shards, "report/shard_0001.tar", lambda data: data.replace(b'"pyro-annotator_3"', b'"pyro-annotator_9"', 1))
    (problem,) = verify_shards(packed.shards)
    assert (problem.path, problem.keys) == ("report/shard_0001.tar", ("pyro-annotator_3",))


def test_a_report_of_sequences_without_frames_is_found(packed: Layout, tmp_path: Path) -> None:
    made = add(Layout(tmp_path / "elsewhere"), 99)
    add_report(packed, [made])
    pack(packed, target_bytes=20_000, variant=VARIANT)
    assert any(problem.keys == ("pyro-annotator_99",) for problem in verify_shards(packed.shards))


def test_a_directory_without_a_set_is_a_problem(tmp_path: Path) -> None:
    (problem,) = verify_shards(tmp_path)
    assert problem.path == "."


def test_a_set_of_the_earlier_tool_is_checked_as_far_as_it_says(tmp_path: Path) -> None:
    earlier_set(tmp_path)
    assert verify_shards(tmp_path) == []
    damage(tmp_path, "frames/shard_0002.tar", lambda data: data[:2000])
    found = verify_shards(tmp_path)
    assert any("pyro-annotator_13" in problem.keys for problem in found)


def test_a_set_with_hashes_of_whole_files_is_checked_and_added_to(packed: Layout) -> None:
    for kind in ("frames", "report", "previews"):

        def whole(content: dict, kind: str = kind) -> None:
            for name, info in content["shards"].items():
                del info["folded_sha256"]
                info["sha256"] = hashlib.sha256((packed.shards / kind / name).read_bytes()).hexdigest()

        edit(packed.shards, f"{kind}/manifest.json", whole)
    assert verify_shards(packed.shards) == []
    add(packed, 50)
    assert pack(packed, target_bytes=20_000).frames.new == 1
    said = manifest(packed)["shards"]
    assert [("sha256" in said[name], "folded_sha256" in said[name]) for name in ("shard_0001.tar", sorted(said)[-1])] == [
        (True, False),
        (False, True),
    ]
    assert verify_shards(packed.shards) == []
    damage(packed.shards, "frames/shard_0001.tar", lambda data: data[:700] + b"!" + data[701:])
    (problem,) = verify_shards(packed.shards)
    assert problem.path == "frames/shard_0001.tar"
    assert len(problem.keys) == 1


def test_an_index_that_lies_is_found_although_its_hash_is_right(packed: Layout) -> None:
    path = packed.shards / "frames" / "index.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    rows[1]["offset"] += 512
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    data = path.read_bytes()
    edit(
        packed.shards,
        "frames/manifest.json",
        lambda content: content["index"].update(sha256=hashlib.sha256(data).hexdigest(), size=len(data)),
    )
    (problem,) = verify_shards(packed.shards)
    assert (problem.path, problem.keys) == ("frames/index.parquet", (rows[1]["key"],))
    assert "members do not lie where their rows say" in problem.what
