from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from mmpatchioner.models.trainers.contrastive import info_nce


def plain(num_images):
    return torch.arange(num_images), torch.eye(num_images, dtype=torch.bool)


def test_one_text_an_image_is_clip():
    logits = torch.randn(5, 5)
    positives, related = plain(5)
    loss, accuracy = info_nce(logits, positives, related, torch.ones(5, dtype=torch.bool))
    expected = (F.cross_entropy(logits, positives) + F.cross_entropy(logits.T, positives)) / 2
    assert torch.allclose(loss, expected)
    assert accuracy == (logits.argmax(dim=0) == positives).float().mean()


def test_related_pairs_are_no_negatives():
    # Three images, four texts; texts 0 and 1 belong to image 0, text 2 to images 1 and 2.
    torch.manual_seed(0)
    logits = torch.randn(3, 4)
    positives = torch.tensor([0, 0, 1, 2])
    related = torch.tensor([[1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1]], dtype=torch.bool)
    loss, _ = info_nce(logits, positives, related, torch.ones(4, dtype=torch.bool))
    total = 0.0
    for text, image in enumerate(positives.tolist()):
        own = math.exp(logits[image, text])
        images = sum(math.exp(logits[i, text]) for i in range(3) if not related[i, text])
        texts = sum(math.exp(logits[image, t]) for t in range(4) if not related[image, t])
        total += -math.log(own / (own + images)) - math.log(own / (own + texts))
    assert float(loss) == pytest.approx(total / 8, rel=1e-5)


def test_padding_takes_no_part():
    torch.manual_seed(0)
    logits = torch.randn(3, 3, requires_grad=True)
    positives, related = plain(3)
    valid = torch.tensor([True, True, False])
    loss, _ = info_nce(logits, positives, related, valid)
    loss.backward()
    assert (logits.grad[:, 2] == 0).all()
    assert torch.isfinite(logits.grad).all()
    nothing, accuracy = info_nce(logits, positives, related, torch.zeros(3, dtype=torch.bool))
    assert nothing == accuracy == 0
