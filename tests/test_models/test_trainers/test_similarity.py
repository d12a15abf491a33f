from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from mmpatchioner.models.trainers.similarity import POOLINGS, image_text_similarity


@pytest.fixture
def batch():
    torch.manual_seed(0)
    features = {'patches': torch.randn(3, 7, 5), 'heads': torch.randn(3, 4, 5)}
    return F.normalize(torch.randn(6, 5), dim=1), features


def cosine(a, b):
    return F.cosine_similarity(a, b, dim=0)


@pytest.mark.parametrize('pooling', sorted(POOLINGS))
def test_one_pair_at_a_time(batch, pooling):
    texts, features = batch
    found = image_text_similarity(texts, features, pooling, patch_temperature=0.2)
    for image in range(3):
        for index, text in enumerate(texts):
            patches, heads = features['patches'][image], features['heads'][image]
            scores = torch.stack([cosine(patch, text) for patch in patches])
            expected = {
                'mean': cosine(patches.mean(dim=0), text),
                'head_selection': max(cosine(head, text) for head in heads),
                'mean_head_sum': cosine(heads.sum(dim=0), text),
                'text_weighted': ((scores / 0.2).softmax(dim=0) * scores).sum(),
            }[pooling]
            assert found[image, index] == pytest.approx(float(expected), abs=1e-5)


def test_text_weighting_lies_between_mean_and_best(batch):
    texts, features = batch
    scores = F.normalize(features['patches'], dim=-1) @ texts.T
    broad = image_text_similarity(texts, features, 'text_weighted', patch_temperature=1e4)
    sharp = image_text_similarity(texts, features, 'text_weighted', patch_temperature=1e-4)
    assert torch.allclose(broad, scores.mean(dim=1), atol=1e-3)
    assert torch.allclose(sharp, scores.amax(dim=1), atol=1e-3)


def test_stored_mean_is_used(batch):
    texts, features = batch
    mean = {'mean': features['patches'].mean(dim=1)}
    expected = image_text_similarity(texts, features, 'mean')
    assert torch.allclose(image_text_similarity(texts, mean, 'mean'), expected, atol=1e-6)


def test_errors(batch):
    texts, features = batch
    with pytest.raises(ValueError, match='pooling'):
        image_text_similarity(texts, features, 'max')
    with pytest.raises(KeyError, match='heads'):
        image_text_similarity(texts, {'patches': features['patches']}, 'head_selection')
