"""The sampler of evaluations shares images out as mmengine does, and goes on after those that are done."""

import pytest
from mmengine.dataset import DefaultSampler

from mmpatchioner.datasets import evaluation_sampler
from mmpatchioner.datasets.evaluation_sampler import EvaluationSampler


@pytest.mark.parametrize('length', [1, 4, 5, 7])
@pytest.mark.parametrize('world_size', [1, 2, 3])
def test_it_is_the_default_sampler_without_the_first_ones(monkeypatch, length, world_size):
    for rank in range(world_size):
        info = (rank, world_size)
        monkeypatch.setattr(evaluation_sampler, 'get_dist_info', lambda info=info: info)
        monkeypatch.setattr('mmengine.dataset.sampler.get_dist_info', lambda info=info: info)
        expected = list(DefaultSampler(range(length), shuffle=False))
        assert list(EvaluationSampler(range(length))) == expected
        for skip in range(len(expected) + 1):
            sampler = EvaluationSampler(range(length), skip=skip)
            assert list(sampler) == expected[skip:]
            assert len(sampler) == len(expected) - skip
