"""Noise that makes a decoder trained on text tolerant of image vectors."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmpatchioner.models.bridges.gap_statistics import GapStatistics, load_gap_statistics
from mmpatchioner.registry import MODELS


class TextNoise(nn.Module):
    """Moves unit vectors of texts and brings them back to unit length.

    Args:
        shift: Statistics of the gap, or their file, whose mean is added as well: from where texts are to where images
            are. None adds nothing.

    Attributes:
        space: Name of the vector space of the statistics, '' if there are none or they do not tell.
    """

    shift: Tensor | None

    def __init__(self, shift: GapStatistics | str | os.PathLike[str] | None = None) -> None:
        super().__init__()
        statistics = load_gap_statistics(shift) if isinstance(shift, (str, os.PathLike)) else shift
        # Not persistent: it is not learnt, and the file is named in the config.
        mean = None if statistics is None else statistics.mean
        self.register_buffer('shift', mean, persistent=False)
        self.space = '' if statistics is None else statistics.space

    @abstractmethod
    def draw(self, unit: Tensor) -> Tensor:
        """Noise (B, D) for unit vectors (B, D), drawn from torch's random numbers."""

    def forward(self, unit: Tensor) -> Tensor:
        """Noisy unit vectors (B, D) of unit vectors (B, D), which are not changed.

        Raises:
            ValueError: if the statistics of the gap are of another width.
        """
        moved = unit + self.draw(unit)
        if self.shift is not None:
            moved = moved + _of_width(self.shift, unit)
        return F.normalize(moved, dim=-1)


@MODELS.register_module()
class GaussianNoise(TextNoise):
    """The same Gaussian noise in every dimension (CapDec, arXiv 2211.00575; CLOSE, arXiv 2211.09778).

    The noise has a length of about ``std * sqrt(D)``. Published are sqrt(0.016) (CapDec, ViECap), 0.12 and, where
    several captions are learnt from each, 0.04 (CLOSE), 0.08 (arXiv 2510.02898).

    Args:
        std: Standard deviation in every dimension; a pair is a range, from which every vector draws its own.
        shift: As of :class:`TextNoise`: CapDec's modality offset, CLOSE's mean shift.

    Raises:
        ValueError: if ``std`` is negative or no range.

    Example:
        >>> noisy = GaussianNoise(std=0.5)(torch.eye(3))
        >>> torch.allclose(noisy.norm(dim=1), torch.ones(3))
        True
    """

    def __init__(
        self,
        std: float | Sequence[float],
        shift: GapStatistics | str | os.PathLike[str] | None = None,
    ) -> None:
        super().__init__(shift)
        low, high = (std, std) if isinstance(std, (int, float)) else std
        if not 0 <= low <= high:
            raise ValueError(f'noise.std: expected 0 <= low <= high, got {std}.')
        self.range = (low, high)

    def draw(self, unit: Tensor) -> Tensor:
        """As :meth:`TextNoise.draw`."""
        low, high = self.range
        std = low if low == high else torch.empty_like(unit[:, :1]).uniform_(low, high)
        return std * torch.randn_like(unit)

    def extra_repr(self) -> str:
        """The settings."""
        return f'std={self.range}'


@MODELS.register_module()
class UniformBallNoise(TextNoise):
    """Noise from everywhere in a ball alike (CapDec, arXiv 2211.00575, option of its training).

    Args:
        radius: Of the ball; sqrt(0.016) with the variance that CapDec publishes.
        shift: As of :class:`TextNoise`.

    Raises:
        ValueError: if the radius is negative.

    Example:
        >>> drawn = UniformBallNoise(radius=0.5).draw(torch.zeros(100, 3))
        >>> bool((drawn.norm(dim=1) <= 0.5).all())
        True
    """

    def __init__(
        self, radius: float, shift: GapStatistics | str | os.PathLike[str] | None = None
    ) -> None:
        super().__init__(shift)
        if radius < 0:
            raise ValueError(f'noise.radius: expected 0 or more, got {radius}.')
        self.radius = radius

    def draw(self, unit: Tensor) -> Tensor:
        """As :meth:`TextNoise.draw`."""
        directions = F.normalize(torch.randn_like(unit), dim=-1)
        # The volume within r grows with r**D.
        shares = torch.rand_like(unit[:, :1]) ** (1 / unit.shape[1])
        return self.radius * shares * directions

    def extra_repr(self) -> str:
        """The settings."""
        return f'radius={self.radius}'


@MODELS.register_module()
class GapNoise(TextNoise):
    """Noise that is distributed as images are around their texts (CLOSE, arXiv 2211.09778, covariance noise).

    The mean of the gap, Gaussian noise with its covariance, and Gaussian noise alike in every dimension.

    Args:
        statistics: Statistics of the gap, or their file. They need pairs of images and texts, which the other noises do
            not.
        scale: Of the noise with the covariance; CLOSE's code has 3.
        std: Standard deviation of the noise that is alike in every dimension.

    Raises:
        ValueError: if a number is negative.

    Example:
        >>> statistics = GapStatistics(torch.tensor([0.0, 1.0]), torch.zeros(2, 2))
        >>> GapNoise(statistics)(torch.tensor([[1.0, 0.0]]))
        tensor([[0.7071, 0.7071]])
    """

    root: Tensor

    def __init__(
        self,
        statistics: GapStatistics | str | os.PathLike[str],
        scale: float = 1.0,
        std: float = 0.0,
    ) -> None:
        if scale < 0 or std < 0:
            raise ValueError(f'noise: expected scale and std of 0 or more, got {scale} and {std}.')
        loaded = (
            statistics if isinstance(statistics, GapStatistics) else load_gap_statistics(statistics)
        )
        super().__init__(loaded)
        # Fewer pairs than dimensions leave directions without variance, which a Cholesky factor does not allow.
        variances, axes = torch.linalg.eigh(loaded.covariance.double())
        root = (axes * variances.clamp(min=0).sqrt()).float()
        self.register_buffer('root', root, persistent=False)
        self.scale = scale
        self.std = std

    def draw(self, unit: Tensor) -> Tensor:
        """As :meth:`TextNoise.draw`."""
        root = _of_width(self.root, unit)
        noise = self.scale * torch.randn_like(unit) @ root.T
        return noise + self.std * torch.randn_like(unit)

    def extra_repr(self) -> str:
        """The settings."""
        return f'scale={self.scale}, std={self.std}'


def _of_width(statistics: Tensor, unit: Tensor) -> Tensor:
    if statistics.shape[-1] != unit.shape[1]:
        raise ValueError(
            f'noise: expected statistics of the width of the embeddings, {unit.shape[1]}, got '
            f'{statistics.shape[-1]}; they are of another space.'
        )
    return statistics
