"""CLIP-S, RefCLIP-S, PAC-S and RefPAC-S from features: the arithmetic, without a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

CLIP_WEIGHT = 2.5
PAC_WEIGHT = 2.0


def clip_score(images: Any, candidates: Any, weight: float = CLIP_WEIGHT) -> np.ndarray:
    """CLIPScore of every caption: ``weight * max(cos(image, candidate), 0)`` (arXiv 2104.08718, equation 1).

    Args:
        images: (n, D) image features of any length.
        candidates: (n, D) text features of the captions.
        weight: 2.5 is published.

    Returns:
        (n,) float64; the score of a corpus is their mean.

    Raises:
        ValueError: if the features are of other shapes, not finite, or zero.

    Example:
        >>> clip_score([[2.0, 0.0]], [[3.0, 4.0]]).round(6).tolist()
        [1.5]
    """
    image_rows, rows = _unit_rows('images', images), _unit_rows('candidates', candidates)
    if image_rows.shape != rows.shape:
        raise ValueError(
            f'images: expected features {rows.shape}, one row for each candidate, got {image_rows.shape}.'
        )
    return weight * (image_rows * rows).sum(axis=1).clip(min=0)


def reference_similarity(candidates: Any, references: Sequence[Any]) -> np.ndarray:
    """Similarity of every caption to its nearest reference: ``max_r cos(candidate, r)``.

    Args:
        candidates: (n, D) text features of the captions.
        references: For each of them (K, D), K at least 1.

    Returns:
        (n,) float64 in [-1, 1].

    Raises:
        ValueError: if the features are of other shapes, not finite, or zero, or a caption has no reference.
    """
    rows = _unit_rows('candidates', candidates)
    counts = [len(group) for group in references]
    if len(counts) != len(rows):
        raise ValueError(
            f'references: expected those of {len(rows)} candidates, got those of {len(counts)}.'
        )
    if not counts:
        return np.zeros(0)
    if 0 in counts:
        raise ValueError(f'references[{counts.index(0)}]: expected at least one, got none.')
    reference_rows = _unit_rows('references', np.concatenate([np.asarray(g) for g in references]))
    if reference_rows.shape[1] != rows.shape[1]:
        raise ValueError(
            f'references: expected features of {rows.shape[1]} dimensions, as the candidates, '
            f'got {reference_rows.shape[1]}.'
        )
    similarities = (np.repeat(rows, counts, axis=0) * reference_rows).sum(axis=1)
    return np.maximum.reduceat(similarities, np.cumsum([0, *counts[:-1]]))


def ref_clip_score(
    images: Any, candidates: Any, references: Sequence[Any], weight: float = CLIP_WEIGHT
) -> np.ndarray:
    """RefCLIPScore: harmonic mean of CLIPScore and the similarity to the nearest reference (arXiv 2104.08718, eq. 2).

    A negative similarity counts as 0, and so does the mean of two zeros.

    Args:
        images: (n, D) image features.
        candidates: (n, D) text features of the captions.
        references: For each of them (K, D) text features.
        weight: Of CLIPScore.

    Returns:
        (n,) float64.

    Raises:
        ValueError: see :func:`clip_score` and :func:`reference_similarity`.
    """
    return _harmonic_mean(
        clip_score(images, candidates, weight), reference_similarity(candidates, references)
    )


def pac_score(images: Any, candidates: Any, weight: float = PAC_WEIGHT) -> np.ndarray:
    """PAC-S: CLIPScore's formula on features of the PAC-S weights (arXiv 2303.12112).

    Args:
        images: (n, D) image features.
        candidates: (n, D) text features of the captions.
        weight: 2.0 is published.

    Returns:
        (n,) float64.

    Raises:
        ValueError: see :func:`clip_score`.
    """
    return clip_score(images, candidates, weight)


def ref_pac_score(
    candidates: Any,
    references: Sequence[Any],
    images: Any = None,
    mode: Literal['text', 'harmonic'] = 'text',
    weight: float = PAC_WEIGHT,
) -> np.ndarray:
    """RefPAC-S, in either of the senses in which it is reported.

    Args:
        candidates: (n, D) text features of the captions.
        references: For each of them (K, D) text features.
        images: (n, D) image features, for ``'harmonic'``.
        mode: ``'text'`` is what arXiv 2510.02898 reports: the similarity to the nearest reference alone, without image,
            weight or clipping. ``'harmonic'`` is that of the authors of PAC-S: the harmonic mean with PAC-S.
        weight: Of PAC-S.

    Returns:
        (n,) float64.

    Raises:
        ValueError: if the mode is unknown or lacks images; see also :func:`clip_score`.
    """
    if mode == 'text':
        return reference_similarity(candidates, references)
    if mode != 'harmonic':
        raise ValueError(f"mode: expected 'text' or 'harmonic', got {mode!r}.")
    if images is None:
        raise ValueError(
            "images: mode='harmonic' expects image features, got None; or mode='text'."
        )
    return ref_clip_score(images, candidates, references, weight)


def _harmonic_mean(scores: np.ndarray, similarities: np.ndarray) -> np.ndarray:
    similarities = similarities.clip(min=0)
    total = scores + similarities
    product = 2 * scores * similarities
    return np.divide(product, total, out=np.zeros_like(total), where=total > 0)


def _unit_rows(name: str, features: Any) -> np.ndarray:
    """Features (n, D) at unit length, float64."""
    rows = np.asarray(features, dtype=np.float64)
    if rows.ndim != 2:
        raise ValueError(f'{name}: expected features (n, D), got {rows.shape}.')
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    bad = np.flatnonzero(~(np.isfinite(lengths) & (lengths > 0)))
    if len(bad):
        raise ValueError(
            f'{name}: expected finite features other than zero, got {lengths[bad[0], 0]} as the length of row {bad[0]}.'
        )
    return rows / lengths
