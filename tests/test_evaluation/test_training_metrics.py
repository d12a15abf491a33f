from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from mmpatchioner.evaluation.metrics import ImageTextRetrieval, LossMetric
from mmpatchioner.evaluation.metrics.retrieval import recalls


def test_losses_are_weighted_by_batch_size():
    metric = LossMetric()
    metric.process(None, [{'loss': 1.0, 'accuracy': 0.5, 'num_samples': 3}])
    metric.process(None, [{'loss': 5.0, 'accuracy': 0.1, 'num_samples': 1}])
    assert metric.evaluate(4) == pytest.approx({'val/loss': 2.0, 'val/accuracy': 0.4})


def test_recalls_by_hand():
    # Texts 0 and 1 belong to image 0, text 2 to image 1.
    similarity = torch.tensor([[0.9, 0.1, 0.8], [0.2, 0.5, 0.7]])
    found = recalls(similarity, torch.tensor([0, 0, 1]), ks=[1, 2])
    assert found['t2i_R@1'] == pytest.approx(100 / 3)
    assert found['t2i_R@2'] == 100
    # Image 0 finds its text 0 first; image 1 its text 2.
    assert found['i2t_R@1'] == 100


def test_equal_scores_are_misses():
    assert recalls(torch.ones(3, 3), torch.arange(3), ks=[1]) == {'t2i_R@1': 0, 'i2t_R@1': 0}


def test_images_without_text_are_no_queries():
    similarity = torch.tensor([[0.9], [0.1]])
    assert recalls(similarity, torch.tensor([0]), ks=[1]) == {'t2i_R@1': 100, 'i2t_R@1': 100}


def test_metric_compares_in_chunks():
    torch.manual_seed(0)
    texts = F.normalize(torch.randn(7, 2, 5), dim=-1)
    samples = [
        {
            'features': {'patches': (texts[i, :1] + 0.01 * torch.randn(3, 5)).half()},
            'texts': {'captions': texts[i]},
        }
        for i in range(7)
    ]
    scores = []
    for chunk_size in (1, 3, 100):
        metric = ImageTextRetrieval(chunk_size=chunk_size, ks=(1,))
        metric.process(None, samples)
        scores.append(metric.evaluate(7))
    assert (
        scores[0] == scores[1] == scores[2] == {'retrieval/t2i_R@1': 100, 'retrieval/i2t_R@1': 100}
    )
