"""Regions to vectors, against the released code."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from mmpatchioner.regions import COMPAT, PatchGrid, Regions, region_weights

close = partial(torch.testing.assert_close, atol=1e-5, rtol=1e-5)


@pytest.fixture(scope='module', params=[0, 1, 2])
def view(request, recorded):
    """Grid of one of the recorded views, and what was recorded of it."""
    record = recorded('pooling')
    height, width, size, patch = record.values['views'][request.param]
    return PatchGrid((height, width), (size, size), patch), record.part(f'{request.param}.')


def pool(tensors, grid, *, compat='official', options=(), **regions):
    settings = COMPAT[compat] | dict(options)
    weights = region_weights(
        Regions.from_inputs(**regions), grid, attention=tensors['attention'], **settings
    )
    return weights @ tensors['patches']


def original_points(tensors, grid):
    """The points of the trace in pixels of the original image."""
    height, width = grid.ori_size
    return (tensors['points'].double() * torch.tensor([width, height])).tolist()


def test_boxes_of_the_input(view):
    grid, tensors = view
    wide = tensors['boxes'].clone()
    wide[:, 2:] += wide[:, :2] == wide[:, 2:]  # the released evaluation widens a line by a pixel
    x1, y1, x2, y2 = (grid.boxes_to_grid(wide) * grid.patch_size).unbind(1)
    close(torch.stack([x1, y1, x2 - x1, y2 - y1], 1).float(), tensors['released_boxes'], rtol=1e-6)


@pytest.mark.parametrize(
    ('name', 'options'),
    [
        ('uniform', {}),
        ('gaussian_1', {'weighting': 'gaussian'}),
        ('gaussian_0.5', {'weighting': 'gaussian', 'gaussian_variance': 0.5}),
        ('attended', {'weighting': 'attention'}),
    ],
)
def test_boxes(view, name, options):
    grid, tensors = view
    boxes = tensors['boxes']
    close(pool(tensors, grid, boxes=boxes, options=options), tensors[name])
    assert not torch.allclose(pool(tensors, grid, compat='paper', boxes=boxes), tensors[name])


def test_released_floor_rule_loses_patches(view):
    grid, tensors = view
    regions = Regions.from_inputs(boxes=tensors['boxes'])
    paper = region_weights(regions, grid) > 0
    official = region_weights(regions, grid, selection='official') > 0
    assert (paper & ~official).any(1).sum() > 3
    # What it loses does share an area with the box.
    low, high = tensors['boxes'][:, None, :2].double(), tensors['boxes'][:, None, 2:].double()
    patches = grid.patch_boxes()
    shared = torch.minimum(high, patches[:, 2:]) - torch.maximum(low, patches[:, :2])
    assert (shared.amin(-1)[paper & ~official] > -1e-9).all()


def test_attention_of_one_box_does_not_change_that_of_the_next(view):
    grid, tensors = view
    together, alone = tensors['attended_together'], tensors['attended']
    assert not torch.allclose(together, alone, atol=1e-2)  # the released code divides in place
    options = {'weighting': 'attention'}
    ours = pool(tensors, grid, boxes=tensors['boxes'], options=options)
    close(ours, alone)
    backwards = pool(tensors, grid, boxes=tensors['boxes'].flip(0), options=options)
    assert torch.equal(backwards.flip(0), ours)


@pytest.mark.parametrize(
    ('name', 'options'),
    [('set_uniform', {}), ('set_gaussian', {'weighting': 'gaussian'})],
)
def test_sets(view, name, options):
    grid, tensors = view
    boxes = tensors['boxes'][:5]
    official = pool(tensors, grid, region_sets=[boxes], options=options)[0]
    close(official, tensors[name])
    close(official, pool(tensors, grid, boxes=boxes, options=options).mean(0))  # mean of the means


def test_default_set_is_the_mean_of_all_patches(view):
    grid, tensors = view
    boxes = tensors['boxes'][:5]
    ours = pool(tensors, grid, compat='paper', region_sets=[boxes])[0]
    counts = (region_weights(Regions.from_inputs(boxes=boxes), grid) > 0).float().sum(0)
    close(ours, counts @ tensors['patches'] / counts.sum())  # equation 1
    assert not torch.allclose(ours, tensors['set_uniform'], atol=1e-3)


@pytest.mark.parametrize(
    ('name', 'options'),
    [
        ('image_1', {}),
        ('image_0.5', {'gaussian_variance': 0.5}),
        ('image_100', {'image_weighting': 'uniform'}),
    ],
)
def test_images(view, name, options):
    grid, tensors = view
    close(pool(tensors, grid, whole_image=True, options=options)[0], tensors[name])


def test_default_image_is_the_mean(view):
    grid, tensors = view
    close(pool(tensors, grid, compat='paper', whole_image=True)[0], tensors['image_100'])


@pytest.mark.parametrize('name', ['trace', 'attended_trace'])
def test_traces(view, name):
    grid, tensors = view
    options = {'weighting': 'attention'} if name == 'attended_trace' else {}
    points = original_points(tensors, grid)
    close(pool(tensors, grid, traces=[points], options=options)[0], tensors[name])
    # The released code divides by all patches, the default by those that count.
    ours = pool(tensors, grid, traces=[points], options={**options, 'row_sums': 'one'})[0]
    counts = tensors['trace_counts']
    total = (counts * tensors['attention'] if options else counts).sum()
    close(ours * total / grid.num_patches, tensors[name])


def test_points_of_a_trace(view):
    grid, tensors = view
    regions = Regions.from_inputs(traces=[original_points(tensors, grid)])
    counts = tensors['trace_counts']
    close(region_weights(regions, grid, selection='official')[0], counts / counts.sum())
    weights = region_weights(regions, grid, **COMPAT['official'])
    close(weights[0], counts / grid.num_patches)


def test_boxes_of_a_crop(recorded):
    record = recorded('pooling')
    height, width, size, patch = record.values['crop']
    grid = PatchGrid((height, width), (size, size), patch, mode='center_crop')
    tensors = record.part('crop.')
    boxes, theirs = tensors['boxes'], tensors['released_boxes']
    corners = grid.boxes_to_grid(boxes).clamp(0, grid.cols).float() * patch
    x1, y1, x2, y2 = corners.unbind(1)
    ours = torch.stack([x1, y1, x2 - x1, y2 - y1], 1)
    close(ours[:6], theirs[:6], atol=1e-4)  # inside the crop
    # 100 pixels on the left of the image, of which the network sees 20 at half the size; there they keep their width.
    assert (ours[6, 2].item(), theirs[6, 2].item()) == (10, 50)
    # What the network does not see at all becomes the last pixel there, and is refused here.
    assert theirs[7].tolist()[::2] == [size - 1, 1]
    with pytest.raises(ValueError, match=r'boxes\[0\]'):
        region_weights(Regions.from_inputs(boxes=boxes[7:8]), grid)
    # Up to that, also the patches are those of the released boxes.
    official = region_weights(Regions.from_inputs(boxes=boxes[:6]), grid, **COMPAT['official'])
    first, span = (theirs[:6] // patch).long().split(2, dim=1)
    sizes = (torch.minimum(first + span, torch.tensor(grid.cols - 1)) - first + 1).prod(1)
    assert (official > 0).sum(1).tolist() == sizes.tolist()


def test_what_gives_nan_there_is_right_or_refused(recorded):
    faults = recorded('pooling').values['faults']
    assert faults['a_box_that_starts_outside_is_nan']
    assert faults['a_box_beside_the_grid_is_nan']
    assert faults['a_set_of_dummies_is_nan']
    grid = PatchGrid((70, 70), (70, 70), 14)
    for compat in COMPAT.values():
        starts_outside = Regions.from_inputs(boxes=[[-20, 10, 20, 40]])
        weights = region_weights(starts_outside, grid, **compat)
        close(weights.sum(), torch.tensor(1.0))
        with pytest.raises(ValueError, match=r'boxes\[0\]'):
            region_weights(Regions.from_inputs(boxes=[[80, 20, 90, 30]]), grid, **compat)
    with pytest.raises(ValueError, match='region_sets'):
        Regions.from_inputs(region_sets=[[]])


def test_boxes_stay_as_they_are(recorded):
    assert recorded('pooling').values['faults']['boxes_afterwards'] == [1.0, 1.0, 2.0, 2.0]
    boxes = torch.tensor([[20.0, 20.0, 50.0, 50.0]])
    grid = PatchGrid((70, 70), (70, 70), 14)
    region_weights(Regions.from_inputs(boxes=boxes), grid, **COMPAT['official'])
    assert boxes.tolist() == [[20.0, 20.0, 50.0, 50.0]]
