from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from mmpatchioner.regions import RegionError, Regions

from .strategies import examples

MASK = np.zeros((4, 6), dtype=bool)
MASK[1:3, 2:5] = True

EVERY_KIND = {
    'boxes': [[1, 0, 3.5, 2], [0, 0, 6, 4]],
    'masks': [MASK],
    'points': [[2, 1]],
    'traces': [[[0, 0], [5, 1.5]], [[6, 4]]],
    'region_sets': [[[0, 0, 1, 1], [4, 2, 5, 3]]],
    'whole_image': True,
}


def test_kinds_and_order():
    regions = Regions.from_inputs(**EVERY_KIND, image_size=(4, 6))
    assert regions.kinds == ['box', 'box', 'mask', 'point', 'trace', 'trace', 'set', 'image']
    assert len(regions) == 8
    assert regions.device == torch.device('cpu')


def test_bounding_boxes():
    boxes = Regions.from_inputs(**EVERY_KIND).bounding_boxes((4, 6))
    assert boxes.dtype == torch.float32
    assert boxes.tolist() == [
        [1, 0, 3.5, 2],
        [0, 0, 6, 4],
        [2, 1, 5, 3],
        [2, 1, 2, 1],
        [0, 0, 5, 1.5],
        [6, 4, 6, 4],
        [0, 0, 5, 3],
        [0, 0, 6, 4],
    ]


def test_json_entries():
    entries = Regions.from_inputs(**EVERY_KIND).to_dicts((4, 6))
    assert json.loads(json.dumps(entries)) == entries
    box, _, mask, point, trace, _, region_set, image = entries
    assert box == {'kind': 'box', 'bbox': [1, 0, 3.5, 2]}
    assert (mask['kind'], mask['bbox'], mask['mask']['size']) == ('mask', [2, 1, 5, 3], [4, 6])
    assert np.array_equal(coco_mask.decode(mask['mask']), MASK)
    assert point == {'kind': 'point', 'points': [[2, 1]]}
    assert trace == {'kind': 'trace', 'points': [[0, 0], [5, 1.5]]}
    assert region_set == {'kind': 'set', 'bboxes': [[0, 0, 1, 1], [4, 2, 5, 3]]}
    assert image == {'kind': 'image', 'bbox': [0, 0, 6, 4]}


def test_written_masks_can_be_read_again():
    masks = torch.from_numpy(np.random.default_rng(0).random((3, 4, 6)) < 0.5)
    entries = Regions.from_inputs(masks=masks).to_dicts((4, 6))
    again = Regions.from_inputs(masks=[entry['mask'] for entry in entries], image_size=(4, 6))
    assert torch.equal(again.masks, masks)


@pytest.mark.parametrize('nothing', [None, [], (), np.zeros((0, 4)), torch.zeros(0, 4)])
def test_none_is_legal(nothing):
    regions = Regions.from_inputs(boxes=nothing, traces=nothing, region_sets=nothing)
    assert len(regions) == 0
    assert regions.kinds == []
    assert regions.to_dicts((4, 6)) == []
    assert regions.bounding_boxes((4, 6)).shape == (0, 4)


def test_no_points_and_no_masks_are_legal():
    regions = Regions.from_inputs(
        points=[], masks=np.zeros((0, 4, 6), dtype=bool), image_size=(4, 6)
    )
    assert (regions.points.shape, len(regions.masks), len(Regions())) == ((0, 2), 0, 0)


def as_lists(value):
    return value


def as_arrays(value):
    return [np.array(item) for item in value]


def as_tensors(value):
    return [torch.as_tensor(np.array(item)) for item in value]


def as_one_array(value):
    return np.array(value)


def as_one_fp32_tensor(value):
    return torch.tensor(np.array(value, dtype=np.float32))


@pytest.mark.parametrize('form', [as_arrays, as_tensors, as_one_array, as_one_fp32_tensor])
def test_lists_arrays_and_tensors_are_equal(form):
    expected = Regions.from_inputs(**EVERY_KIND)
    given_as = {name: form(EVERY_KIND[name]) for name in ('boxes', 'masks', 'points')}
    given_as['region_sets'] = form(EVERY_KIND['region_sets'])
    given_as['traces'] = [form(trace) for trace in EVERY_KIND['traces']]
    found = Regions.from_inputs(**given_as, whole_image=True)
    torch.testing.assert_close(
        dataclasses.asdict(found), dataclasses.asdict(expected), rtol=0, atol=0
    )


