"""Dense-captioning mAP against both originals' recorded results, its definition, and what must not matter."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpatchioner.evaluation.functional import dense_captioning_map, match_image, recall_levels

from .densecap_cases import (
    IMAGES,
    IOU_THRS,
    METEOR_THRS,
    VARIANTS,
    Image,
    literal_levels,
    literal_map,
    toy_meteor,
)

TOLERANCE = {'port': 1e-6, 'lua': 1e-9}
SPOTS = [(20 * column, 0, 20 * column + 10, 10) for column in range(100)]


def evaluate(images, variant='port', meteor=toy_meteor, **options):
    return dense_captioning_map(
        [image.match(variant) for image in images], meteor, variant, **options
    )


def right_captions(pairs):
    return [float(text in references) for text, references in pairs]


def given_boxes(count, npos):
    """An image with the best-ranked ``count`` of ``npos`` annotations found."""
    return Image.of(
        [(box, 1 - rank / 1000, 'x') for rank, box in enumerate(SPOTS[:count])],
        [(box, 'x') for box in SPOTS[:npos]],
    )


@given(st.lists(IMAGES, max_size=5), VARIANTS, st.booleans())
@settings(max_examples=60)
def test_average_precisions_are_as_defined(images, variant, strict_npos):
    result = evaluate(images, variant, strict_npos=strict_npos)
    cells, npos = literal_map(images, variant, strict_npos)
    assert result.npos == npos
    assert result.n_records == sum(len(image.pred_boxes) for image in images)
    assert result.table() == {
        f'{iou}': {
            'off' if thr is None else f'{thr}': pytest.approx(cells[iou, thr], abs=1e-12)
            for thr in (None, *METEOR_THRS)
        }
        for iou in IOU_THRS
    }
    found = [ap for (_, thr), ap in cells.items() if thr is None]
    told = [ap for (_, thr), ap in cells.items() if thr is not None]
    assert result.detmap == pytest.approx(sum(found) / 5, abs=1e-12)
    assert result.map == pytest.approx(sum(told) / 30, abs=1e-12)


@given(st.lists(IMAGES, max_size=4), VARIANTS)
def test_only_predictions_that_can_count_are_scored(images, variant):
    asked = []

    def meteor(pairs):
        asked.extend(pairs)
        return toy_meteor(pairs)

    lazy = evaluate(images, variant, meteor)
    matched = [image.match(variant) for image in images]
    assert asked == [pair for image in matched for pair in image.meteor_pairs(0.3)]
    assert len(asked) <= lazy.npos
    # The definition asks for the METEOR of every record.
    cells, _ = literal_map(images, variant)
    for (iou, thr), ap in cells.items():
        assert lazy.curve(iou, thr)[1].mean() == pytest.approx(ap, abs=1e-12)


def test_meteor_is_not_asked_when_nothing_can_count():
    def unavailable(pairs):
        raise AssertionError('METEOR was started for nothing')

    image = Image.of([((0, 0, 9, 9), 0.5, 'x')], [((50, 50, 60, 60), 'x')])
    assert evaluate([image, Image()], meteor=unavailable).map == 0


@pytest.mark.parametrize('variant', ['port', 'lua'])
def test_recorded_results_of_both_originals(shared_data, variant):
    cases = json.loads((shared_data / 'eval' / 'densecap_minicases.json').read_text())
    assert len(cases) == 12
    for case in cases:
        expected = case[{'port': 'expected_controlcap', 'lua': 'expected_lua'}[variant]]
        matched = [_recorded_image(case, image['id']).match(variant) for image in case['images']]
        assert np.concatenate([image.ok for image in matched]).tolist() == expected['record_ok']
        overlaps = np.concatenate([image.ious for image in matched]).tolist()
        assert overlaps == pytest.approx(expected['record_iou'], abs=1e-9)

        result = dense_captioning_map(matched, _recorded_meteor(case, matched), variant)

        content = result.to_dict()
        for name in ('map', 'detmap', 'ap_breakdown', 'det_breakdown', 'npos'):
            assert content[name] == pytest.approx(expected[name], abs=TOLERANCE[variant]), case
        assert content['n_records'] == len(expected['record_ok'])


def _recorded_image(case, image_id):
    def of_image(entries):
        return [entry for entry in entries if entry['image_id'] == image_id]

    return Image.of(
        [
            (found['bbox'], found['score'], found['caption'])
            for found in of_image(case['detections'])
        ],
        [(entry['bbox'], entry['caption']) for entry in of_image(case['annotations'])],
    )


def _recorded_meteor(case, matched):
    """Scores that the jar gave, by text and references; both originals have the same."""
    records = [
        (text, tuple(references))
        for image in matched
        for text, references in zip(image.captions, image.references, strict=True)
    ]
    scores = dict(zip(records, case['expected_controlcap']['record_meteor'], strict=True))
    return lambda pairs: [scores[text, tuple(references)] for text, references in pairs]


@pytest.mark.parametrize(('variant', 'expected'), [('port', 0.07), ('lua', 0.06)])
def test_six_of_a_hundred_reach_the_seventh_recall_of_the_port_only(variant, expected):
    result = evaluate([given_boxes(6, 100)], variant, right_captions)
    assert result.detmap == pytest.approx(expected, abs=1e-12)
    assert result.map == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize('variant', ['port', 'lua'])
@pytest.mark.parametrize('count', [1, 9, 29, 42, 45, 50, 76, 84, 99, 100])
def test_recalls_that_fall_on_a_level(variant, count):
    reached = sum(
        (np.float32(count) / np.float32(100) if variant == 'port' else count / 100) >= level
        for level in literal_levels(variant)
    )
    result = evaluate([given_boxes(count, 100)], variant, right_captions)
    assert result.detmap == pytest.approx(reached / 100, abs=1e-12)


@pytest.mark.parametrize('variant', ['port', 'lua'])
def test_recall_levels_have_the_last_digit_of_the_originals(variant):
    levels = recall_levels(variant)
    assert levels.dtype == {'port': np.float32, 'lua': np.float64}[variant]
    assert levels.tolist() == [float(level) for level in literal_levels(variant)]


def test_levels_of_the_original_are_a_running_sum():
    levels = recall_levels('lua')
    assert (levels[6], levels[50], levels[99]) == (
        0.060000000000000005, 0.50000000000000022, 0.99000000000000066,
    )  # fmt: skip


def test_precision_is_rounded_to_float32_in_the_port():
    image = Image.of(
        [(SPOTS[0], 0.9, 'x'), (SPOTS[0], 0.8, 'x'), (SPOTS[1], 0.7, 'x')],
        [(SPOTS[0], 'x'), (SPOTS[1], 'x')],
    )
    two_thirds = float(np.float32(2) / np.float32(3))
    port, lua = (evaluate([image], variant).detmap for variant in ('port', 'lua'))
    assert port == pytest.approx((51 + 49 * two_thirds) / 100, abs=1e-15)
    assert lua == pytest.approx((50 + 50 * 2 / 3) / 100, abs=1e-14)
    assert abs(port - (51 + 49 * 2 / 3) / 100) > 1e-9


@pytest.mark.parametrize(
    ('score', 'cells'), [(0.0, 0), (1e-9, 1), (0.05, 1), (0.1500001, 4), (1, 6)]
)
def test_meteor_must_be_above_its_threshold(score, cells):
    result = evaluate([given_boxes(1, 1)], meteor=lambda pairs: [score] * len(pairs))
    assert result.map == pytest.approx(cells / 6)
    assert result.detmap == 1


@pytest.mark.parametrize('width', [3, 4, 5, 6, 7])
def test_overlap_may_be_equal_to_its_threshold(width):
    image = Image.of([((0, 0, width, 10), 0.9, 'x')], [((0, 0, 10, 10), 'x')])
    result = evaluate([image])
    assert result.detmap == pytest.approx((width - 2) / 5)


@pytest.mark.parametrize('variant', ['port', 'lua'])
def test_perfect_predictions_score_one(variant):
    images = [
        Image.of(
            [(box, 0.9 - 0.1 * number, f'thing {box}') for box in SPOTS[:3]],
            [(box, f'thing {box}') for box in SPOTS[:3]],
        )
        for number in range(4)
    ]
    result = evaluate(images, variant, right_captions)
    assert (result.map, result.detmap, result.npos) == (1.0, 1.0, 12)
    assert (result.precisions == 1).all()


@pytest.mark.parametrize('variant', ['port', 'lua'])
def test_near_duplicates_of_given_boxes_are_false_positives(variant):
    """One prediction for each annotation, with its own box: surplus ones of a merged group count against the score."""
    boxes = [(0, 0, 100, 100), (2, 0, 102, 100), (200, 0, 300, 100)]
    image = Image.of(
        [(box, score, 'x') for box, score in zip(boxes, (0.9, 0.8, 0.7), strict=True)],
        [(box, 'x') for box in boxes],
    )
    result = evaluate([image], variant, right_captions)
    assert result.npos == 2
    assert 0.8 < result.detmap < 0.85


def test_images_without_predictions():
    found, missed = given_boxes(1, 1), Image.of((), [(SPOTS[0], 'x')])
    assert evaluate([found, missed]).npos == 2
    assert evaluate([found, missed]).detmap == pytest.approx(0.51)
    lenient = evaluate([found, missed], strict_npos=False)
    assert (lenient.npos, lenient.detmap) == (1, 1.0)


@pytest.mark.parametrize('variant', ['port', 'lua'])
def test_images_without_annotations_only_have_false_positives(variant):
    wrong = Image.of([(SPOTS[0], 0.95, 'x')])
    result = evaluate([given_boxes(1, 1), wrong], variant, right_captions)
    assert (result.npos, result.n_records, result.detmap) == (1, 2, 1.0)
    better_ranked = Image.of([(SPOTS[0], 2.0, 'x')])
    assert evaluate([given_boxes(1, 1), better_ranked], variant).detmap == 0.5


@pytest.mark.parametrize('variant', ['port', 'lua'])
@pytest.mark.parametrize(
    'images',
    [
        [],
        [Image()],
        [Image.of([(SPOTS[0], 0.5, 'x')])],
        [Image.of((), [(SPOTS[0], 'x')])],
        [Image.of([(SPOTS[0], 0.5, 'x')], [((7, 7, 7, 7), 'x')])],
    ],
)
def test_nothing_to_find_or_nothing_found_is_zero(images, variant, recwarn):
    result = evaluate(images, variant)
    assert (result.map, result.detmap) == (0.0, 0.0)
    assert all(value == 0 for row in result.table().values() for value in row.values())
    assert not recwarn.list


def test_equal_scores_are_ranked_by_image_then_position():
    """All scores equal: which records come first is the order of the file, and the result depends on it."""
    good, bad = given_boxes(1, 1), Image.of([((500, 0, 510, 10), 1.0, 'x')])
    assert evaluate([good, bad]).detmap == 1.0
    assert evaluate([bad, good]).detmap == 0.5


@given(st.lists(IMAGES, min_size=2, max_size=4), VARIANTS, st.randoms(use_true_random=False))
def test_order_of_images_matters_only_for_ties(images, variant, random):
    scores = iter(random.sample(range(1000), sum(len(image.pred_boxes) for image in images)))
    images = [
        Image(i.pred_boxes, tuple(float(next(scores)) for _ in i.pred_boxes), *_rest(i))
        for i in images
    ]
    shuffled = random.sample(images, len(images))
    assert np.array_equal(
        evaluate(images, variant).precisions, evaluate(shuffled, variant).precisions
    )


@given(st.lists(IMAGES, min_size=1, max_size=3), VARIANTS, st.randoms(use_true_random=False))
def test_every_image_several_times_is_worth_the_same(images, variant, random):
    scores = iter(random.sample(range(1000), sum(len(image.pred_boxes) for image in images)))
    images = [
        Image(i.pred_boxes, tuple(float(next(scores)) for _ in i.pred_boxes), *_rest(i))
        for i in images
    ]
    once, often = evaluate(images, variant), evaluate(5 * images, variant)
    assert np.array_equal(once.precisions, often.precisions)
    assert (often.npos, often.n_records) == (5 * once.npos, 5 * once.n_records)


def _rest(image):
    return image.pred_captions, image.gt_boxes, image.gt_captions


@given(st.lists(IMAGES, max_size=3), VARIANTS, st.integers(-10, 10))
def test_only_the_order_of_scores_matters(images, variant, exponent):
    factor = 2.0**exponent
    scaled = [
        Image(i.pred_boxes, tuple(factor * s for s in i.pred_scores), *_rest(i)) for i in images
    ]
    assert np.array_equal(
        evaluate(images, variant).precisions, evaluate(scaled, variant).precisions
    )


def test_regions_alone_need_no_meteor():
    images = [given_boxes(3, 4)]
    alone, full = evaluate(images, meteor=None), evaluate(images)
    assert alone.map is None
    assert alone.detmap == full.detmap == pytest.approx(0.76)
    assert alone.to_dict() == {
        'detmap': alone.detmap,
        'det_breakdown': {f'iou_{iou}': alone.detmap for iou in IOU_THRS},
        'npos': 4,
        'n_records': 3,
    }
    assert alone.table()['0.5'] == {'off': alone.detmap}


def test_names_of_cells_are_those_of_each_evaluator():
    images = [given_boxes(1, 2)]
    port, lua = evaluate(images, 'port').to_dict(), evaluate(images, 'lua').to_dict()
    assert list(port['ap_breakdown'])[:3] == [
        'iou_0.3_meteor_0', 'iou_0.3_meteor_0.05', 'iou_0.3_meteor_0.1',
    ]  # fmt: skip
    assert list(lua['ap_breakdown'])[-1] == 'ov0.7_score0.25'
    assert list(lua['det_breakdown']) == ['ov0.3', 'ov0.4', 'ov0.5', 'ov0.6', 'ov0.7']
    assert (len(port['ap_breakdown']), len(lua['ap_breakdown'])) == (30, 30)
    assert json.loads(json.dumps(port)) == port


def test_curve_of_a_cell_has_its_average_precision():
    result = evaluate([given_boxes(3, 4)], meteor=lambda pairs: [0.12] * len(pairs))
    recalls, precisions = result.curve(0.5, 0.1)
    assert recalls.tolist() == recall_levels('port').tolist()
    assert precisions.tolist() == [1.0] * 76 + [0.0] * 24
    assert precisions.mean() == pytest.approx(result.ap_breakdown['iou_0.5_meteor_0.1'])
    assert not result.curve(0.5, 0.15)[1].any()
    with pytest.raises(ValueError, match=r'iou_thr: expected one of .*, got 0\.55'):
        result.curve(0.55)
    with pytest.raises(ValueError, match=r'meteor_thr: expected one of .* or None, got 0\.3'):
        result.curve(0.5, 0.3)


def test_other_thresholds():
    image = Image.of([((0, 0, 8, 10), 0.9, 'x')], [((0, 0, 10, 10), 'x')])
    result = evaluate(
        [image], iou_thrs=np.array([0.8, 0.9]), meteor_thrs=[0.9], meteor=right_captions
    )
    assert result.table() == {'0.8': {'off': 1.0, '0.9': 1.0}, '0.9': {'off': 0.0, '0.9': 0.0}}


@pytest.mark.parametrize('scores', [[], [0.1, 0.2], [math.nan], [math.inf]])
def test_meteor_must_give_one_number_for_each_pair(scores):
    with pytest.raises(ValueError, match='meteor: expected 1 finite scores'):
        evaluate([given_boxes(1, 1)], meteor=lambda pairs: scores)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(iou_thrs=[]), 'iou_thrs: expected thresholds'),
        (dict(iou_thrs=[0.0, 0.5]), r'iou_thrs: expected thresholds in \(0, 1\]'),
        (dict(meteor_thrs=[]), 'meteor_thrs: expected finite numbers'),
        (dict(meteor_thrs=[math.nan]), 'meteor_thrs: expected finite numbers'),
        (dict(variant='lua'), "matched with variant='lua', got 'port' in number 0"),
        (dict(variant='scenic'), "variant: expected one of .*, got 'scenic'"),
    ],
)
def test_wrong_options_are_refused(options, message):
    image = match_image([SPOTS[0]], [0.5], ['x'], [SPOTS[0]], ['x'])
    with pytest.raises(ValueError, match=message):
        dense_captioning_map([image], toy_meteor, **options)
