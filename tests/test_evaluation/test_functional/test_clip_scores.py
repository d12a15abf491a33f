import numpy as np
import pytest

from mmpatchioner.evaluation.functional.clip_scores import (
    clip_score,
    pac_score,
    ref_clip_score,
    ref_pac_score,
    reference_similarity,
)

RNG = np.random.default_rng(0)
IMAGES, CANDIDATES = RNG.normal(size=(6, 8)), RNG.normal(size=(6, 8))
REFERENCES = [RNG.normal(size=(count, 8)) for count in (1, 3, 2, 5, 1, 2)]


def cos(a, b) -> float:
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def nearest(row) -> float:
    return max(cos(CANDIDATES[row], reference) for reference in REFERENCES[row])


@pytest.mark.parametrize(('score', 'weight'), [(clip_score, 2.5), (pac_score, 2.0)])
def test_clip_and_pac_scores_are_weighted_and_clipped_cosines(score, weight):
    plain = [cos(image, text) for image, text in zip(IMAGES, CANDIDATES, strict=True)]
    assert min(plain) < 0 < max(plain)
    expected = [weight * max(value, 0) for value in plain]
    np.testing.assert_allclose(score(IMAGES, CANDIDATES), expected, atol=1e-12)
    np.testing.assert_allclose(score(3 * IMAGES, CANDIDATES / 7), expected, atol=1e-12)


def test_the_papers_ref_pac_score_is_the_text_term_alone():
    expected = [nearest(row) for row in range(6)]
    assert min(expected) < 0  # neither clipped nor weighted
    np.testing.assert_allclose(reference_similarity(CANDIDATES, REFERENCES), expected, atol=1e-12)
    np.testing.assert_allclose(ref_pac_score(CANDIDATES, REFERENCES), expected, atol=1e-12)


@pytest.mark.parametrize('weight', [2.0, 2.5])
def test_the_harmonic_means(weight):
    if weight == 2.5:
        scores = ref_clip_score(IMAGES, CANDIDATES, REFERENCES)
    else:
        scores = ref_pac_score(CANDIDATES, REFERENCES, IMAGES, mode='harmonic')
    for row in range(6):
        a = weight * max(cos(IMAGES[row], CANDIDATES[row]), 0)
        b = max(nearest(row), 0)
        expected = 2 * a * b / (a + b) if a + b else 0.0
        assert scores[row] == pytest.approx(expected, abs=1e-12)
    assert (scores == 0).any() and (scores > 0).any()


def test_known_values():
    assert clip_score([[1, 0]], [[1, 0]]) == [2.5]
    assert pac_score([[1, 0]], [[1, 0]]) == [2.0]
    assert ref_clip_score([[1, 0]], [[1, 0]], [[[2, 0], [0, 1]]])[0] == pytest.approx(5 / 3.5)
    opposite = ref_clip_score([[1, 0]], [[-1, 0]], [[[1, 0]]])
    assert opposite == [0.0]


def test_no_captions_are_legal():
    assert clip_score(np.zeros((0, 4)), np.zeros((0, 4))).shape == (0,)
    assert ref_pac_score(np.zeros((0, 4)), []).shape == (0,)


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (lambda: clip_score(IMAGES[:5], CANDIDATES), 'images: expected features'),
        (lambda: clip_score(IMAGES[0], CANDIDATES), r'images: expected features \(n, D\)'),
        (lambda: clip_score(IMAGES * np.nan, CANDIDATES), 'images: expected finite'),
        (lambda: clip_score(IMAGES, CANDIDATES * 0), 'candidates: expected finite .* row 0'),
        (
            lambda: ref_pac_score(CANDIDATES, REFERENCES[:5]),
            'those of 6 candidates, got those of 5',
        ),
        (
            lambda: ref_pac_score(CANDIDATES[:2], [REFERENCES[0], np.zeros((0, 8))]),
            r'references\[1\]: expected at least one',
        ),
        (lambda: ref_pac_score(CANDIDATES[:1], [np.ones((1, 4))]), 'of 8 dimensions'),
        (lambda: ref_pac_score(CANDIDATES, REFERENCES, mode='harmonic'), 'expects image features'),
        (lambda: ref_pac_score(CANDIDATES, REFERENCES, mode='mean'), 'mode: expected'),
    ],
)
def test_unfit_features_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
