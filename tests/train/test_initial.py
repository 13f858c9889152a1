"""A sketch written down as a transformer gives the sketch's logits; and the sketch does what its description says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from triage.errors import BadModel
from triage.model.config import checked_config
from triage.model.initial import insist_on_room, write_down
from triage.model.sketch import Sketch, fit_sketch, log_pieces
from triage.model.training import Epoch, Recipe, TubeSet, as_input, fresh_classifier, logits_of
from triage.train.architecture import small_config

CONFIG = checked_config(small_config(), "test")
STRIDE = 8
QUICK = Recipe(blocks=None, epochs=6, batch=16, learning_rate=2e-3, most_slots=4)


def tubes(n: int, seed: int, lengths: tuple[int, ...] = (4,)) -> TubeSet:
    """Every tube shows its own still texture; in every second one the middle brightens from frame to frame."""
    rng = np.random.default_rng(seed)
    smoke = np.arange(n) % 2 == 0
    patches = np.repeat(rng.normal(120, 30, (n, 1, 8, 8, 3)).repeat(4, 2).repeat(4, 3), 4, axis=1) + rng.normal(0, 2, (n, 4, 32, 32, 3))
    for frame in range(4):
        patches[smoke, frame, 8:24, 8:24] += 6 * frame
    index = np.full((n, CONFIG.classifier.max_frames), -1, dtype=np.int64)
    for row in range(n):
        length = lengths[row // 2 % len(lengths)]
        index[row, :length] = 4 * row + np.arange(length)
    return TubeSet(smoke, index >= 0, None, np.clip(patches, 0, 255).astype(np.uint8).reshape(-1, 32, 32, 3), index)


def plain_logits(sketch: Sketch, given: TubeSet) -> np.ndarray:
    assert given.patches is not None
    assert given.index is not None
    mask = torch.from_numpy(given.mask)
    patches = as_input(given.patches[given.index.clip(min=0).ravel()], CONFIG).reshape(*given.index.shape, 3, 32, 32)
    with torch.no_grad():
        return np.asarray(sketch.eval()(patches, mask).double().numpy())


@pytest.fixture(scope="module")
def sketch() -> Sketch:
    return fit_sketch(CONFIG, STRIDE, tubes(60, 0, (2, 3, 4)), None, QUICK)


def test_the_transformer_gives_the_logits_of_the_sketch_it_is_written_from(sketch: Sketch) -> None:
    unseen = tubes(40, 1, (2, 4, 3))
    classifier = fresh_classifier(CONFIG, 0)
    write_down(classifier, CONFIG, sketch)
    plain, written = plain_logits(sketch, unseen), logits_of(classifier, CONFIG, unseen)
    assert np.ptp(plain) > 2
    assert np.abs(plain - written).max() < 0.03 + 0.01 * np.abs(plain).max()


def test_a_random_sketch_is_written_down_as_well() -> None:
    """Weights far from where a fit begins: nothing of the layers may rest on them."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        wild = Sketch(32, STRIDE)
        for name, parameter in wild.named_parameters():
            torch.nn.init.normal_(parameter, std=0.05 if name.startswith("mix") else 0.12)
        wild.centre.uniform_(-2, 0)
        wild.spread.uniform_(0.5, 1.5)
    unseen = tubes(30, 4, (2, 4))
    classifier = fresh_classifier(CONFIG, 0)
    write_down(classifier, CONFIG, wild)
    plain, written = plain_logits(wild, unseen), logits_of(classifier, CONFIG, unseen)
    assert np.ptp(plain) > 0.5
    assert np.abs(plain - written).max() < 0.05 * np.ptp(plain)


def test_it_tells_change_from_stillness_in_tubes_it_has_not_seen(sketch: Sketch) -> None:
    unseen = tubes(60, 5)
    logits = plain_logits(sketch, unseen)
    assert logits[unseen.smoke].min() > logits[~unseen.smoke].max()


def test_masked_slots_and_the_order_of_frames_do_not_matter(sketch: Sketch) -> None:
    given = tubes(10, 6)
    assert given.index is not None
    shuffled = given.index.copy()
    shuffled[:, :4] = shuffled[:, [2, 0, 3, 1]]
    other = TubeSet(given.smoke, given.mask, None, given.patches, shuffled)
    assert plain_logits(sketch, other) == pytest.approx(plain_logits(sketch, given), abs=1e-4)


def test_the_same_seed_gives_the_same_sketch_and_another_seed_another() -> None:
    def weights(seed: int) -> torch.Tensor:
        torch.rand(seed + 3)  # whatever else draws numbers in this process
        found = fit_sketch(CONFIG, STRIDE, tubes(24, 0), None, Recipe(seed=seed, blocks=None, epochs=1, batch=16, most_slots=4))
        return torch.cat([one.flatten() for one in found.state_dict().values()])

    assert torch.equal(weights(1), weights(1))
    assert not torch.allclose(weights(1), weights(2), atol=1e-3)


def test_every_epoch_is_told_with_its_losses() -> None:
    told: list[Epoch] = []
    fit_sketch(CONFIG, STRIDE, tubes(24, 0), tubes(12, 1), QUICK, told.append)
    assert [epoch.number for epoch in told] == [1, 2, 3, 4, 5, 6]
    assert all(epoch.training_loss is not None and epoch.validation_loss is not None for epoch in told)


def test_the_pieces_come_near_the_logarithm() -> None:
    pieces, offset = log_pieces()
    x = torch.logspace(-2.5, 0.9, 50)
    near = sum(piece * torch.nn.functional.gelu(60 * (x - knee)) for knee, piece in zip((0.0, 0.03, 0.1, 0.35, 1.2), pieces, strict=True))
    assert (near + offset - torch.log(x + 0.03)).abs().max() < 0.35


def test_another_network_is_refused() -> None:
    raw = small_config()
    raw["classifier"]["depth"] = 2
    config = checked_config(raw, "test")
    with pytest.raises(BadModel, match="needs the small network's shape"):
        insist_on_room(fresh_classifier(config, 0), config)
