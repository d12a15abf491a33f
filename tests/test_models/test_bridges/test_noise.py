"""Noise in training: how far it moves a text, and where to."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from mmpatchioner.models.bridges import GapNoise, GapStatistics, GaussianNoise, UniformBallNoise

ROWS = 2000


@pytest.fixture
def unit():
    rows = torch.randn(ROWS, 768, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(1)
    return F.normalize(rows, dim=1)


@pytest.mark.parametrize('std', [0.08, 0.016**0.5, 0.12, 0.04])
def test_gaussian_noise_has_the_published_strength(unit, std):
    before = unit.clone()
    noisy = GaussianNoise(std)(unit)
    torch.testing.assert_close(noisy.norm(dim=1), torch.ones(ROWS))
    # Signal 1 against noise of length std * sqrt(768).
    cosine = (noisy * unit).sum(dim=1).mean().item()
    assert cosine == pytest.approx((1 + std**2 * 768) ** -0.5, abs=0.005)
    assert torch.equal(unit, before)


def test_a_range_draws_for_every_vector():
    clean = torch.eye(32)[:1].expand(4000, -1)
    cosine = (GaussianNoise((0.0, 0.2))(clean) * clean).sum(dim=1)
    assert cosine.max() > 0.999
    assert cosine.min() < 0.8


@given(radius=st.floats(0.01, 2.0), dims=st.integers(2, 64))
def test_a_ball_is_filled_evenly(radius, dims):
    torch.manual_seed(0)
    drawn = UniformBallNoise(radius).draw(torch.zeros(ROWS, dims))
    lengths = drawn.norm(dim=1)
    assert lengths.max() <= radius * (1 + 1e-5)
    # Half of the volume is within radius * 2 ** (-1 / dims).
    inner = (lengths <= radius * 0.5 ** (1 / dims)).float().mean().item()
    assert inner == pytest.approx(0.5, abs=0.06)
    # No direction is preferred: the mean is about 1 / sqrt(ROWS) of a length.
    assert drawn.mean(dim=0).norm() < 4 * radius / ROWS**0.5


@pytest.mark.parametrize('noise', [GaussianNoise, UniformBallNoise])
def test_a_shift_moves_the_mean(noise):
    clean = F.normalize(torch.randn(ROWS, 16), dim=1)
    shift = torch.zeros(16)
    shift[3] = 2.0
    statistics = GapStatistics(shift, torch.eye(16))
    torch.testing.assert_close(noise(0.0, shift=statistics)(clean), F.normalize(clean + shift))
    torch.testing.assert_close(noise(0.0)(clean), clean)


def test_gap_noise_has_the_mean_and_covariance_of_the_gap():
    torch.manual_seed(0)
    factor = 0.1 * torch.randn(8, 8)
    statistics = GapStatistics(torch.randn(8), factor @ factor.T)
    noise = GapNoise(statistics, scale=3.0, std=0.2)
    drawn = noise.draw(torch.zeros(200_000, 8))
    expected = 9 * statistics.covariance + 0.04 * torch.eye(8)
    assert (drawn.T.cov() - expected).abs().max() < 0.02
    clean = F.normalize(torch.randn(4, 8), dim=1)
    torch.testing.assert_close(
        GapNoise(statistics, scale=0.0)(clean), F.normalize(clean + statistics.mean)
    )


def test_gap_noise_of_fewer_pairs_than_dimensions():
    pairs = torch.randn(5, 20), torch.randn(5, 20)
    noisy = GapNoise(GapStatistics.from_pairs(*pairs))(F.normalize(torch.randn(7, 20), dim=1))
    torch.testing.assert_close(noisy.norm(dim=1), torch.ones(7))


@pytest.mark.parametrize(
    ('build', 'message'),
    [
        (lambda: GaussianNoise(-0.1), 'noise.std'),
        (lambda: GaussianNoise((0.2, 0.1)), 'noise.std'),
        (lambda: UniformBallNoise(-1), 'noise.radius'),
        (lambda: GapNoise(GapStatistics(torch.zeros(2), torch.eye(2)), scale=-1), 'scale and std'),
    ],
)
def test_numbers_out_of_range(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize('noise', [GapNoise, lambda gap: GaussianNoise(0.1, shift=gap)])
def test_statistics_of_another_width(noise):
    gap = GapStatistics(torch.zeros(6), torch.eye(6))
    with pytest.raises(ValueError, match='width of the embeddings, 4, got 6'):
        noise(gap)(torch.eye(4))
