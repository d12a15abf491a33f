"""The gap between clouds of vectors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpatchioner.evaluation.functional.modality_gap import modality_gap, principal_plane


def cloud(seed, count=300, dims=6, shift=0.0):
    vectors = np.random.default_rng(seed).normal(size=(count, dims))
    vectors[:, 0] += shift
    return vectors


def test_one_cloud_has_no_gap():
    gap = modality_gap(cloud(0), cloud(1))
    assert gap.distance < 0.2
    assert 0.4 < gap.separability < 0.6
    assert gap.nearest_cosine == pytest.approx(gap.text_cosine, abs=0.03)


def test_clouds_apart_are_told_apart():
    gap = modality_gap(cloud(0, shift=8), cloud(1, shift=-8))
    assert gap.distance > 1.5
    assert gap.separability == 1.0
    assert gap.nearest_cosine < 0 < gap.text_cosine


@given(st.integers(0, 99), st.floats(0.01, 100), st.floats(0, 5))
def test_lengths_do_not_matter(seed, length, shift):
    images, texts = cloud(seed, 20, shift=shift), cloud(seed + 100, 20)
    short, long = modality_gap(images, texts), modality_gap(images * length, texts)
    assert vars(long) == pytest.approx(vars(short), abs=1e-9)


def test_the_distance_is_that_of_the_means_of_unit_vectors():
    images, texts = np.eye(4), -np.eye(4)
    assert modality_gap(images, texts).distance == pytest.approx(1.0)  # (1/4, ...) and its negative


def test_more_dimensions_than_vectors_are_no_trouble():
    gap = modality_gap(cloud(0, 10, 50), cloud(1, 10, 50))
    assert np.isfinite(list(vars(gap).values())).all()


@pytest.mark.parametrize(
    ('images', 'texts', 'message'),
    [
        (cloud(0, 3), cloud(1), 'images: expected at least four'),
        (cloud(0), cloud(1, dims=5), 'expected one width, got 6 and 5'),
        (cloud(0) * 0, cloud(1), 'other than zero'),
        (cloud(0), cloud(1) * np.nan, 'texts: expected finite'),
    ],
)
def test_what_has_no_gap_is_refused(images, texts, message):
    with pytest.raises(ValueError, match=message):
        modality_gap(images, texts)


def test_the_plane_is_that_of_most_variance():
    vectors = cloud(0) * [5, 0.1, 4, 0.1, 0.1, 0.1]
    mean, axes = principal_plane(vectors)
    assert mean.shape == (6,)
    assert axes.T @ axes == pytest.approx(np.eye(2), abs=1e-9)
    assert (axes[[0, 2]] ** 2).sum() == pytest.approx(2, abs=0.1)
