"""Statistics of the gap, measured and kept in a file."""

from __future__ import annotations

import pytest
import torch

from mmpatchioner.checkpoints import CheckpointError, save_safetensors
from mmpatchioner.models.bridges import GapStatistics, GaussianNoise, load_gap_statistics


def test_pairs_are_measured_at_unit_length():
    torch.manual_seed(0)
    texts = torch.nn.functional.normalize(torch.randn(5000, 6), dim=1)
    shift = torch.tensor([0.5, 0, 0, 0, 0, 0])
    images = texts + shift + 0.1 * torch.randn(5000, 6)
    statistics = GapStatistics.from_pairs(images, 7 * texts)
    differences = torch.nn.functional.normalize(images, dim=1) - texts
    torch.testing.assert_close(statistics.mean, differences.mean(dim=0))
    torch.testing.assert_close(statistics.covariance, differences.T.cov())
    scaled = GapStatistics.from_pairs(3 * images, texts)
    torch.testing.assert_close(scaled.covariance, statistics.covariance)


def test_a_file_keeps_everything(tmp_path):
    file = tmp_path / 'gap.safetensors'
    saved = GapStatistics(torch.randn(4), torch.eye(4), space='words')
    saved.save(file)
    loaded = load_gap_statistics(file)
    assert torch.equal(loaded.mean, saved.mean)
    assert torch.equal(loaded.covariance, saved.covariance)
    assert loaded.space == 'words'
    assert torch.equal(GaussianNoise(0.1, shift=file).shift, saved.mean)


@pytest.mark.parametrize(
    ('tensors', 'message'),
    [
        (dict(mean=torch.zeros(3)), 'expected the tensors mean'),
        (dict(mean=torch.zeros(3), covariance=torch.eye(4)), 'expected the tensors mean'),
        (dict(mean=torch.zeros(3), covariance=torch.eye(3) * float('nan')), 'not finite'),
    ],
)
def test_other_files_are_refused(tmp_path, tensors, message):
    file = tmp_path / 'other.safetensors'
    save_safetensors(tensors, file)
    with pytest.raises(CheckpointError, match=message):
        load_gap_statistics(file)


def test_missing_files_and_pairs(tmp_path):
    with pytest.raises(CheckpointError, match='expected a file of weights'):
        load_gap_statistics(tmp_path / 'none.safetensors')
    with pytest.raises(ValueError, match='two or more pairs of one width'):
        GapStatistics.from_pairs(torch.zeros(3, 4), torch.zeros(2, 4))
