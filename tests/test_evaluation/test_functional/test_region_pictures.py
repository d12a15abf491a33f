import io

import numpy as np
import pytest
from PIL import Image

from mmpatchioner.evaluation.functional.region_pictures import (
    cut_out,
    through_jpeg,
    with_boxes,
    with_trace,
)

WIDTH, HEIGHT = 60, 40


def grey() -> Image.Image:
    return Image.new('RGB', (WIDTH, HEIGHT), (100, 100, 100))


def noise() -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def test_boxes_are_red_rectangles_two_pixels_wide():
    picture = grey()
    pixels = np.array(with_boxes(picture, [(10, 5, 30, 25), (40, 20, 50, 30)]))
    red = (pixels == (255, 0, 0)).all(axis=2)
    expected = np.zeros((HEIGHT, WIDTH), dtype=bool)
    for x1, y1, x2, y2 in [(10, 5, 30, 25), (40, 20, 50, 30)]:
        expected[y1 : y2 + 1, x1 : x2 + 1] = True
        expected[y1 + 2 : y2 - 1, x1 + 2 : x2 - 1] = False
    np.testing.assert_array_equal(red, expected)
    assert (pixels[~red] == 100).all()
    assert (np.array(picture) == 100).all()  # the caller's picture


def test_a_trace_is_dots_that_let_the_image_through():
    pixels = np.array(with_trace(grey(), [(0.5, 0.5), (0.51, 0.5), (1.2, 0.5), (0.2, -0.1)]))
    changed = (pixels != 100).any(axis=2)
    rows, columns = changed.nonzero()
    # int(0.5 * 60) = int(0.51 * 60) = 30: the same dot twice, no darker; the points outside are left out.
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == (27, 33, 17, 23)
    share = 122 / 255
    expected = [100 + share * 155, 100 - share * 100, 100 - share * 100]
    np.testing.assert_allclose(pixels[20, 30], expected, atol=1)
    assert not changed[17, 27]  # round
    assert 29 <= changed.sum() <= 45


def test_points_on_the_far_border_are_drawn():
    pixels = np.array(with_trace(grey(), [(1, 1)]))
    assert (pixels[-1, -1] != 100).any() and (pixels[: HEIGHT - 3] == 100).all()


def test_a_region_is_cut_out_within_the_image():
    picture = noise()
    pixels = np.array(picture)
    np.testing.assert_array_equal(np.array(cut_out(picture, (10, 5, 30, 25))), pixels[5:25, 10:30])
    inside = cut_out(picture, (-7.2, 30.4, 20.6, 90))
    np.testing.assert_array_equal(np.array(inside), pixels[30:, :21])
    assert cut_out(picture, (60, 40, 60, 40)).size == (1, 1)
    assert cut_out(picture, (10, 10, 10, 20)).size == (1, 10)


def test_jpeg_is_that_of_the_default_quality():
    picture = noise()
    buffer = io.BytesIO()
    picture.save(buffer, 'JPEG')
    expected = np.array(Image.open(buffer))
    np.testing.assert_array_equal(np.array(through_jpeg(picture)), expected)
    assert (expected != np.array(picture)).any()


def test_other_modes_of_pictures_are_legal():
    picture = Image.new('L', (WIDTH, HEIGHT), 100)
    for drawn in (
        with_boxes(picture, [(1, 1, 5, 5)]),
        with_trace(picture, [(0.5, 0.5)]),
        cut_out(picture, (1, 1, 5, 5)),
        through_jpeg(picture),
    ):
        assert drawn.mode == 'RGB'


@pytest.mark.parametrize('box', [(5, 5, 1, 9), (1, 9, 5, 5), (1, float('nan'), 5, 5)])
def test_what_is_no_box_is_refused(box):
    for draw in (lambda: with_boxes(grey(), [box]), lambda: cut_out(grey(), box)):
        with pytest.raises(ValueError, match='expected xyxy'):
            draw()
