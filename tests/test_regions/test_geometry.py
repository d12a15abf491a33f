from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mmpatchioner.regions import PatchGrid
from mmpatchioner.regions.geometry import boxes_overlap, interval_overlaps, points_inside

from .strategies import coordinates, crop_grids, examples, grids, squash_grids


def test_published_grid():
    grid = PatchGrid((480, 640), (518, 518), 14)
    assert (grid.rows, grid.cols, grid.num_patches) == (37, 37, 1369)
    assert grid.window == (0, 0, 640, 480)
    assert grid == PatchGrid([480, 640], (518, 518), 14)
    assert hash(grid) == hash(PatchGrid((480, 640), (518, 518), 14))


@pytest.mark.parametrize(
    ('ori_size', 'resized', 'offset'),
    [
        ((480, 640), (518, 690), (0, 86)),
        ((640, 480), (690, 518), (86, 0)),
        ((375, 500), (518, 690), (0, 86)),
        ((333, 500), (518, 777), (0, 130)),  # (777 - 518) / 2 = 129.5 rounds to even
        ((500, 334), (775, 518), (128, 0)),  # 128.5 rounds to even
        ((518, 518), (518, 518), (0, 0)),
        ((1, 3), (518, 1554), (0, 518)),
    ],
)
def test_centre_crop_sizes(ori_size, resized, offset):
    grid = PatchGrid(ori_size, (518, 518), 14, 'center_crop')
    assert (grid.resized_size, grid.crop_offset) == (resized, offset)


def test_centre_crop_maps_where_the_pixels_go():
    # 640 x 480: the box (0, 0, 100, 100) loses 86 of its 107.8 network pixels on the left.
    grid = PatchGrid((480, 640), (518, 518), 14, 'center_crop')
    x1, y1, x2, y2 = (grid.boxes_to_grid([[0, 0, 100, 100]])[0] * 14).tolist()
    assert (x1, y1) == (-86, 0)
    assert x2 == pytest.approx(100 * 690 / 640 - 86)
    assert y2 == pytest.approx(100 * 518 / 480)


@examples
@given(grid=squash_grids() | crop_grids())
def test_points_follow_pillow(grid):
    """The colour of every pixel is its own position; after Pillow's resize and crop it tells where it came from."""
    height, width = grid.ori_size
    (new_h, new_w), (top, left) = grid.resized_size, grid.crop_offset
    input_h, input_w = grid.input_size
    positions = []
    for image in np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5):
        picture = Image.fromarray(image.astype(np.float32)).resize((new_w, new_h), Image.BILINEAR)
        picture = picture.crop((left, top, left + input_w, top + input_h))
        assert picture.size == (input_w, input_h)
        positions.append(np.asarray(picture, dtype=np.float64))
    # A filter that reaches over the border of the image does not keep a position: leave those out.
    reach_x, reach_y = max(1, width / new_w) + 1, max(1, height / new_h) + 1
    x, y = positions
    inside = (reach_x < x) & (x < width - reach_x) & (reach_y < y) & (y < height - reach_y)
    cells = grid.points_to_grid(np.stack([x[inside], y[inside]], axis=1)) * grid.patch_size
    rows, cols = np.nonzero(inside)
    expected = np.stack([cols, rows], axis=1) + 0.5
    np.testing.assert_allclose(cells.numpy(), expected, atol=0.1)


@examples
@given(grid=squash_grids(), data=st.data())
def test_pixel_borders_on_patch_borders_are_exact(grid, data):
    col = data.draw(st.integers(0, grid.cols))
    x = Fraction(col * grid.ori_size[1], grid.cols)
    if x.denominator == 1:
        assert grid.points_to_grid([[int(x), 0]])[0, 0].item() == col


@examples
@given(grid=grids)
def test_patch_boxes_are_the_inverse_of_boxes_to_grid(grid):
    boxes = grid.patch_boxes()
    assert boxes.shape == (grid.num_patches, 4)
    rows, cols = np.divmod(np.arange(grid.num_patches), grid.cols)
    expected = np.stack([cols, rows, cols + 1, rows + 1], axis=1)
    np.testing.assert_allclose(grid.boxes_to_grid(boxes).numpy(), expected, atol=1e-9)


