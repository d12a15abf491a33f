"""Overlap, merging and matching of dense captioning against their definitions, with many ties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpatchioner.evaluation.functional import box_iou, match_image, merge_ground_truth

from .densecap_cases import (
    BOXES,
    IMAGES,
    THIRDS,
    VARIANTS,
    Image,
    literal_iou,
    literal_match,
    literal_merge,
)

CHAIN = [(15 * step, 0, 15 * step + 100, 100) for step in range(5)]


@given(st.lists(BOXES | THIRDS, max_size=5), st.lists(BOXES | THIRDS, max_size=5), VARIANTS)
def test_overlap_is_as_defined(a, b, variant):
    overlap = box_iou(a, b, variant)
    assert overlap.shape == (len(a), len(b))
    expected = [[literal_iou(one, other, variant) for other in b] for one in a]
    assert np.array_equal(overlap, np.nan_to_num(np.reshape(expected, overlap.shape)))


@pytest.mark.parametrize(
    ('variant', 'expected'),
    [('port', [1.0, 10 / 30, 0.0, 0.0]), ('lua', [1.0, 18 / 48, 3 / 63, 0.0])],
)
def test_last_pixel_belongs_to_boxes_of_the_original(variant, expected):
    others = [(0, 0, 10, 2), (5, 0, 15, 2), (10, 0, 20, 2), (12, 0, 22, 2)]
    overlap = box_iou([(0, 0, 10, 2)], others, variant)[0]
    assert overlap == pytest.approx(expected, abs=1e-15)


def test_original_rounds_coordinates_to_float32():
    box, same_in_float32 = (0, 0, 10, 10), (0, 0, 10 + 1e-9, 10)
    assert box_iou([box], [same_in_float32], 'lua')[0, 0] == 1
    assert box_iou([box], [same_in_float32], 'port')[0, 0] < 1


@given(st.lists(st.tuples(BOXES | THIRDS, st.text('ab', max_size=2)), max_size=9), VARIANTS)
def test_merging_is_as_defined(annotations, variant):
    boxes, captions = zip(*annotations, strict=True) if annotations else ((), ())
    merged, references = merge_ground_truth(boxes, captions, variant)
    expected_boxes, expected_references = literal_merge(boxes, captions, variant)
    assert references == expected_references
    assert merged == pytest.approx(np.reshape(expected_boxes, (-1, 4)), abs=1e-12)


@pytest.mark.parametrize(
    ('count', 'expected'),
    [
        (1, ['a']),
        (2, ['ab']),
        (3, ['abc']),
        (4, ['abc', 'd']),  # b and c have three hits each: the first
        (5, ['abc', 'de']),  # d has only e left, and itself
    ],
)
@pytest.mark.parametrize('variant', ['port', 'lua'])
def test_groups_do_not_grow_along_chains(variant, count, expected):
    assert box_iou([CHAIN[0]], CHAIN[1:3], variant)[0] == pytest.approx([0.74, 0.54], abs=0.01)
    merged, references = merge_ground_truth(CHAIN[:count], 'abcde'[:count], variant)
    assert [''.join(group) for group in references] == expected
    assert merged[0].tolist() == np.mean(CHAIN[: len(expected[0])], axis=0).tolist()


def test_largest_group_comes_first_and_duplicates_are_kept():
    alone, pair = (0, 0, 5, 5), (50, 50, 80, 80)
    merged, references = merge_ground_truth([alone, pair, pair], ['x', 'same', 'same'])
    assert merged.tolist() == [list(pair), list(alone)]
    assert references == [['same', 'same'], ['x']]


def test_box_without_area_is_left_out_of_the_port_alone():
    boxes = [(5, 5, 5, 9), (0, 0, 3, 3), (5, 5, 5, 9)]
    assert merge_ground_truth(boxes, 'abc', 'port')[1] == [['b']]
    assert merge_ground_truth(boxes, 'abc', 'lua')[1] == [['a', 'c'], ['b']]


@given(IMAGES, VARIANTS)
def test_matching_is_as_defined(image, variant):
    matched = image.match(variant)
    records, num_gt = literal_match(image, variant)
    assert (len(matched), matched.num_gt) == (len(records), num_gt)
    scores, ok, overlaps, texts, references = zip(*records, strict=True) if records else [()] * 5
    assert matched.scores.tolist() == list(scores)
    assert matched.ok.tolist() == list(ok)
    assert matched.ious == pytest.approx(list(overlaps), abs=1e-12)
    assert (matched.captions, matched.references) == (list(texts), list(references))


@given(IMAGES, VARIANTS, st.integers(-40, 40), st.integers(-40, 40))
def test_matching_does_not_depend_on_where_the_image_begins(image, variant, dx, dy):
    here, there = image.match(variant), image.shifted(256 * dx, 256 * dy).match(variant)
    assert here.captions == there.captions
    assert here.ious == pytest.approx(there.ious, abs=1e-3)


def test_used_annotation_is_not_replaced_by_a_free_one():
    matched = match_image(
        [(0, 0, 100, 100), (10, 0, 110, 100), (50, 0, 150, 100)], [0.9, 0.8, 0.7], 'abc',
        [(0, 0, 100, 100), (50, 0, 150, 100)], ['left', 'right'],
    )  # fmt: skip
    assert matched.ok.tolist() == [True, False, True]
    assert matched.references == [['left'], ['left'], ['right']]


def test_slight_overlap_uses_an_annotation_up():
    matched = match_image(
        [(99, 99, 200, 200), (0, 0, 100, 100)], [0.9, 0.8], 'ab', [(0, 0, 100, 100)], ['x']
    )
    assert matched.ok.tolist() == [True, False]
    assert matched.can_count(0.3).tolist() == [False, False]


@pytest.mark.parametrize(('variant', 'expected'), [('port', [0, 1, 1, 0]), ('lua', [1, 0, 1, 0])])
def test_prediction_in_the_open_uses_up_the_last_annotation_of_the_original(variant, expected):
    image = Image.of(
        [
            ((300, 300, 340, 340), 0.99, 'nothing here'),
            ((100, 100, 150, 150), 0.9, 'a cat'),
            ((0, 0, 40, 40), 0.8, 'a dog'),
            ((300, 300, 340, 340), 0.1, 'nor here'),
        ],
        [((0, 0, 40, 40), 'a dog'), ((100, 100, 150, 150), 'a cat')],
    )
    matched = image.match(variant)
    assert matched.ok.tolist() == [bool(ok) for ok in expected]
    assert matched.references == [[], ['a cat'], ['a dog'], []]


def test_last_annotation_is_the_last_after_merging():
    boxes = [(0, 0, 40, 40), (100, 100, 150, 150), (101, 100, 151, 150)]
    image = Image.of(
        [((300, 300, 340, 340), 0.9, 'no'), ((0, 0, 40, 40), 0.8, 'a dog')],
        [(boxes[0], 'a dog'), (boxes[1], 'a cat'), (boxes[2], 'a cat')],
    )
    assert image.match('lua').ok.tolist() == [True, False]


@pytest.mark.parametrize(('variant', 'expected'), [('port', 'abc'), ('lua', 'bac')])
def test_scores_that_are_equal_in_float32_keep_their_order_in_the_port(variant, expected):
    box = (0, 0, 9, 9)
    matched = match_image(
        [box] * 3, [0.3, 0.3 + 1e-12, 0.3 - 1e-12], 'abc', [box], ['x'], variant=variant
    )
    assert ''.join(matched.captions) == expected
    assert matched.ok.tolist() == [True, False, False]


@pytest.mark.parametrize('variant', ['port', 'lua'])
def test_images_without_annotation_or_prediction(variant):
    box = (0, 0, 9, 9)
    wrong = match_image([box, box], [0.5, 0.6], 'ab', [], [], variant=variant)
    assert (wrong.num_gt, wrong.ok.tolist(), wrong.ious.tolist()) == (0, [False, False], [0.0, 0.0])
    missed = match_image([], [], [], [box], ['x'], variant=variant)
    assert (missed.num_gt, len(missed), missed.meteor_pairs()) == (1, 0, [])


def test_huge_scores_rank_without_a_warning(recwarn):
    matched = match_image([(0, 0, 9, 9)] * 3, [1e-300, 1e300, 3.0], 'abc', [], [])
    assert ''.join(matched.captions) == 'bca'
    assert not recwarn.list


def test_what_is_given_is_not_changed():
    boxes, scores = np.array([[0.0, 0, 9, 9], [1, 1, 8, 8]]), np.array([0.1, 0.2])
    before = boxes.copy(), scores.copy()
    match_image(boxes, scores, ['a', 'b'], boxes, ['c', 'd'], variant='lua')
    assert np.array_equal(boxes, before[0]) and np.array_equal(scores, before[1])


BOX = [(0, 0, 9, 9)]


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(pred_boxes=[(0, 0, 9)]), r'pred_boxes: expected boxes as \(N, 4\) numbers'),
        (dict(pred_boxes=[(0, 0, 9, np.nan)]), 'pred_boxes: expected finite coordinates'),
        (dict(gt_boxes=[(0, 0, np.inf, 1)]), r'gt_boxes: .* in row 0; remove that box'),
        (dict(pred_scores=[0.1, 0.2]), 'pred_scores: expected one for each of the 1 boxes, got 2'),
        (dict(pred_scores=[[0.1]]), r'pred_scores: expected \(N,\) numbers'),
        (dict(pred_scores=[np.nan]), 'pred_scores: expected numbers, got NaN in row 0'),
        (dict(pred_captions=[]), 'pred_captions: expected one for each of the 1 boxes, got 0'),
        (dict(gt_captions=['a', 'b']), 'gt_captions: expected one for each of the 1 boxes, got 2'),
        (dict(variant='scenic'), "variant: expected one of .*, got 'scenic'"),
        (dict(merge_thr=0), r'merge_thr: expected an overlap in \(0, 1\], got 0'),
    ],
)
def test_wrong_input_is_refused(changes, message):
    correct = dict(
        pred_boxes=BOX, pred_scores=[0.5], pred_captions=['a'], gt_boxes=BOX, gt_captions=['b']
    )
    with pytest.raises(ValueError, match=message):
        match_image(**{**correct, **changes})


def test_captions_to_merge_must_be_as_many_as_boxes():
    with pytest.raises(ValueError, match='captions: expected one for each of the 1 boxes, got 0'):
        merge_ground_truth(BOX, [])
