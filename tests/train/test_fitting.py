"""The fitting itself: seeds, early stopping, what learns and what does not, and augmentation."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from triage.model.augment import augmented, thinned
from triage.model.config import ModelConfig, checked_config
from triage.model.training import Recipe, TubeSet, features_of, fit, fresh_classifier, logits_of
from triage.train.architecture import small_config


@pytest.fixture
def config() -> ModelConfig:
    raw = small_config()
    raw["model_input"]["patch_size"] = raw["classifier"]["img_size"] = 16
    raw["classifier"].update(embed_dim=16, num_heads=2, depth=2, transformer_num_heads=2, transformer_ffn_dim=32, max_frames=6)
    return checked_config(raw, "test")


def tubes(n: int, seed: int, slots: int = 6) -> TubeSet:
    """Smoke is a bright square that grows over three frames; the rest is noise."""
    rng = np.random.default_rng(seed)
    smoke = np.arange(n) % 2 == 0
    patches = rng.normal(110, 15, (n, 3, 16, 16, 3))
    for frame in range(3):
        patches[smoke, frame, 6 - frame : 8 + frame, 6 - frame : 8 + frame] += 90
    index = np.full((n, slots), -1, dtype=np.int64)
    index[:, :3] = np.arange(3 * n).reshape(n, 3)
    return TubeSet(smoke, index >= 0, None, np.clip(patches, 0, 255).astype(np.uint8).reshape(-1, 16, 16, 3), index)


QUICK = Recipe(blocks=None, epochs=12, patience=12, batch=16, learning_rate=3e-3, threads=1)


def test_it_learns_what_can_be_learnt(config: ModelConfig) -> None:
    classifier = fresh_classifier(config, 0)
    done = fit(classifier, config, tubes(64, 0), tubes(32, 1), QUICK)
    unseen = tubes(60, 2)
    logits = logits_of(classifier, config, unseen)
    assert float(np.mean((logits > 0) == unseen.smoke)) > 0.9
    assert done.history[done.best].validation_loss == min(e.validation_loss for e in done.history[1:] if e.validation_loss is not None)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(config: ModelConfig) -> None:
    def weights(seed: int) -> torch.Tensor:
        classifier = fresh_classifier(config, seed)
        torch.rand(seed + 3)  # whatever else draws numbers in this process
        fit(classifier, config, tubes(32, 0), tubes(16, 1), Recipe(seed=seed, blocks=None, epochs=2, batch=16, threads=1))
        return torch.cat([one.flatten() for one in classifier.state_dict().values()])

    assert torch.equal(weights(1), weights(1))
    assert not torch.allclose(weights(1), weights(2), atol=1e-3)


@pytest.mark.parametrize(("blocks", "frozen"), [(0, ("blocks.0", "blocks.1", "fc_norm")), (1, ("blocks.0", "patch_embed", "pos_embed"))])
def test_only_the_chosen_blocks_learn(config: ModelConfig, blocks: int, frozen: tuple[str, ...]) -> None:
    classifier = fresh_classifier(config, 0)
    before = copy.deepcopy(classifier.state_dict())
    fit(classifier, config, tubes(32, 0), None, Recipe(blocks=blocks, epochs=1, batch=16, threads=1))
    changed = {key for key, value in classifier.state_dict().items() if not torch.equal(value, before[key])}
    assert "head.classifier.weight" in changed
    assert not [key for key in changed for part in frozen if f"backbone.{part}" in key]
    assert any("backbone.blocks.1" in key for key in changed) == (blocks == 1)


def test_a_refit_is_never_worse_on_validation_than_its_start(config: ModelConfig) -> None:
    classifier = fresh_classifier(config, 0)
    fit(classifier, config, tubes(64, 0), tubes(32, 1), QUICK)
    random = tubes(32, 5)
    shuffled = TubeSet(np.random.default_rng(0).permutation(random.smoke), random.mask, None, random.patches, random.index)
    done = fit(classifier, config, shuffled, tubes(32, 1), Recipe(blocks=0, epochs=3, batch=16, learning_rate=1e-2, threads=1))
    assert done.best == 0


def test_early_stopping_waits_for_patience_and_no_longer(config: ModelConfig) -> None:
    classifier = fresh_classifier(config, 0)
    done = fit(
        classifier, config, tubes(32, 0), tubes(16, 1), Recipe(blocks=None, epochs=50, patience=2, batch=16, learning_rate=0.5, threads=1)
    )
    assert len(done.history) - 1 == done.best + 2


def test_features_do_not_depend_on_what_else_is_in_the_set(config: ModelConfig) -> None:
    classifier = fresh_classifier(config, 0)
    everything = tubes(20, 0)
    assert everything.patches is not None
    alone = logits_of(classifier, config, everything.take(np.array([7])))
    assert alone[0] == pytest.approx(logits_of(classifier, config, everything)[7], abs=1e-5)
    assert features_of(classifier, config, everything.patches[:0]).shape == (0, 16)


def test_one_class_is_refused(config: ModelConfig) -> None:
    one_sided = tubes(8, 0).take(np.array([0, 2, 4]))
    with pytest.raises(ValueError, match="the training tubes must hold both classes"):
        fit(fresh_classifier(config, 0), config, one_sided, None, QUICK)


def test_augmentation_stays_in_range_and_moves_the_frames_of_a_tube_alike() -> None:
    still = torch.rand(4, 1, 3, 16, 16).expand(4, 3, 3, 16, 16)
    changed = augmented(still, torch.Generator().manual_seed(0))
    assert changed.shape == still.shape
    assert 0 <= float(changed.min()) <= float(changed.max()) <= 1
    between_frames = (changed[:, 0] - changed[:, 1]).abs().mean()
    assert between_frames < 0.1 * (changed - still).abs().mean() + 0.06
    assert not torch.allclose(changed, augmented(still, torch.Generator().manual_seed(1)))


def test_half_the_strength_changes_patches_less() -> None:
    generator = torch.Generator().manual_seed(0)
    plain = torch.rand(64, 2, 3, 16, 16, generator=generator) * 0.2 + 0.4

    def moved(strength: float) -> float:
        changed = augmented(plain, torch.Generator().manual_seed(0), strength=strength)
        return float((changed.mean(dim=(1, 3, 4)) - plain.mean(dim=(1, 3, 4))).abs().mean())

    assert 0.3 * moved(1.0) < moved(0.5) < 0.8 * moved(1.0)


def test_some_tubes_shake_and_others_stand_still() -> None:
    picture = torch.zeros(1, 1, 3, 32, 32)
    picture[..., 8:24, 8:24] = 1
    changed = augmented(picture.expand(40, 4, 3, 32, 32), torch.Generator().manual_seed(0), strength=0.5)
    between = (changed - changed.mean(dim=1, keepdim=True)).abs().mean(dim=(1, 2, 3, 4))
    assert float(between.max()) > 2 * float(between.median())


def test_thinning_keeps_real_slots_only_and_at_least_one() -> None:
    mask = torch.tensor([[True] * 5 + [False], [True, False, True, False, False, False]])
    for seed in range(20):
        kept = thinned(mask, torch.Generator().manual_seed(seed), most=3)
        assert not (kept & ~mask).any()
        assert ((kept.sum(dim=1) >= 1) & (kept.sum(dim=1) <= 3)).all()