def rle(mask):
    coded = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {'size': coded['size'], 'counts': coded['counts'].decode()}


@pytest.mark.parametrize(
    'mask',
    [
        MASK,
        MASK.astype(np.uint8) * 255,
        MASK.astype(np.uint16),
        MASK.astype(np.float32),
        torch.from_numpy(MASK),
        torch.from_numpy(MASK).int(),
        MASK.tolist(),
        rle(MASK),
        coco_mask.encode(np.asfortranarray(MASK, dtype=np.uint8)),  # counts as bytes
        {'size': [4, 6], 'counts': [9, 2, 2, 2, 2, 2, 5]},
    ],
)
def test_forms_of_a_mask(mask):
    regions = Regions.from_inputs(masks=[mask, MASK])
    assert np.array_equal(regions.masks.numpy(), [MASK, MASK])


@pytest.mark.parametrize(
    ('inputs', 'message'),
    [
        ({'boxes': [[0, 0, 1, 1], [5, 0, 4, 1]]}, r'boxes\[1\]: .*x1 <= x2.*\[5, 0, 4, 1\]'),
        ({'boxes': [[0, np.nan, 1, 1]]}, r'boxes\[0\]: expected finite .*nan'),
        ({'boxes': [[0, 0, np.inf, 1]]}, r'boxes\[0\]: expected finite .*inf'),
        ({'boxes': [[0, 0, 1e300, 1]]}, r'boxes\[0\]: expected finite'),
        ({'boxes': [0, 0, 1, 1]}, r'boxes: expected shape \(R, 4\), got \(4,\).*\[\[x1, y1'),
        ({'boxes': [[0, 0, 1]]}, r'boxes: expected shape \(R, 4\), got \(1, 3\)'),
        ({'boxes': [[0, 0, 1, 1], [0, 0]]}, r'boxes: expected numbers of shape \(R, 4\)'),
        ({'boxes': 'all'}, 'boxes: expected numbers'),
        ({'boxes': [['a', 0, 1, 1]]}, 'boxes: expected numbers'),
        ({'boxes': 3}, r'boxes: expected shape \(R, 4\), got \(\)'),
        ({'points': [[0, 0], [np.nan, 0]]}, r'points\[1\]: expected finite'),
        ({'points': [1, 2]}, r'points: expected shape \(R, 2\), got \(2,\).*\[\[x, y\]\]'),
        ({'traces': [[[0, 0]], []]}, r'traces\[1\]: expected at least one point'),
        ({'traces': [[[0, 0]], [[1, 1], [np.inf, 0]]]}, r'traces\[1\]\[1\]: expected finite'),
        ({'traces': [[0, 0], [1, 1]]}, r'traces\[0\]: expected shape \(R, 2\), got \(2,\)'),
        ({'traces': 5}, 'traces: expected a list of arrays'),
        ({'traces': np.array(5)}, 'traces: expected a list of arrays'),
        ({'region_sets': [[]]}, r'region_sets\[0\]: expected at least one box'),
        ({'region_sets': [[[0, 0, 1, 1], [1, 1, 0, 2]]]}, r'region_sets\[0\]\[1\]: .*x1 <= x2'),
        ({'masks': [MASK, ~MASK & MASK]}, r'masks\[1\]: .*empty mask'),
        ({'masks': np.zeros((1, 4, 6))}, r'masks\[0\]: .*empty mask'),
        ({'masks': MASK}, r'masks: expected shape \(R, H, W\), got \(4, 6\)'),
        ({'masks': [MASK, MASK.T]}, r'masks\[1\]: expected the size of the first mask, \(4, 6\)'),
        ({'masks': [MASK * 0.5]}, r'masks\[0\]: expected a mask of 0 and 1.*threshold'),
        ({'masks': [MASK * np.nan]}, r'masks\[0\]: expected a mask of 0 and 1'),
        ({'masks': [[[1, 0], [1]]]}, r'masks\[0\]: expected a mask'),
        ({'masks': [['a']]}, r'masks\[0\]: expected a mask'),
        ({'masks': rle(MASK)}, r'masks: expected a list .*write \[...\]'),
        ({'masks': [{'size': [4, 6]}]}, r'masks\[0\]: expected a COCO RLE dict'),
        ({'masks': [{'size': [4, 6], 'counts': [1, 2]}]}, r'masks\[0\]: .*add up to the size'),
        ({'masks': [{'size': 4, 'counts': [1, 2]}]}, r'masks\[0\]: expected a COCO RLE dict'),
        ({'masks': [{'size': [4, 6], 'counts': 7}]}, r'masks\[0\]: expected a COCO RLE dict'),
    ],
)
def test_malformed_regions(inputs, message):
    with pytest.raises(RegionError, match=message):
        Regions.from_inputs(**inputs)


