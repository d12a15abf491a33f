"""Boxes and phrases of Visual Genome in the frame of the original evaluation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpatchioner.evaluation.functional.densecap_lua_data import (
    corners_of_centres,
    lua_boxes,
    lua_ground_truth,
    lua_predictions,
)
from mmpatchioner.evaluation.functional.densecap_matching import match_image


def literal_box(x, y, w, h, height, width):
    def rounded(value):
        return math.copysign(math.floor(abs(value)) + (abs(value) % 1 >= 0.5), value)

    scale = 720 / max(height, width)
    x, y = rounded(scale * (x - 1) + 1), rounded(scale * (y - 1) + 1)
    w, h = rounded(scale * w), rounded(scale * h)
    x, y = max(x, 1), max(y, 1)
    x, y = min(x, 719), min(y, 719)
    if x + w > 720:
        w = 720 - x
    if y + h > 720:
        h = 720 - y
    return [int(x + w // 2), int(y + h // 2), int(w), int(h)]


@given(
    st.lists(
        st.tuples(*2 * [st.integers(-50, 1300)], *2 * [st.integers(0, 1300)]),
        min_size=1,
        max_size=5,
    ),
    st.integers(1, 1280),
    st.integers(1, 1280),
)
def test_boxes_are_as_defined(boxes, height, width):
    expected = [literal_box(*box, height, width) for box in boxes]
    assert lua_boxes(boxes, height, width).tolist() == expected


@pytest.mark.parametrize(
    ('box', 'expected'),
    [
        ((1, 1, 720, 540), (360, 271, 719, 540)),  # the whole image loses its last column
        ((-5, 0, 10, 20), (6, 11, 10, 20)),  # moved in, not cut
        ((900, 10, 30, 10), (719, 15, 1, 10)),
        ((715, 10, 30, 10), (717, 15, 5, 10)),
        ((10, 500, 10, 100), (15, 550, 10, 100)),  # below the image, but within 720
        ((10, 10, 0, 5), (10, 12, 0, 5)),
    ],
)
def test_boxes_at_the_border(box, expected):
    assert lua_boxes([box], height=540, width=720).tolist() == [list(expected)]


@pytest.mark.parametrize(('x', 'expected'), [(2, 2), (4, 3), (6, 4)])
def test_halves_are_rounded_up(x, expected):
    """Scale 1/2: 1.5, 2.5 and 3.5 go up, not to the even number."""
    assert lua_boxes([(x, 1, 0, 0)], height=1440, width=10)[0, 0] == expected


def test_even_sizes_lie_half_a_pixel_further():
    assert corners_of_centres([[5, 5, 3, 4]]).tolist() == [[4.0, 3.5, 6.0, 6.5]]


@given(st.lists(st.integers(1, 16), min_size=1, max_size=6))
def test_long_captions_are_dropped_with_their_region(lengths):
    boxes = [(10 * index + 1, 1, 8, 8) for index in range(len(lengths))]
    kept, captions = lua_ground_truth(boxes, ['Word! ' * n for n in lengths], 720, 720)
    assert captions == [' '.join(['word'] * n) for n in lengths if n <= 15]
    expected = [box for box, n in zip(boxes, lengths, strict=True) if n <= 15]
    assert np.array_equal(kept, corners_of_centres(lua_boxes(expected, 720, 720)))


def test_words_are_counted_after_cleaning():
    _, captions = lua_ground_truth([(1, 1, 5, 5)], ['a - b ' * 7 + 'c'], 100, 100)
    assert captions == ['a b ' * 7 + 'c']


def test_rare_words_are_unknown():
    _, captions = lua_ground_truth(
        [(1, 1, 5, 5)], ['The zyzzyva sits.'], 100, 100, vocabulary={'the', 'sits'}
    )
    assert captions == ['the <UNK> sits']


@given(
    st.lists(
        st.tuples(*2 * [st.integers(1, 300)], *2 * [st.integers(10, 200)]), min_size=1, max_size=5
    )
)
def test_predictions_lie_on_the_annotations_they_copy(boxes):
    """Rounding, clamping and the pixel that is counted from 1 or 0 move a box by less than two pixels."""
    truth, _ = lua_ground_truth(boxes, ['x'] * len(boxes), height=500, width=400)
    corners = [(x - 1, y - 1, x - 1 + w, y - 1 + h) for x, y, w, h in boxes]
    inside = [x + w <= 500 and y + h <= 500 for x, y, w, h in boxes]
    copies = lua_predictions(corners, height=500, width=400)
    assert np.abs(copies - truth)[inside].max(initial=0) <= 2


def test_prepared_regions_can_be_matched():
    truth, captions = lua_ground_truth([(11, 21, 100, 80)], ['A Dog.'], 480, 640)
    matched = match_image(
        lua_predictions([(10, 20, 110, 100)], 480, 640), [0.9], ['a dog'], truth, captions, 'lua'
    )
    assert matched.can_count(0.7).all()
    assert matched.meteor_pairs() == [('a dog', ['a dog'])]


def test_nothing_is_nothing():
    boxes, captions = lua_ground_truth([], [], 480, 640)
    assert (boxes.shape, captions) == ((0, 4), [])
    assert lua_predictions([], 480, 640).shape == (0, 4)


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (
            lambda: lua_boxes([(1, 1, -5, 5)], 10, 10),
            r'sizes of 0 or more, got \[1\.0, 1\.0, -5\.0',
        ),
        (lambda: lua_boxes([(1, 1, 5, 5)], 0, 10), 'height, width: expected the size .* 0 x 10'),
        (lambda: lua_predictions([(1, 1, 5)], 10, 10), r'boxes: expected boxes as \(N, 4\)'),
        (lambda: lua_ground_truth([(1, 1, 5, 5)], [], 10, 10), 'phrases: expected one for each'),
    ],
)
def test_wrong_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
