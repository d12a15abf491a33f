"""Boxes that are not what they are taken for, and those that are only unusual."""

from __future__ import annotations

import numpy as np
import pytest

from mmpatchioner.datasets.annotations.boxes import BoxFormatError, check_box_format

SIZE = (640, 480)


def real_boxes(count=200, seed=0):
    """Boxes as people draw them: small ones and large ones, anywhere in the image."""
    rng = np.random.default_rng(seed)
    size = np.array(SIZE)
    sides = rng.beta(1, 3, (count, 2)) * size + 4
    first = rng.random((count, 2)) * np.maximum(size - sides, 0)
    return np.hstack([first, np.minimum(first + sides, size)])


def check(boxes, size=SIZE):
    check_box_format([[tuple(box) for box in boxes.tolist()]], [size], 'a.json')


MISTAKES = {
    'xywh': lambda boxes: np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]]),
    'shares': lambda boxes: boxes / np.tile(SIZE, 2),
    'longest side is 720': lambda boxes: boxes * 720 / 640,
    'thousandths': lambda boxes: boxes / np.tile(SIZE, 2) * 1000,
    'and not': lambda boxes: np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]]),
}


def test_real_boxes_pass():
    for seed in range(20):
        check(real_boxes(seed=seed))
        check(real_boxes(seed=seed), (None, None))


@pytest.mark.parametrize('kind', MISTAKES)
def test_mistakes_are_refused_and_named(kind):
    hint = '[x, y, width, height]' if kind == 'xywh' else kind
    with pytest.raises(BoxFormatError) as caught:
        check(MISTAKES[kind](real_boxes()))
    assert hint in str(caught.value)


def test_sizes_need_not_be_known():
    for kind in ('xywh', 'shares'):
        with pytest.raises(BoxFormatError):
            check(MISTAKES[kind](real_boxes()), (None, None))


def test_some_bad_boxes_are_no_reason():
    boxes = real_boxes()
    boxes[:30] = boxes[:30, [2, 3, 0, 1]]  # inverted
    boxes[30:60, 2:] += 5  # over the border here and there
    check(boxes)
    check(np.array([[10, 10, 50, 60], [30, 30, 20, 20], [0.0, 0, 9, 9]]))  # one of three


def test_nothing_to_check():
    check_box_format([[], []], [SIZE, (None, None)], 'a.json')
