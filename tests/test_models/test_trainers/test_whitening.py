from __future__ import annotations

import numpy as np
import pytest
import torch

from mmpatchioner.models.trainers.whitening import fit_whitening


@pytest.fixture(scope='module')
def patches():
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(6, 6)) * np.array([4, 2, 1, 1, 0.5, 0.3])
    return (rng.normal(size=(50, 40, 6)) @ mix + 3).astype(np.float16)


def covariance(patches, mean, whiten):
    rows = (torch.from_numpy(patches.astype(np.float32)).flatten(0, 1) - mean) @ whiten
    return rows.mean(dim=0), torch.cov(rows.T)


def test_exponent_of_a_half_whitens(patches):
    mean, cov = covariance(patches, *fit_whitening(patches, exponent=0.5))
    assert torch.allclose(mean, torch.zeros(6), atol=1e-2)
    assert torch.allclose(cov, torch.eye(6), atol=0.02)


def test_exponent_of_zero_only_centres(patches):
    _, whiten = fit_whitening(patches, exponent=0.0)
    assert torch.allclose(whiten, torch.eye(6), atol=1e-5)


def test_between_the_spectrum_is_flattened(patches):
    def spread(exponent):
        values = torch.linalg.eigvalsh(covariance(patches, *fit_whitening(patches, exponent))[1])
        return values[-1] / values[0]

    assert spread(0.0) > spread(0.35) > spread(0.5)


def test_sample_is_fixed_by_its_seed(patches):
    few = dict(num_images=10, patches_per_image=5)
    first, again = (fit_whitening(patches, seed=1, **few) for _ in range(2))
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[1], fit_whitening(patches, seed=2, **few)[1])


def test_errors(patches):
    with pytest.raises(ValueError, match='exponent'):
        fit_whitening(patches, exponent=2)
    with pytest.raises(ValueError, match='more than 6 patches'):
        fit_whitening(patches, num_images=1, patches_per_image=3)
    with pytest.raises(ValueError, match='eigenvalue'):
        fit_whitening(np.repeat(patches[..., :1], 6, axis=-1))