@pytest.mark.parametrize(
    ('fields', 'message'),
    [
        ({'boxes': torch.zeros(1, 5)}, r'boxes: expected shape \(R, 4\), got \(1, 5\)'),
        ({'boxes': torch.tensor([[3.0, 0, 1, 1]])}, r'boxes\[0\]: .*x1 <= x2'),
        ({'masks': torch.ones(1, 4, 6)}, 'masks: expected bool .*from_inputs converts'),
        ({'masks': torch.zeros(1, 4, 6).bool()}, r'masks\[0\]: .*empty'),
        ({'traces': (torch.zeros(2, 3),)}, r'traces\[0\]: expected shape'),
        ({'sets': (torch.zeros(0, 4),)}, r'region_sets\[0\]: expected at least one box'),
    ],
)
def test_the_constructor_checks_too(fields, message):
    with pytest.raises(RegionError, match=message):
        Regions(**fields)


@pytest.mark.parametrize(
    ('inputs', 'message'),
    [
        ({'boxes': [[6, 0, 8, 2]]}, r'boxes\[0\]: .*overlaps the image \(width 6, height 4\)'),
        ({'boxes': [[-3, -3, -1, -1]]}, r'boxes\[0\]: .*give pixels of the original image'),
        ({'points': [[0, 0], [6.1, 0]]}, r'points\[1\]: expected a point inside'),
        ({'traces': [[[0, 0]], [[7, 0], [0, -1]]]}, r'traces\[1\]: .*all points outside'),
        ({'region_sets': [[[0, 0, 1, 1]], [[7, 7, 8, 8]]]}, r'region_sets\[1\]\[0\]: '),
        ({'masks': [MASK.T]}, r'masks: expected \(R, 4, 6\).*got \(1, 6, 4\)'),
    ],
)
def test_regions_outside_the_image(inputs, message):
    Regions.from_inputs(**inputs)  # nothing is known of the image yet
    with pytest.raises(RegionError, match=message):
        Regions.from_inputs(**inputs, image_size=(4, 6))


def test_regions_over_the_border_are_legal():
    regions = Regions.from_inputs(
        boxes=[[-2, -2, 1, 1], [5, 3, 60, 40], [6, 4, 6, 4]],
        points=[[6, 4], [0, 0]],
        traces=[[[-1, 0], [1, 1], [9, 9]]],
        image_size=(4, 6),
    )
    assert len(regions) == 6


def test_an_error_is_a_value_error():
    with pytest.raises(ValueError, match='boxes'):
        Regions.from_inputs(boxes=[[1, 1, 0, 0]])


@examples
@given(
    boxes=st.lists(st.lists(st.floats(width=32), min_size=4, max_size=4), min_size=1, max_size=4)
)
def test_any_box_is_kept_or_refused(boxes):
    legal = all(
        all(abs(value) < 1e9 for value in box) and box[0] <= box[2] and box[1] <= box[3]
        for box in boxes
    )
    if legal:
        assert Regions.from_inputs(boxes=boxes).boxes.tolist() == boxes
    else:
        with pytest.raises(RegionError, match=r'boxes\[\d\]'):
            Regions.from_inputs(boxes=boxes)


def test_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Regions().boxes = torch.zeros(1, 4)
