"""How far images and texts lie apart in a space that they are meant to share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float64]
_RIDGE = 1e-3  # of the mean variance, so that more dimensions than vectors are no trouble


@dataclass(frozen=True)
class ModalityGap:
    """The gap between two clouds of unit vectors.

    Attributes:
        distance: Between their means (Liang et al., arXiv 2203.02053); 0 is no gap, 2 is the largest.
        nearest_cosine: Mean cosine of an image and the text nearest to it.
        text_cosine: Mean cosine of a text and the other text nearest to it, which the one above would reach if images
            lay among the texts.
        separability: Share of held-out vectors whose modality a linear classifier tells; 0.5 is chance.
    """

    distance: float
    nearest_cosine: float
    text_cosine: float
    separability: float


def modality_gap(images: Vectors, texts: Vectors) -> ModalityGap:
    """Measure the gap between images and texts.

    Args:
        images: (I, D) vectors of any length but zero, at least four.
        texts: (T, D) likewise.

    Raises:
        ValueError: if the widths differ, there are too few, or a vector is zero or not finite.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> cloud = rng.normal(size=(400, 8))
        >>> apart = modality_gap(cloud[:200] + [9, 0, 0, 0, 0, 0, 0, 0], cloud[200:])
        >>> together = modality_gap(cloud[:200], cloud[200:])
        >>> bool(apart.distance > together.distance), bool(apart.separability > together.separability)
        (True, True)
    """
    images, texts = _unit(images, 'images'), _unit(texts, 'texts')
    if images.shape[1] != texts.shape[1]:
        raise ValueError(
            f'images and texts: expected one width, got {images.shape[1]} and {texts.shape[1]}; they are of '
            'different spaces.'
        )
    among_texts = texts @ texts.T
    np.fill_diagonal(among_texts, -np.inf)
    return ModalityGap(
        distance=float(np.linalg.norm(images.mean(axis=0) - texts.mean(axis=0))),
        nearest_cosine=float((images @ texts.T).max(axis=1).mean()),
        text_cosine=float(among_texts.max(axis=1).mean()),
        separability=_separability(images, texts),
    )


def principal_plane(vectors: Vectors) -> tuple[Vectors, Vectors]:
    """The plane in which unit vectors differ most.

    Args:
        vectors: (N, D).

    Returns:
        Their mean (D,) and two axes (D, 2); ``(v - mean) @ axes`` are coordinates in the plane.
    """
    unit = _unit(vectors, 'vectors')
    mean = unit.mean(axis=0)
    _, _, axes = np.linalg.svd(unit - mean, full_matrices=False)
    return mean, axes[:2].T


def _separability(images: Vectors, texts: Vectors) -> float:
    """Balanced accuracy of Fisher's linear discriminant, fitted on every second vector, on the others."""
    fit_images, fit_texts = images[::2], texts[::2]
    centred = np.concatenate([part - part.mean(axis=0) for part in (fit_images, fit_texts)])
    scatter = centred.T @ centred / len(centred)
    scatter += _RIDGE * np.trace(scatter) / len(scatter) * np.eye(len(scatter))
    difference = fit_images.mean(axis=0) - fit_texts.mean(axis=0)
    direction = np.linalg.solve(scatter, difference)
    border = direction @ (fit_images.mean(axis=0) + fit_texts.mean(axis=0)) / 2
    right = [(images[1::2] @ direction > border).mean(), (texts[1::2] @ direction < border).mean()]
    return float(np.mean(right))


def _unit(vectors: Vectors, name: str) -> Vectors:
    array = np.asarray(vectors, dtype=np.float64)
    if array.ndim != 2 or len(array) < 4:
        raise ValueError(f'{name}: expected at least four vectors (N, D), got {array.shape}.')
    norms = np.linalg.norm(array, axis=1, keepdims=True)
    if not np.isfinite(norms).all() or not norms.all():
        raise ValueError(f'{name}: expected finite vectors other than zero.')
    return array / norms
