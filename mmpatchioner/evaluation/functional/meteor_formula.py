"""METEOR 1.5 from the statistics that its aligner counts (Denkowski and Lavie, WMT 2014, section 2).

The statistics of a segment are 23 numbers, in the order of METEOR's own output: length of hypothesis and reference (0,
1), their function words (2, 3); for each of the matchers exact, stem, synonym, paraphrase the matched content words of
hypothesis and reference and the matched function words of hypothesis and reference (4 to 19); chunks (20), matched
words of the hypothesis (21) and of the reference (22).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

NUM_STATISTICS = 23

# The parameters that METEOR 1.5 ships for English.
_ALPHA, _BETA, _GAMMA, _DELTA = 0.85, 0.2, 0.6, 0.75
_MATCHER_WEIGHTS = np.array([1.0, 0.6, 0.8, 0.6])
_CHUNKS = 20


def segment_meteor(statistics: ArrayLike) -> NDArray[np.float64]:
    """Scores of segments.

    Args:
        statistics: (S, 23) numbers of the aligner.

    Returns:
        (S,) scores between 0 and 1.

    Raises:
        ValueError: if the statistics have another shape.

    Example:
        A hypothesis of three words that are all in the reference, of four words, in one piece:

        >>> stats = [3, 4, 1, 1] + [2, 2, 1, 1] + [0] * 12 + [1, 3, 3]
        >>> segment_meteor([stats]).round(4).tolist()
        [0.3799]
    """
    stats = _checked(statistics)
    lengths, function_words, matches = stats[:, :2], stats[:, 2:4], stats[:, 4:20].reshape(-1, 4, 4)
    # (S, 4, 2): of each matcher, for hypothesis and reference
    weighted = _DELTA * matches[:, :, :2] + (1 - _DELTA) * matches[:, :, 2:]
    found = np.einsum('m,smh->sh', _MATCHER_WEIGHTS, weighted)
    present = _DELTA * (lengths - function_words) + (1 - _DELTA) * function_words
    precision, recall = _divide(found, present).T
    both = (precision > 0) & (recall > 0)
    inverse = _divide(1 - _ALPHA, precision) + _divide(_ALPHA, recall)
    f_mean = np.where(both, _divide(1.0, inverse), 0.0)

    chunks = np.where(_is_perfect(stats), 0.0, stats[:, _CHUNKS])
    fragmentation = _divide(chunks, stats[:, 21:].sum(axis=1) / 2)
    return f_mean * (1 - _GAMMA * fragmentation**_BETA)


def corpus_meteor(statistics: ArrayLike) -> float:
    """Score of a corpus: that of the sum of all statistics, not the mean of the segments' scores.

    A segment whose words all match in one piece adds no chunk, as in METEOR's own aggregation.

    Args:
        statistics: (S, 23) numbers of the aligner, one row per segment.

    Returns:
        The score between 0 and 1; 0 for no segments.

    Raises:
        ValueError: if the statistics have another shape.
    """
    stats = _checked(statistics)
    total = stats.sum(axis=0)
    total[_CHUNKS] -= stats[_is_perfect(stats), _CHUNKS].sum()
    return float(segment_meteor(total[None])[0])


def _is_perfect(stats: NDArray[np.float64]) -> NDArray[np.bool_]:
    whole = (stats[:, 21:] == stats[:, :2]).all(axis=1)
    return whole & (stats[:, _CHUNKS] == 1)


def _divide(numerator: ArrayLike, denominator: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quotients, 0 where the denominator is 0."""
    out = np.zeros(np.broadcast_shapes(np.shape(numerator), denominator.shape))
    return np.divide(numerator, denominator, out=out, where=denominator != 0)


def _checked(statistics: ArrayLike) -> NDArray[np.float64]:
    stats = np.asarray(statistics, dtype=np.float64)
    if stats.size == 0:
        stats = stats.reshape(0, NUM_STATISTICS)
    if stats.ndim != 2 or stats.shape[1] != NUM_STATISTICS:
        raise ValueError(f'statistics: expected shape (S, {NUM_STATISTICS}), got {stats.shape}.')
    return stats
