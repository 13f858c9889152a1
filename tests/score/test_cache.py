from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from tests.report.builders import a_prediction
from triage.errors import BadFile
from triage.score import PredictionCache

IDENTITY = {"digest": "d" * 64}


def values(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(3, 4)).astype(np.float16)


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    cache = PredictionCache(tmp_path, IDENTITY)
    cache.add("k1", "a", a_prediction(0.5, 0.2), [(values(1), (0, 1, 2)), (values(2), (0, -1, 1))])
    cache.add("k2", "b", a_prediction(float("nan"), logit=float("inf")), [(values(3), (0,))])
    cache.seal()
    again = PredictionCache(tmp_path, IDENTITY)
    assert again.prediction("k1", "a") == a_prediction(0.5, 0.2)
    features = again.features("k1", "a")
    assert features is not None
    assert [rows for _, rows in features] == [(0, 1, 2), (0, -1, 1)]
    assert all(np.array_equal(found, expected) for (found, _), expected in zip(features, [values(1), values(2)], strict=True))
    assert np.isnan(again.prediction("k2", "b").kept[0].probability)


def test_features_of_a_tube_of_a_vit_s_take_at_most_sixteen_kilobytes_on_disk(tmp_path: Path) -> None:
    cache = PredictionCache(tmp_path, IDENTITY)
    for number in range(20):
        cache.add(f"k{number}", "a", a_prediction(0.5), [(np.zeros((20, 384), np.float16), tuple(range(20)))])
    cache.seal()
    assert next(tmp_path.glob("features-*")).stat().st_size / 20 <= 16_000


def test_features_are_mapped_and_not_copied(tmp_path: Path) -> None:
    cache = PredictionCache(tmp_path, IDENTITY)
    cache.add("k1", "a", a_prediction(0.5), [(values(1), (0, 1, 2))])
    cache.seal()
    features = PredictionCache(tmp_path).features("k1", "a")
    assert features is not None
    assert not features[0][0].flags.owndata
    assert not features[0][0].flags.writeable


def test_a_sequence_without_tubes_has_no_features_which_is_not_to_have_lost_them(tmp_path: Path) -> None:
    cache = PredictionCache(tmp_path, IDENTITY)
    cache.add("k1", "a", a_prediction(), [])
    cache.add("k2", "a", a_prediction(0.5), [(values(1), (0, 1, 2))])
    cache.seal()
    next(tmp_path.glob("features-*")).unlink()
    again = PredictionCache(tmp_path, IDENTITY)
    assert again.features("k1", "a") == []
    assert again.features("k2", "a") is None


def test_the_digest_is_part_of_the_name(tmp_path: Path) -> None:
    cache = PredictionCache(tmp_path, IDENTITY)
    cache.add("k1", "a", a_prediction(0.5), [])
    cache.seal()
    assert ("k1", "a") in cache
    assert ("k1", "b") not in cache


def test_a_later_row_wins(tmp_path: Path) -> None:
    cache = PredictionCache(tmp_path, IDENTITY)
    for probability in (0.5, 0.6):
        cache.add("k1", "a", a_prediction(probability), [(values(1), (0, 1, 2))])
        cache.seal()
    assert PredictionCache(tmp_path, IDENTITY).prediction("k1", "a").probability == 0.6


def test_parts_are_only_added_and_never_changed(tmp_path: Path) -> None:
    cache = PredictionCache(tmp_path, IDENTITY)
    cache.add("k1", "a", a_prediction(0.5), [(values(1), (0, 1, 2))])
    cache.seal()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    cache.add("k2", "a", a_prediction(0.5), [(values(1), (0, 1, 2))])
    cache.seal()
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(after) == len(before) + 2
    assert before.items() <= after.items()


def test_a_part_is_sealed_when_its_time_is_up(tmp_path: Path) -> None:
    cache = PredictionCache(tmp_path, IDENTITY, keep_every=0)
    cache.add("k1", "a", a_prediction(0.5), [])
    assert ("k1", "a") in PredictionCache(tmp_path, IDENTITY)


def test_damaged_features_are_set_aside_and_the_predictions_stay(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache = PredictionCache(tmp_path, IDENTITY)
    cache.add("k1", "a", a_prediction(0.5), [(values(1), (0, 1, 2))])
    cache.seal()
    path = next(tmp_path.glob("features-*"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    again = PredictionCache(tmp_path, IDENTITY)
    with caplog.at_level(logging.WARNING):
        assert again.features("k1", "a") is None
    assert "its features are missing until the sequences are scored again" in caplog.text
    assert again.prediction("k1", "a") == a_prediction(0.5)


def test_what_a_killed_run_left_is_removed_by_the_next_writer(tmp_path: Path) -> None:
    (tmp_path / ".part-123-part").write_bytes(b"half")
    PredictionCache(tmp_path, IDENTITY)
    assert not (tmp_path / ".part-123-part").exists()


def test_an_unknown_format_is_not_guessed_at(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text('{"format": 2}')
    with pytest.raises(BadFile, match="expected format 1, found 2"):
        PredictionCache(tmp_path)
