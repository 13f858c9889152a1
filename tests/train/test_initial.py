"""The first weights do what their description says: changes between frames decide, stillness does not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from triage.errors import BadModel
from triage.model.config import checked_config
from triage.model.initial import start_from_patches, start_readout
from triage.model.training import TubeSet, fresh_classifier, logits_of, with_features
from triage.train.architecture import small_config

CONFIG = checked_config(small_config(), "test")


def tubes(n: int, seed: int) -> TubeSet:
    """Every tube shows its own still texture; in every second one the middle brightens from frame to frame."""
    rng = np.random.default_rng(seed)
    smoke = np.arange(n) % 2 == 0
    patches = np.repeat(rng.normal(120, 30, (n, 1, 8, 8, 3)).repeat(4, 2).repeat(4, 3), 4, axis=1) + rng.normal(0, 2, (n, 4, 32, 32, 3))
    for frame in range(4):
        patches[smoke, frame, 8:24, 8:24] += 6 * frame
    index = np.full((n, CONFIG.classifier.max_frames), -1, dtype=np.int64)
    index[:, :4] = np.arange(4 * n).reshape(n, 4)
    return TubeSet(smoke, index >= 0, None, np.clip(patches, 0, 255).astype(np.uint8).reshape(-1, 32, 32, 3), index)


def test_without_a_single_step_it_tells_change_from_stillness_in_tubes_it_has_not_seen() -> None:
    learnt, unseen = tubes(60, 0), tubes(60, 1)
    classifier = fresh_classifier(CONFIG, 0)
    assert learnt.patches is not None
    start_from_patches(classifier, CONFIG, learnt.patches, 0)
    start_readout(classifier, with_features(classifier, CONFIG, learnt))
    logits = logits_of(classifier, CONFIG, unseen)
    assert logits[unseen.smoke].min() > logits[~unseen.smoke].max()


def test_a_still_tube_has_the_same_logit_whatever_it_shows() -> None:
    learnt = tubes(60, 0)
    classifier = fresh_classifier(CONFIG, 0)
    assert learnt.patches is not None
    start_from_patches(classifier, CONFIG, learnt.patches, 0)
    start_readout(classifier, with_features(classifier, CONFIG, learnt))
    still = np.repeat(np.random.default_rng(2).integers(0, 255, (6, 1, 32, 32, 3), dtype=np.uint8), 4, axis=1).reshape(-1, 32, 32, 3)
    index = np.full((6, CONFIG.classifier.max_frames), -1, dtype=np.int64)
    index[:, :4] = np.arange(24).reshape(6, 4)
    logits = logits_of(classifier, CONFIG, TubeSet(np.zeros(6, dtype=bool), index >= 0, None, still, index))
    moving = logits_of(classifier, CONFIG, learnt)[learnt.smoke]
    assert np.ptp(logits) < 0.1 * (moving.mean() - logits.mean())


def test_another_network_is_refused() -> None:
    raw = small_config()
    raw["classifier"]["depth"] = 2
    config = checked_config(raw, "test")
    with pytest.raises(BadModel, match="needs the small network's shape"):
        start_from_patches(fresh_classifier(config, 0), config, np.zeros((4, 32, 32, 3), dtype=np.uint8), 0)


def test_the_network_fits_into_three_megabytes() -> None:
    numbers = sum(one.numel() for one in fresh_classifier(CONFIG, 0).parameters())
    assert 4 * numbers < 2_900_000
    assert torch.float32.itemsize == 4
