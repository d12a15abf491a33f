"""METEOR from the numbers of its aligner, against what METEOR itself printed for them."""

from __future__ import annotations

import numpy as np
import pytest

from mmpatchioner.evaluation.functional.meteor_formula import corpus_meteor, segment_meteor

# Numbers of the aligner as sent back by meteor-1.5.jar, and what it answered to EVAL with them.
RECORDED = (
    ([3, 4, 1, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 1, 2, 2], 0.2266373355229485),
    ([3, 3, 1, 1, 2, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3], 1.0),
    ([7, 8, 2, 3, 3, 3, 2, 2, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 3, 6, 6], 0.3585867490811856),
    ([5, 3, 2, 1, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 2], 0.3157894736842105),
    ([0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0.0),
    ([2, 3, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0.0),
    ([4, 3, 2, 1, 2, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 3, 3], 0.39160839160839167),
    ([9, 7, 3, 3, 3, 3, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 5, 5, 5], 0.29685534591194973),
)
CORPUS = 0.29971844326995006


def test_segments():
    statistics = [row for row, _ in RECORDED]
    expected = [score for _, score in RECORDED]
    np.testing.assert_allclose(segment_meteor(statistics), expected, rtol=0, atol=1e-15)


def test_corpus_is_that_of_the_sums_and_perfect_segments_add_no_chunks():
    statistics = np.array([row for row, _ in RECORDED], dtype=float)
    before = statistics.copy()
    assert corpus_meteor(statistics) == pytest.approx(CORPUS, abs=1e-15)
    np.testing.assert_array_equal(statistics, before)
    assert corpus_meteor(statistics) != pytest.approx(segment_meteor(statistics).mean(), abs=1e-3)


def test_nothing_scores_nothing():
    assert segment_meteor(np.zeros((2, 23))).tolist() == [0.0, 0.0]
    assert segment_meteor([]).shape == (0,)
    assert corpus_meteor([]) == 0.0
    assert corpus_meteor(np.zeros((2, 23))) == 0.0


def test_only_perfect_segments():
    perfect = [3, 3, 1, 1, 2, 2, 1, 1, *[0] * 12, 1, 3, 3]
    assert segment_meteor([perfect]).tolist() == [1.0]
    assert corpus_meteor([perfect, perfect]) == 1.0


@pytest.mark.parametrize('shape', [(23,), (2, 22), (1, 2, 23)])
def test_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r'expected shape \(S, 23\)'):
        segment_meteor(np.ones(shape))
