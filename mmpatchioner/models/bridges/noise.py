"""Noise that makes a decoder trained on text tolerant of image vectors."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def add_noise(unit_embeddings: Tensor, std: float) -> Tensor:
    """Add Gaussian noise to unit vectors and bring them back to unit length (CapDec, arXiv 2211.00575).

    Args:
        unit_embeddings: (B, D) unit vectors.
        std: Standard deviation in every dimension; the noise has a length of about ``std * sqrt(D)``. The published
            CapDec-like model uses 0.08, ViECap sqrt(0.016). 0 changes nothing.

    Returns:
        (B, D) unit vectors; the argument is not changed.

    Raises:
        ValueError: if ``std`` is negative.

    Example:
        >>> noisy = add_noise(torch.eye(3), std=0.5)
        >>> torch.allclose(noisy.norm(dim=1), torch.ones(3))
        True
    """
    if std < 0:
        raise ValueError(f'noise std: expected 0 or more, got {std}.')
    if std == 0:
        return unit_embeddings
    return F.normalize(unit_embeddings + std * torch.randn_like(unit_embeddings), dim=-1)
