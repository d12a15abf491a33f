"""Annotated regions as rows of what the captioner is asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmpatchioner.datasets.transforms import AddPatchView, LoadCaptionRegions, PackCaptionInputs
from mmpatchioner.regions import PatchGrid, region_weights

HEIGHT, WIDTH, SIZE, PATCH = 30, 60, 28, 7


def loaded(regions, mode='squash', **more):
    image = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    results = dict(img=image, ori_shape=image.shape[:2], gt_regions=regions, **more)
    return LoadCaptionRegions().transform(AddPatchView(size=SIZE, mode=mode).transform(results))


def weights(results, mode='squash', selection='intersect'):
    grid = PatchGrid((HEIGHT, WIDTH), (SIZE, SIZE), PATCH, mode)
    return region_weights(results['regions'], grid, selection=selection)


def boxed(*boxes):
    return [{'captions': ['a'], 'bbox': list(box)} for box in boxes]


def test_boxes_keep_order_and_coordinates():
    rows = [(30, 10, 60, 30), (0, 0, 10, 10), (5, 5, 5, 9), (-4, -4, 80, 12)]
    results = loaded(boxed(*rows))
    assert results['regions'].kinds == ['box'] * 4
    assert results['regions'].boxes.tolist() == [list(map(float, row)) for row in rows]
    assert results['region_notes'] == {}
    assert weights(results).sum(dim=1).allclose(torch.ones(4))


@pytest.mark.parametrize(
    ('box', 'row', 'column'),
    [
        ((70, 2, 90, 4), 0, 3),
        ((-20, 40, -10, 50), 3, 0),
        ((10, 31, 12, 44), 3, 0),
        ((59, 29, 1, 1), 3, 3),
        ((1e12, 1e12, 2e12, 2e12), 3, 3),
    ],
)
def test_a_box_outside_or_inverted_is_the_nearest_patch(box, row, column):
    results = loaded(boxed((0, 0, 60, 30), box))
    weight = weights(results)[1].reshape(4, 4)
    assert weight.argmax() == 4 * row + column
    assert (weight > 0).sum() == 1
    assert list(results['region_notes'].values()) == [1]


def test_a_box_in_the_margin_of_a_centre_crop_is_the_nearest_patch_of_it():
    results = loaded(boxed((0, 0, 5, 5)), mode='center_crop')
    assert weights(results, 'center_crop')[0].argmax() == 0


def test_a_set_without_boxes_is_the_whole_image_in_its_row():
    sets = [[[0, 0, 5, 5]], [], [[50, 20, 60, 30], [70, 0, 80, 5]]]
    results = loaded([{'captions': ['a'], 'bboxes': boxes} for boxes in sets])
    weight = weights(results)
    assert results['regions'].kinds == ['set'] * 3
    assert weight[1].allclose(torch.full((16,), 1 / 16))
    assert weight[0].argmax() == 0
    assert sorted(weight[2].nonzero().flatten().tolist()) == [3, 11, 15]
    assert sum(results['region_notes'].values()) == 2


def test_boxes_that_a_set_has_twice_count_twice():
    results = loaded(
        [{'captions': ['a'], 'bboxes': [[0, 0, 5, 5], [0, 0, 5, 5], [50, 25, 60, 30]]}]
    )
    weight = weights(results)[0]
    assert weight[0] == pytest.approx(2 / 3)
    assert weight[15] == pytest.approx(1 / 3)


@pytest.mark.parametrize('mode', ['squash', 'center_crop'])
def test_a_trace_without_a_point_inside_is_the_mean_of_all_patches_in_its_row(mode):
    traces = [[[0.5, 0.5]], [[1.2, 0.5], [0.5, -0.1]], [], [[0.5, 0.9], [1.5, 0.5]]]
    results = loaded([{'captions': ['a'], 'points': points} for points in traces], mode)
    weight = weights(results, mode)
    assert results['regions'].kinds == ['trace'] * 4
    assert weight[1].allclose(torch.full((16,), 1 / 16))
    assert weight[2].allclose(torch.full((16,), 1 / 16))
    assert weight[3].max() == 1
    assert list(results['region_notes'].values()) == [2]


def test_points_are_shares_of_width_and_height():
    results = loaded([{'captions': ['a'], 'points': [[0.5, 0.5], [1.0, 0.0]]}])
    assert results['regions'].traces[0].tolist() == [[30.0, 15.0], [60.0, 0.0]]


def test_the_whole_image():
    results = loaded([{'captions': ['a', 'b']}])
    assert results['regions'].kinds == ['image']
    with pytest.raises(ValueError, match='expected the whole image once, got 2'):
        loaded([{'captions': ['a']}, {'captions': ['b']}])


def test_an_image_without_regions_asks_for_none():
    assert len(loaded([])['regions']) == 0


def test_an_image_of_another_size_than_annotated_is_noted():
    results = loaded(boxed((0, 0, 5, 5)), height=300, width=600)
    assert any('another size' in note for note in results['region_notes'])
    assert loaded(boxed((0, 0, 5, 5)), height=HEIGHT, width=WIDTH)['region_notes'] == {}


def test_what_can_not_be_loaded_is_told():
    with pytest.raises(KeyError, match='`patch_inputs` is missing; put mmpatchioner.AddPatchView'):
        LoadCaptionRegions().transform({'img': np.zeros((4, 4, 3), np.uint8), 'gt_regions': []})
    mixed = [*boxed((0, 0, 5, 5)), {'captions': ['a'], 'points': [[0, 0]]}]
    with pytest.raises(ValueError, match=r"regions of one kind, got \['bbox', 'points'\]"):
        loaded(mixed)


def test_the_annotations_are_left_as_they_are_and_packed():
    regions = boxed((70, 2, 90, 4))
    results = loaded(regions, sample_idx=3)
    assert regions == boxed((70, 2, 90, 4))
    sample = PackCaptionInputs().transform(results)['data_samples']
    assert sample.gt_regions == regions
    assert sample.sample_idx == 3
    assert len(sample.regions) == 1
    assert sum(sample.region_notes.values()) == 1


@given(
    st.lists(st.lists(st.floats(-1e6, 1e6), min_size=4, max_size=4), min_size=1, max_size=5),
    st.sampled_from(['squash', 'center_crop']),
    st.sampled_from(['intersect', 'official']),
)
def test_no_box_whatever_stops_an_evaluation(boxes, mode, selection):
    dense = weights(loaded(boxed(*boxes), mode), mode, selection)
    sets = weights(loaded([{'captions': ['a'], 'bboxes': boxes}], mode), mode, selection)
    assert dense.shape == (len(boxes), 16)
    assert dense.isfinite().all()
    assert sets.isfinite().all()
    assert dense.sum(dim=1).allclose(torch.ones(len(boxes)))
