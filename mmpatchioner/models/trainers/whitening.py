"""Centring and partial whitening of patch features."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def fit_whitening(
    patches: np.ndarray,
    exponent: float = 0.35,
    num_images: int = 1500,
    patches_per_image: int = 40,
    seed: int = 0,
) -> tuple[Tensor, Tensor]:
    """Mean and whitening matrix of patch features, from a random part of them.

    ``whiten = U diag(ev ** -exponent) U^T`` for the eigenvectors U and eigenvalues ev of the covariance: exponent 0.5
    whitens, 0 leaves the covariance as it is, and a value between tames the few directions that all patches share
    without blowing up the noise of the small ones.

    Args:
        patches: (n, N, D) features, possibly memory-mapped.
        exponent: See above.
        num_images: Number of images to look at.
        patches_per_image: Number of patches of each.
        seed: Of the choice.

    Returns:
        Mean (D,) and symmetric matrix (D, D), fp32, for ``v -> (v - mean) @ whiten``.

    Raises:
        ValueError: if ``exponent`` is not in [0, 1], or the patches are too few or degenerate.
    """
    if not 0 <= exponent <= 1:
        raise ValueError(f'whitening.exponent: expected a number in [0, 1], got {exponent}.')
    rng = np.random.default_rng(seed)
    images = rng.choice(len(patches), min(num_images, len(patches)), replace=False)
    kept = min(patches_per_image, patches.shape[1])
    rows = [
        patches[image][rng.choice(patches.shape[1], kept, replace=False)]
        for image in np.sort(images)
    ]
    sample = np.concatenate(rows).astype(np.float64)
    dims = sample.shape[1]
    if len(sample) <= dims:
        raise ValueError(
            f'whitening: expected more than {dims} patches for a covariance of {dims} dimensions, got {len(sample)}; '
            'raise num_images or patches_per_image.'
        )
    mean = sample.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(sample - mean, rowvar=False))
    if values[0] <= values[-1] * 1e-12:
        raise ValueError(
            'whitening: the patches do not fill their space (an eigenvalue is 0); use another backbone.'
        )
    whiten = (vectors * values**-exponent) @ vectors.T
    return torch.from_numpy(mean).float(), torch.from_numpy(whiten).float()
