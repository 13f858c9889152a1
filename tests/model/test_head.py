"""Prefixes that share their tube's first projections, against the same asked one by one and against what lies in masked slots."""

from __future__ import annotations

import pytest
import torch

from triage.model.head import TemporalHead

SLOTS, WIDTH = 6, 16


def head_of(layers: int) -> TemporalHead:
    torch.manual_seed(layers)
    head = TemporalHead(width=WIDTH, slots=SLOTS, heads=2, hidden=32, layers=layers, dropout=0.1).eval()
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return head


@pytest.mark.parametrize("layers", [1, 2, 3])
@torch.inference_mode()
def test_prefixes_asked_together_are_those_asked_one_by_one(layers: int) -> None:
    head = head_of(layers)
    features = torch.randn(3, SLOTS, WIDTH)
    masks = torch.arange(SLOTS) < torch.tensor([2, 3, 5, 6])[:, None]
    together = head.prefixes(features, masks.expand(3, -1, -1))
    assert together.shape == (3, 4)
    for number, mask in enumerate(masks):
        torch.testing.assert_close(together[:, number], head(features, mask.expand(3, -1)), atol=1e-6, rtol=1e-5)
    assert len(set(together.flatten().tolist())) == 12  # every tube and every prefix has an answer of its own


@torch.inference_mode()
def test_what_stands_in_masked_slots_does_not_matter() -> None:
    head = head_of(2)
    features = torch.randn(2, SLOTS, WIDTH)
    masks = (torch.arange(SLOTS) < torch.tensor([2, 4])[:, None]).expand(2, -1, -1)
    other = features.clone()
    other[:, 4:] = 100.0
    assert torch.equal(head.prefixes(features, masks), head.prefixes(other, masks))
