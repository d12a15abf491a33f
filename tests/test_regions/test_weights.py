from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from mmpatchioner.regions import COMPAT, PatchGrid, RegionError, Regions, region_weights
from mmpatchioner.regions.selection import box_patches, point_patches

from .strategies import (
    boxes_over,
    examples,
    few_examples,
    grids,
    pixel_boxes,
    points_over,
    squash_grids,
)

PLAIN = PatchGrid(
    (42, 56), (42, 56), 14
)  # a pixel of the image is a pixel of the network; 3 x 4 patches
CROP = PatchGrid((42, 84), (42, 42), 14, 'center_crop')  # sees columns 21 to 63 of the image


@st.composite
def options(draw, grid):
    """Every way to weigh."""
    weightings = ['uniform', 'gaussian', 'attention']
    seed = draw(st.integers(0, 2**32 - 1))
    attention = np.random.default_rng(seed).random(grid.num_patches).astype(np.float32)
    if draw(st.booleans()):
        attention[: grid.num_patches // 2 + 1] = 0  # some regions get no attention at all
    return {
        'selection': draw(st.sampled_from(['intersect', 'official'])),
        'set_mode': draw(st.sampled_from(['patch_mean', 'box_mean'])),
        'weighting': draw(st.sampled_from(weightings)),
        'image_weighting': draw(st.sampled_from([None, *weightings])),
        'gaussian_variance': draw(
            st.sampled_from([0.0, 5e-324, 1e-40, 1e-30, 0.5, 1.0, 100.0, 1e300]) | st.floats(0, 10)
        ),
        'attention': torch.from_numpy(attention),
    }


def _pixel_seen(grid):
    """Row and column of a pixel in the middle of what the network sees."""
    left, top, right, bottom = grid.window
    return int((top + bottom) / 2), int((left + right) / 2)


@st.composite
def inputs(draw, grid):
    """Regions of every kind, as :meth:`Regions.from_inputs` takes them."""
    masks = np.zeros((draw(st.integers(0, 2)), *grid.ori_size), dtype=bool)
    for mask in masks:
        mask[_pixel_seen(grid)] = True
        x1, y1, x2, y2 = draw(pixel_boxes(grid))
        mask[y1:y2:2, x1:x2:3] = True
    boxes = st.lists(boxes_over(grid), max_size=3)
    some_boxes = st.lists(boxes_over(grid), min_size=1, max_size=3)
    trace = st.lists(points_over(grid), min_size=1, max_size=6)
    return {
        'boxes': draw(boxes),
        'masks': masks,
        'points': draw(st.lists(points_over(grid), max_size=3)),
        'traces': [[*draw(trace), [-5.0, 1e6]] for _ in range(draw(st.integers(0, 2)))],
        'region_sets': draw(st.lists(some_boxes, max_size=2)),
        'whole_image': draw(st.booleans()),
    }


@few_examples
@given(grid=grids, data=st.data())
def test_rows_are_weights(grid, data):
    regions = Regions.from_inputs(**data.draw(inputs(grid)))
    weights = region_weights(regions, grid, **data.draw(options(grid)))
    assert weights.shape == (len(regions), grid.num_patches)
    assert weights.dtype == torch.float32
    assert weights.isfinite().all() and (weights >= 0).all()
    torch.testing.assert_close(weights.sum(1), torch.ones(len(regions)), atol=1e-6, rtol=0)
    constant = torch.full((grid.num_patches, 3), 2.5)
    torch.testing.assert_close(weights @ constant, torch.full((len(regions), 3), 2.5))


@few_examples
@given(grid=grids, data=st.data())
def test_nothing_given_is_modified(grid, data):
    given_regions = data.draw(inputs(grid))
    tensors = {
        'boxes': torch.tensor(given_regions['boxes']).double().reshape(-1, 4),
        'masks': torch.from_numpy(given_regions['masks']),
        'points': torch.tensor(given_regions['points']).double().reshape(-1, 2),
        'traces': [torch.tensor(trace).double() for trace in given_regions['traces']],
        'region_sets': [torch.tensor(boxes).double() for boxes in given_regions['region_sets']],
    }
    how = data.draw(options(grid))
    before = copy.deepcopy((tensors, how['attention']))
    regions = Regions.from_inputs(**tensors)
    first = region_weights(regions, grid, **how)
    assert torch.equal(region_weights(regions, grid, **how), first)
    torch.testing.assert_close((tensors, how['attention']), before, rtol=0, atol=0)


@few_examples
@given(grid=grids, data=st.data())
def test_a_row_depends_on_its_region_alone(grid, data):
    """Other regions, and the order of the regions, change nothing."""
    given_regions, how = data.draw(inputs(grid)), data.draw(options(grid))
    together = region_weights(Regions.from_inputs(**given_regions), grid, **how)
    lists = ['boxes', 'masks', 'points', 'traces', 'region_sets']
    backwards = {name: list(given_regions[name])[::-1] for name in lists}
    backwards['whole_image'] = given_regions['whole_image']
    reverse = region_weights(Regions.from_inputs(**backwards), grid, **how)
    start = 0
    for name in lists:
        end = start + len(given_regions[name])
        assert torch.equal(reverse[start:end], together[start:end].flip(0))
        for i, one in enumerate(given_regions[name]):
            alone = region_weights(Regions.from_inputs(**{name: [one]}), grid, **how)
            # A set is a sum over its boxes, which a matrix product may take in another order.
            torch.testing.assert_close(alone[0], together[start + i], rtol=1e-6, atol=1e-7)
        start = end


@examples
@given(grid=grids, data=st.data())
def test_a_box_weighs_as_its_own_mask(grid, data):
    box = data.draw(pixel_boxes(grid))
    mask = np.zeros(grid.ori_size, dtype=bool)
    mask[box[1] : box[3], box[0] : box[2]] = True
    how = data.draw(options(grid)) | {'selection': 'intersect'}
    try:
        weights = region_weights(Regions.from_inputs(boxes=[box], masks=[mask]), grid, **how)
    except RegionError:
        assert grid.mode == 'center_crop'
        return
    assert torch.equal(weights[0], weights[1])


@examples
@given(grid=grids, data=st.data())
def test_region_sets_follow_equation_1(grid, data):
    boxes = data.draw(st.lists(boxes_over(grid), min_size=1, max_size=4))
    features = np.random.default_rng(0).standard_normal((grid.num_patches, 3))
    patches = box_patches(torch.tensor(boxes).double(), grid, 'intersect').flatten(1).numpy()
    total, count = np.zeros(3), 0
    for row in patches:
        for patch in np.flatnonzero(row):
            total, count = total + features[patch], count + 1
    regions = Regions.from_inputs(region_sets=[boxes])
    pooled = region_weights(regions, grid).numpy() @ features
    np.testing.assert_allclose(pooled[0], total / count, atol=1e-5)

    means = [features[row].mean(axis=0) for row in patches]
    pooled = region_weights(regions, grid, set_mode='box_mean').numpy() @ features
    np.testing.assert_allclose(pooled[0], np.mean(means, axis=0), atol=1e-5)


@examples
@given(grid=grids, data=st.data())
def test_traces_follow_equation_2(grid, data):
    points = data.draw(st.lists(points_over(grid), min_size=1, max_size=8))
    features = np.random.default_rng(0).standard_normal((grid.num_patches, 3))
    visited = [
        features[int(point_patches(torch.tensor([point]).double(), grid, 'intersect')[0])]
        for point in points
    ]
    outside = [[-1.0, 0.0], [0.0, 1e5]]
    regions = Regions.from_inputs(traces=[outside + points])
    pooled = region_weights(regions, grid).numpy() @ features
    np.testing.assert_allclose(pooled[0], np.mean(visited, axis=0), atol=1e-5)


def test_revisits_count():
    regions = Regions.from_inputs(traces=[[[1, 1], [2, 2], [30, 1], [5, 9]]])
    assert region_weights(regions, PLAIN).tolist() == [[0.75, 0, 0.25] + [0] * 9]


@examples
@given(
    grid=squash_grids(),
    variance=st.floats(0.05, 10),
    selection=st.sampled_from(['intersect', 'official']),
    data=st.data(),
)
def test_gaussian_within_a_box(grid, variance, selection, data):
    box = data.draw(boxes_over(grid))
    patches = box_patches(torch.tensor([box]).double(), grid, selection)[0].numpy()
    y = np.linspace(-1, 1, patches.any(1).sum())[:, None]
    x = np.linspace(-1, 1, patches.any(0).sum())[None, :]
    within = np.exp(-(x**2 + y**2) / variance)
    expected = np.zeros(patches.shape)
    expected[patches] = (within / within.sum()).flatten()
    found = region_weights(
        Regions.from_inputs(boxes=[box]),
        grid,
        selection=selection,
        weighting='gaussian',
        gaussian_variance=variance,
    )
    np.testing.assert_allclose(found[0].numpy(), expected.flatten(), atol=1e-6)


@pytest.mark.parametrize(
    ('box', 'centre'),
    [([0, 0, 42, 42], 5), ([0, 0, 56, 42], 5), ([0, 0, 56, 28], 1), ([30, 30, 50, 40], 10)],
)
def test_variance_0_is_the_centre_patch(box, centre):
    regions = Regions.from_inputs(boxes=[box])
    weights = region_weights(regions, PLAIN, weighting='gaussian', gaussian_variance=0)
    assert weights[0].nonzero().flatten().tolist() == [centre]


def test_gaussian_of_a_mask_stays_on_the_mask():
    ring = torch.ones(42, 42, dtype=torch.bool)
    ring[14:28, 14:28] = False
    grid = PatchGrid((42, 42), (42, 42), 14)
    regions = Regions.from_inputs(masks=ring[None])
    weights = region_weights(regions, grid, weighting='gaussian')[0].view(3, 3)
    side, corner = 1, math.exp(-1)
    expected = torch.tensor([[corner, side, corner], [side, 0, side], [corner, side, corner]])
    torch.testing.assert_close(weights, expected / expected.sum())
    weights = region_weights(regions, grid, weighting='gaussian', gaussian_variance=0)[0]
    assert weights.tolist() == [0, 1, 0, 0, 0, 0, 0, 0, 0]  # the first of the nearest


def test_attention():
    attention = torch.arange(12.0)
    regions = Regions.from_inputs(
        boxes=[[0, 0, 20, 20]],
        points=[[0, 0]],
        traces=[[[15, 0], [16, 0], [29, 0], [0, 0]]],
        region_sets=[[[0, 0, 20, 20], [30, 0, 31, 1]]],
        whole_image=True,
    )
    weights = region_weights(regions, PLAIN, weighting='attention', attention=attention) * 1.0
    box = torch.tensor([0, 1, 0, 0, 4, 5] + [0] * 6) / 10
    torch.testing.assert_close(weights[0], box)
    assert weights[1].tolist() == [1] + [0] * 11
    torch.testing.assert_close(weights[2], torch.tensor([0, 2, 2] + [0] * 9) / 4)
    torch.testing.assert_close(weights[3], 0.8 * box + 0.2 * torch.eye(12)[2])
    torch.testing.assert_close(weights[4], attention / 66)


@pytest.mark.parametrize('scale', [1e-300, 1.0, 1e300])
def test_scale_of_attention_does_not_matter(scale):
    attention = torch.arange(12.0).double()
    regions = Regions.from_inputs(boxes=[[0, 0, 20, 20]], whole_image=True)
    expected = region_weights(regions, PLAIN, weighting='attention', attention=attention)
    found = region_weights(regions, PLAIN, weighting='attention', attention=attention * scale)
    torch.testing.assert_close(found, expected)


def test_no_attention_is_uniform():
    regions = Regions.from_inputs(boxes=[[0, 0, 20, 20]], traces=[[[1, 1], [1, 1], [20, 1]]])
    for attention in (torch.zeros(12), torch.eye(12)[11]):
        found = region_weights(regions, PLAIN, weighting='attention', attention=attention)
        assert torch.equal(found, region_weights(regions, PLAIN))


@pytest.mark.parametrize(
    ('attention', 'message'),
    [
        (None, 'expects the attention of the patches, got None'),
        (torch.ones(11), r'expected \(12,\).*got \(11,\)'),
        (torch.full((12,), torch.nan), '0 or more'),
        (torch.full((12,), torch.inf), '0 or more'),
        (-torch.ones(12), '0 or more'),
    ],
)
def test_malformed_attention(attention, message):
    regions = Regions.from_inputs(whole_image=True)
    with pytest.raises(RegionError, match=f'attention: .*{message}'):
        region_weights(regions, PLAIN, image_weighting='attention', attention=attention)


def test_whole_image():
    regions = Regions.from_inputs(whole_image=True)
    torch.testing.assert_close(region_weights(regions, PLAIN), torch.full((1, 12), 1 / 12))
    gaussian = region_weights(regions, PLAIN, weighting='gaussian')
    boxed = region_weights(Regions.from_inputs(boxes=[[0, 0, 56, 42]]), PLAIN, weighting='gaussian')
    assert torch.equal(gaussian, boxed)
    assert torch.equal(region_weights(regions, PLAIN, image_weighting='gaussian'), gaussian)
    assert torch.equal(region_weights(regions, CROP), torch.full((1, 9), 1 / 9))


def test_presets():
    regions = Regions.from_inputs(
        boxes=[[13, 0, 15, 5]], region_sets=[[[0, 0, 5, 5], [20, 0, 50, 20]]], whole_image=True
    )
    assert torch.equal(
        region_weights(regions, PLAIN, **COMPAT['paper']), region_weights(regions, PLAIN)
    )
    box, mixed, image = region_weights(regions, PLAIN, **COMPAT['official'])
    assert box.nonzero().flatten().tolist() == [0]  # not columns 0 and 1
    assert mixed[0] == 0.5  # the small box weighs as much as the large one
    assert image.max() > image.min()  # a gaussian


def test_released_sums():
    regions = Regions.from_inputs(
        boxes=[[3, 3, 40, 30]],
        traces=[[[3, 3], [4, 4], [50, 40]], [[3, 3], [70, 3]]],
        whole_image=True,
    )
    attention = torch.arange(1.0, 13.0) / 78
    directions = region_weights(regions, PLAIN)
    weights = region_weights(regions, PLAIN, row_sums='official')
    sums = torch.tensor([1, 3 / 12, 1 / 12, 1])
    torch.testing.assert_close(weights, directions * sums[:, None])
    options = dict(weighting='attention', attention=5 * attention)
    directions = region_weights(regions, PLAIN, **options)
    weights = region_weights(regions, PLAIN, **options, row_sums='official')
    attended = (2 * attention[0] + attention[11]) / 12, attention[0] / 12
    sums = torch.tensor([1, *attended, 1 / 12])
    torch.testing.assert_close(weights, directions * sums[:, None])
    with pytest.raises(ValueError, match='row_sums'):
        region_weights(regions, PLAIN, row_sums='released')


@pytest.mark.parametrize(
    ('field', 'region', 'message'),
    [
        ('boxes', [60, 0, 70, 10], r'boxes\[1\]: expected a box that overlaps the image'),
        ('boxes', [-5, 0, 0, 10], r'boxes\[1\]: expected a box that overlaps the image'),
        ('points', [57, 3], r'points\[1\]: expected a point inside the image \(width 56'),
        ('traces', [[57, 3], [3, 43]], r'traces\[1\]: expected a trace with a point inside'),
        ('region_sets', [[0, 0, 5, 5], [60, 0, 70, 10]], r'region_sets\[1\]\[1\]: .* overlaps'),
    ],
)
def test_regions_off_the_image(field, region, message):
    inside = {'boxes': [0, 0, 56, 42], 'points': [0, 0], 'traces': [[0, 0]]}
    fine = inside.get(field, [[0, 0, 56, 42], [0, 0, 1, 1]])
    with pytest.raises(RegionError, match=message):
        region_weights(Regions.from_inputs(**{field: [fine, region]}), PLAIN)
    with pytest.raises(RegionError, match=message):
        Regions.from_inputs(**{field: [fine, region]}, image_size=(42, 56))


@pytest.mark.parametrize(
    ('field', 'region'),
    [
        ('boxes', [0, 0, 20, 42]),
        ('boxes', [0, 0, 21, 42]),
        ('boxes', [64, 0, 84, 42]),
        ('points', [20, 3]),
        ('traces', [[20, 3], [64, 3]]),
        ('region_sets', [[64, 0, 84, 42]]),
        ('masks', np.pad(np.ones((42, 21), dtype=bool), ((0, 0), (0, 63)))),
    ],
)
def test_regions_in_the_margin_of_a_centre_crop(field, region):
    regions = Regions.from_inputs(**{field: [region]}, image_size=CROP.ori_size)
    with pytest.raises(RegionError, match=rf"{field}\[0\].* centre crop .*mode='squash'"):
        region_weights(regions, CROP)
    squashed = PatchGrid(CROP.ori_size, CROP.input_size, CROP.patch_size)
    assert region_weights(regions, squashed).sum() == pytest.approx(1)


def test_what_is_cut_away_does_not_count():
    regions = Regions.from_inputs(
        boxes=[[0, 0, 22, 5]], traces=[[[0, 0], [21, 0], [63, 0], [64, 0]]]
    )
    weights = region_weights(regions, CROP)
    assert weights[0].tolist() == [1] + [0] * 8
    assert weights[1].tolist() == [0.5, 0, 0.5] + [0] * 6


def test_masks_of_another_image():
    regions = Regions.from_inputs(masks=np.ones((1, 56, 42)))
    with pytest.raises(RegionError, match=r'masks: expected \(R, 42, 56\).*got \(1, 56, 42\)'):
        region_weights(regions, PLAIN)


@pytest.mark.parametrize(
    ('option', 'value'),
    [
        ('selection', 'inside'),
        ('set_mode', 'mean'),
        ('weighting', 'gauss'),
        ('weighting', None),
        ('image_weighting', 'cls'),
        ('gaussian_variance', -1),
        ('gaussian_variance', math.nan),
        ('gaussian_variance', math.inf),
    ],
)
def test_unknown_options(option, value):
    with pytest.raises(ValueError, match=f'{option}: expected'):
        region_weights(Regions(), PLAIN, **{option: value})


def test_no_regions():
    for how in (
        {},
        {'weighting': 'gaussian'},
        {'weighting': 'attention', 'attention': torch.ones(12)},
    ):
        assert region_weights(Regions(), PLAIN, **how).shape == (0, 12)


@examples
@given(
    boxes=st.lists(st.lists(st.floats(), min_size=4, max_size=4), min_size=1, max_size=3),
    selection=st.sampled_from(['intersect', 'official']),
    grid=st.sampled_from([PLAIN, CROP]),
)
def test_any_box_gives_weights_or_a_named_error(boxes, selection, grid):
    try:
        weights = region_weights(Regions.from_inputs(boxes=boxes), grid, selection=selection)
    except RegionError as error:
        assert str(error).startswith('boxes[')
    else:
        torch.testing.assert_close(weights.sum(1), torch.ones(len(boxes)))


def test_autocast_changes_nothing():
    regions = Regions.from_inputs(region_sets=[[[0, 0, 20, 20], [30, 0, 56, 42], [3, 3, 3, 3]]])
    expected = region_weights(regions, PLAIN)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert torch.equal(region_weights(regions, PLAIN), expected)


def test_xyxy_is_not_xywh():
    # As x, y, width, height this box would reach column 2.
    weights = region_weights(Regions.from_inputs(boxes=[[15, 1, 20, 5]]), PLAIN)
    assert weights.nonzero()[:, 1].tolist() == [1]
    with pytest.raises(
        RegionError, match=r'x1 <= x2 and y1 <= y2, got \[30, 10, 5, 5\]; convert x, y, width'
    ):
        Regions.from_inputs(boxes=[[30, 10, 5, 5]])


@examples
@given(grid=grids)
def test_a_box_under_one_patch(grid):
    boxes = grid.patch_boxes()
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    small = torch.cat([centres, centres], dim=1) + (boxes - centres.repeat(1, 2)) / 4
    assume(len(boxes) > 1)
    weights = region_weights(Regions(boxes=small, points=centres), grid)
    expected = torch.eye(grid.num_patches)
    assert torch.equal(weights, torch.cat([expected, expected]))