@examples
@given(grid=grids, seed=st.integers(0, 2**32 - 1))
def test_masks_to_grid_measures_the_area(grid, seed):
    height, width = grid.ori_size
    masks = torch.from_numpy(np.random.default_rng(seed).random((2, height, width)) < 0.4)
    fractions = grid.masks_to_grid(masks)
    assert fractions.shape == (2, grid.rows, grid.cols)
    expected = _covered_by_brute_force(masks[0].numpy(), grid)
    np.testing.assert_allclose(fractions[0].numpy(), expected, atol=1e-4)
    total = grid.masks_to_grid(torch.ones(1, height, width, dtype=torch.bool))
    np.testing.assert_allclose(total.numpy(), 1, atol=1e-4)


def _covered_by_brute_force(mask, grid):
    """Every image pixel is cut by the borders of all patches, in exact arithmetic."""
    covered = np.zeros((grid.rows, grid.cols))
    spans = []
    for axis, count in enumerate((grid.rows, grid.cols)):
        scale = Fraction(grid.resized_size[axis], grid.ori_size[axis]) / grid.patch_size
        shift = Fraction(grid.crop_offset[axis], grid.patch_size)
        shares = {}
        for pixel in range(grid.ori_size[axis]):
            low, high = pixel * scale - shift, (pixel + 1) * scale - shift
            for cell in range(max(0, int(low)), min(count, int(high) + 1)):
                shared = min(high, cell + 1) - max(low, cell)
                if shared > 0:
                    shares[pixel, cell] = float(shared)
        spans.append(shares)
    for (y, row), share_y in spans[0].items():
        for (x, col), share_x in spans[1].items():
            covered[row, col] += mask[y, x] * share_y * share_x
    return covered


def test_masks_of_another_size_are_refused():
    grid = PatchGrid((4, 6), (28, 28), 14)
    with pytest.raises(ValueError, match=r'expected \(R, 4, 6\).*got \(1, 6, 4\)'):
        grid.masks_to_grid(torch.ones(1, 6, 4, dtype=torch.bool))


@examples
@given(grid=grids, data=st.data())
def test_points_as_list_array_and_tensor(grid, data):
    points = data.draw(
        st.lists(st.tuples(coordinates(-50, 150), coordinates(-50, 150)), max_size=5)
    )
    expected = grid.points_to_grid([list(point) for point in points])
    assert expected.dtype == torch.float64
    for given_as in (np.array(points), torch.tensor(points, dtype=torch.float64)):
        assert torch.equal(grid.points_to_grid(given_as), expected)


def test_nothing_maps_to_nothing():
    grid = PatchGrid((4, 6), (28, 28), 14)
    assert grid.boxes_to_grid([]).shape == (0, 4)
    assert grid.points_to_grid([]).shape == (0, 2)
    assert grid.masks_to_grid(torch.zeros(0, 4, 6, dtype=torch.bool)).shape == (0, 2, 2)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (((4, 6), (30, 28), 14), 'input_size: expected multiples of patch_size=14'),
        (((4, 6), (28, 28), 0), 'input_size: expected multiples of patch_size=0'),
        (((0, 6), (28, 28), 14), 'ori_size: expected .height, width.'),
        (((4, 6, 3), (28, 28), 14), 'ori_size: expected .height, width.'),
        (((4.5, 6), (28, 28), 14), 'ori_size: expected .height, width.'),
        (((4, 6), (28, 28), 14, 'pad'), "mode: expected one of .*'pad'"),
        (((4, 6), (28, 42), 14, 'center_crop'), 'center_crop expects a square input'),
    ],
)
def test_impossible_grids(arguments, message):
    with pytest.raises(ValueError, match=message):
        PatchGrid(*arguments)


def test_interval_overlaps():
    overlaps = interval_overlaps(torch.tensor([0.25, 1.0]), torch.tensor([1.5, 1.0]), 2)
    assert overlaps.tolist() == [[0.75, 0.5], [0, 0]]


def test_boxes_and_points_against_a_window():
    window = (10, 10, 20, 20)
    boxes = [
        ([0, 0, 11, 11], True),
        ([0, 0, 10, 15], False),  # shares only its border
        ([20, 12, 25, 15], False),
        ([20, 12, 20, 15], True),  # a line on the border
        ([9, 12, 9, 15], False),
        ([20.00001, 12, 20.00001, 15], True),  # on the border but for fp32 noise
        ([20.0001, 12, 20.0001, 15], False),
        ([20.00001, 12, 25, 15], False),
        ([0, 0, 50, 50], True),
    ]
    found = boxes_overlap(torch.tensor([box for box, _ in boxes]).double(), window)
    assert found.tolist() == [expected for _, expected in boxes]
    points = torch.tensor([[10, 20], [9.999, 15], [15, 20.001], [20.00001, 9.99999]]).double()
    assert points_inside(points, window).tolist() == [True, False, False, True]
