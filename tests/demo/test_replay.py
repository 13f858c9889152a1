"""Replay: what a store holds is what the annotator at home serves."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from triage.demo.replay import replay_world
from triage.demo.world import plain_jpeg, plain_world, write_world
from triage.errors import BadInput
from triage.files import read_json, write_json
from triage.store import Store


def a_store(root: Path) -> Path:
    write_world(plain_world(4, frames=3), root)
    return root


def test_a_replayed_world_is_the_store_with_its_labels_as_truth(tmp_path: Path) -> None:
    world = replay_world(a_store(tmp_path))
    store = Store(tmp_path)
    assert [sequence.key for sequence in world.sequences] == store.keys()
    assert world.sequences == tuple(store.sequence(key) for key in store.keys())  # noqa: SIM118 - a store is no dict
    assert world.sequences[0].label == "smoke"
    assert world.image(world.sequences[2].frames[1].bucket_key or "") == plain_jpeg()


def test_a_data_directory_is_taken_for_its_store(tmp_path: Path) -> None:
    a_store(tmp_path / "01_raw" / "sequences")
    assert len(replay_world(tmp_path).sequences) == 4


def test_a_store_of_the_earlier_tool_gets_what_it_lacks(tmp_path: Path) -> None:
    a_store(tmp_path)
    for path in tmp_path.rglob("meta.json"):
        meta = read_json(path)
        for frame in meta["frames"]:
            for name in ("boxes", "sha256", "size", "detection_id", "bucket_key"):
                frame.pop(name, None)
        write_json(path, meta)
    world = replay_world(tmp_path)
    frames = [frame for sequence in world.sequences for frame in sequence.frames]
    assert len({frame.detection_id for frame in frames}) == len({frame.bucket_key for frame in frames}) == 12
    assert all(frame.boxes == () for frame in frames)
    assert world.image(frames[5].bucket_key or "") == plain_jpeg()


def test_an_image_that_the_store_lacks_is_not_served(tmp_path: Path) -> None:
    a_store(tmp_path)
    world = replay_world(tmp_path)
    frame = world.sequences[1].frames[0]
    (Store(tmp_path).directory(world.sequences[1].key) / frame.file).unlink()
    with pytest.raises(KeyError):
        world.image(frame.bucket_key or "")


def test_an_empty_directory_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"expected a store .* found no sequence; check --replay"):
        replay_world(tmp_path)


def test_real_sequences_can_be_replayed() -> None:
    root = Path(os.environ.get("TRIAGE_FIXTURES", "/nowhere")) / "real" / "sequences"
    if not root.is_dir():
        pytest.skip("the real sequences are not here: set TRIAGE_FIXTURES")
    world = replay_world(root)
    assert (len(world.sequences), world.frame_count) == (69, 291)
    assert replace(world.sequences[0], frames=()).label in ("smoke", "fp")
