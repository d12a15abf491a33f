from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from mmpatchioner.regions import PatchGrid
from mmpatchioner.regions.geometry import BORDER_TOLERANCE
from mmpatchioner.regions.selection import box_patches, mask_patches, point_patches

from .strategies import boxes_over, examples, grids, pixel_boxes, points_over, squash_grids

PLAIN = PatchGrid(
    (42, 56), (42, 56), 14
)  # a pixel of the image is a pixel of the network; 3 x 4 patches


def spans(box, grid=PLAIN, selection='intersect'):
    """First and last row, first and last column of a box, which takes a rectangle of patches."""
    patches = box_patches(torch.tensor([box], dtype=torch.float64), grid, selection)[0]
    rows, cols = patches.any(1).nonzero().flatten(), patches.any(0).nonzero().flatten()
    assert patches.sum() == len(rows) * len(cols)
    return int(rows[0]), int(rows[-1]), int(cols[0]), int(cols[-1])


def patch_lengths(low, high, axis, grid):
    """Exact length of an interval within every patch row (axis 0) or column (axis 1); negative is a distance."""
    scale = Fraction(grid.resized_size[axis], grid.ori_size[axis]) / grid.patch_size
    shift = Fraction(grid.crop_offset[axis], grid.patch_size)
    low, high = Fraction(low) * scale - shift, Fraction(high) * scale - shift
    count = (grid.rows, grid.cols)[axis]
    return [min(high, cell + 1) - max(low, cell) for cell in range(count)]


@examples
@given(grid=grids, data=st.data())
def test_intersect_against_exact_arithmetic(grid, data):
    box = data.draw(boxes_over(grid))
    rows = patch_lengths(box[1], box[3], 0, grid)
    cols = patch_lengths(box[0], box[2], 1, grid)
    assume(not any(0 < abs(length) <= 2 * BORDER_TOLERANCE for length in rows + cols))
    expected = [[row > 0 and col > 0 for col in cols] for row in rows]
    found = box_patches(torch.tensor([box], dtype=torch.float64), grid, 'intersect')
    assert found[0].tolist() == expected


@examples
@given(grid=grids, data=st.data())
def test_a_box_is_its_own_mask(grid, data):
    boxes = data.draw(st.lists(pixel_boxes(grid), min_size=1, max_size=4))
    masks = torch.zeros(len(boxes), *grid.ori_size, dtype=torch.bool)
    for mask, (x1, y1, x2, y2) in zip(masks, boxes, strict=True):
        mask[y1:y2, x1:x2] = True
    seen = mask_patches(masks, grid)
    assume(seen.flatten(1).any(1).all())  # the crop may cut a mask away
    assert torch.equal(seen, box_patches(torch.tensor(boxes).double(), grid, 'intersect'))


def official_spans(box, grid):
    """The released code's rule, in numpy and Python numbers, for one box."""
    x1, y1, x2, y2 = box
    x2, y2 = (x2 + 1 if x1 == x2 else x2), (y2 + 1 if y1 == y2 else y2)
    scale_x, scale_y = grid.input_size[1] / grid.ori_size[1], grid.input_size[0] / grid.ori_size[0]
    scaled = np.float32([x1 * scale_x, y1 * scale_y, (x2 - x1) * scale_x, (y2 - y1) * scale_y])
    col, row, width, height = (int(number) for number in np.floor_divide(scaled, grid.patch_size))
    lines = []
    for first, last, count in ((row, row + height, grid.rows), (col, col + width, grid.cols)):
        lines += [min(max(first, 0), count - 1), min(max(last, 0), count - 1)]
    return tuple(lines)


@examples
@given(grid=squash_grids(), data=st.data())
def test_official_against_the_rule_in_numpy(grid, data):
    box = data.draw(boxes_over(grid))
    assert spans(box, grid, 'official') == official_spans(box, grid)


@pytest.mark.parametrize(
    ('box', 'intersect', 'official'),
    [
        ([13, 0, 15, 5], (0, 0, 0, 1), (0, 0, 0, 0)),  # x = 13, w = 2: the last column is lost
        ([0, 0, 14, 14], (0, 0, 0, 0), (0, 1, 0, 1)),  # whole patches: one too many
        ([0, 0, 56, 42], (0, 2, 0, 3), (0, 2, 0, 3)),
        ([14, 14, 27, 27], (1, 1, 1, 1), (1, 1, 1, 1)),
        ([10, 5, 32, 20], (0, 1, 0, 2), (0, 1, 0, 1)),
        ([-5, 3, 5, 5], (0, 0, 0, 0), (0, 0, 0, 0)),  # no wrap to the far side, nor an empty row
        ([-20, 3, 60, 5], (0, 0, 0, 3), (0, 0, 0, 3)),
        ([50, 40, 90, 90], (2, 2, 3, 3), (2, 2, 3, 3)),
    ],
)
def test_recorded_boxes(box, intersect, official):
    assert spans(box) == intersect
    assert spans(box, selection='official') == official


@pytest.mark.parametrize(
    ('box', 'expected'),
    [
        ([5, 5, 5, 5], (0, 0, 0, 0)),  # a point
        ([5, 20, 30, 20], (1, 1, 0, 2)),  # a line within a row
        ([5, 14, 30, 14], (0, 1, 0, 2)),  # a line on a border touches both rows
        ([14, 14, 14, 14], (0, 1, 0, 1)),
        ([0, 0, 0, 42], (0, 2, 0, 0)),
        ([56, 42, 56, 42], (2, 2, 3, 3)),  # the far corner
        ([3, 3, 3 + 1e-9, 4], (0, 0, 0, 0)),  # thinner than the tolerance
        ([14 - 1e-9, 3, 14 + 1e-9, 4], (0, 0, 0, 1)),
        ([55.9999999999, 3, 70, 4], (0, 0, 3, 3)),
        ([56.00003, 3, 56.00003, 4], (0, 0, 3, 3)),  # cut at the border, then scaled in fp32
        ([-0.00003, 3, -0.00003, 4], (0, 0, 0, 0)),
    ],
)
def test_lines_and_slivers(box, expected):
    assert spans(box) == expected
    spans(box, selection='official')  # at least one patch


def test_noise_on_a_patch_border_is_no_overlap():
    noise = 14 * BORDER_TOLERANCE
    assert spans([14 - 0.9 * noise, 0, 28 + 0.9 * noise, 5]) == (0, 0, 1, 1)
    assert spans([14 - 1.1 * noise, 0, 28 + 1.1 * noise, 5]) == (0, 0, 0, 2)


@pytest.mark.parametrize('mode', ['squash', 'center_crop'])
@pytest.mark.parametrize('ori_size', [(480, 640), (1080, 1920), (3000, 4096), (333, 500)])
def test_fp32_boxes_on_patch_borders(ori_size, mode):
    # 640 / 37 is not a binary number: in fp32 the borders of the patches are off by up to 3e-5 pixels.
    grid = PatchGrid(ori_size, (518, 518), 14, mode)
    boxes = grid.patch_boxes().float()
    assert torch.equal(box_patches(boxes, grid, 'intersect').flatten(1), torch.eye(1369).bool())


@examples
@given(grid=grids)
def test_every_patch_box_takes_its_patch_alone(grid):
    boxes = grid.patch_boxes()
    found = box_patches(boxes, grid, 'intersect').flatten(1)
    assert torch.equal(found, torch.eye(grid.num_patches).bool())


@examples
@given(grid=grids, selection=st.sampled_from(['intersect', 'official']), data=st.data())
def test_a_point_lies_in_the_patch_that_a_box_of_no_size_takes(grid, selection, data):
    point = data.draw(points_over(grid))
    found = int(point_patches(torch.tensor([point]).double(), grid, selection)[0])
    touched = box_patches(torch.tensor([point + point]).double(), grid, 'intersect')
    assert touched[0].flatten()[found]


def test_points_on_borders():
    points = torch.tensor([[0, 0], [14, 0], [13.999, 14], [56, 42], [0, 42]]).double()
    assert point_patches(points, PLAIN, 'intersect').tolist() == [0, 1, 4, 11, 8]


@examples
@given(grid=squash_grids(), data=st.data())
def test_official_points_use_the_step_of_the_released_code(grid, data):
    x, y = data.draw(points_over(grid))
    height, width = grid.ori_size
    col = min(int(x / width / (1.0 / grid.cols)), grid.cols - 1)
    row = min(int(y / height / (1.0 / grid.rows)), grid.rows - 1)
    found = point_patches(torch.tensor([[x, y]]).double(), grid, 'official')
    assert found.tolist() == [row * grid.cols + col]


def test_far_boxes_do_not_overflow():
    box = [-9e8, -9e8, 9e8, 9e8]
    assert spans(box) == spans(box, selection='official') == (0, 2, 0, 3)
