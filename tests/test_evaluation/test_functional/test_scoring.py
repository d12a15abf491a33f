"""Scores of the tasks from rows."""

from __future__ import annotations

import pytest

from mmpatchioner.evaluation.functional.java import ExternalToolError
from mmpatchioner.evaluation.functional.rows import RowError
from mmpatchioner.evaluation.functional.scoring import ScoreSettings, match_row, score_rows
from tests.test_evaluation.scorers import SharedWords

TEXTS = ['a brown dog', 'two people on a bike', 'a red car', 'the blue sky above']


def dense_rows(predictions=None):
    """Two images of two boxes each; by default their boxes and captions are predicted."""
    rows = []
    for image in range(2):
        truth = [
            {'bbox': [10, 10, 50, 60], 'captions': [TEXTS[2 * image]]},
            {'bbox': [200.5, 100, 300, 180], 'captions': [TEXTS[2 * image + 1], 'something else']},
        ]
        found = [
            {'bbox': r['bbox'], 'caption': r['captions'][0], 'score': 0.5 + 0.1 * i}
            for i, r in enumerate(truth)
        ]
        rows.append(
            {
                'image_id': str(image),
                'file_name': f'{image}.jpg',
                'height': 200,
                'width': 320,
                'predictions': found if predictions is None else predictions,
                'ground_truth': truth,
            }
        )
    return rows


def caption_rows(captions):
    return [
        {
            'image_id': str(index),
            'predictions': [{'caption': caption, 'score': 0.0}],
            'ground_truth': [{'captions': [TEXTS[index]]}],
        }
        for index, caption in enumerate(captions)
    ]


@pytest.fixture
def no_java(monkeypatch):
    """Tokens as the Python tokenizer makes them."""
    monkeypatch.setenv('PATH', '')
    monkeypatch.delenv('JAVA_HOME', raising=False)


def settings(**changes):
    return ScoreSettings(**{'meteor': SharedWords(), **changes})


@pytest.mark.parametrize('variant', ['port', 'lua'])
def test_perfect_boxes_and_captions_reach_the_top(no_java, variant):
    report = score_rows('dense', dense_rows(), settings(variant=variant))
    assert report.protocol == 'given'
    assert report.scores['map'] == pytest.approx(1.0)
    assert report.scores['detmap'] == pytest.approx(1.0)
    assert report.scores['Bleu_4'] == pytest.approx(1.0, abs=1e-6)
    assert report.scores['METEOR_raw'] == pytest.approx(1.0)
    assert 'METEOR' not in report.scores
    assert (report.details['npos'], report.details['num_regions']) == (4, 4)
    assert report.to_dict()['map'] == report.scores['map']
    assert not report.skipped


def test_found_boxes_have_the_map_only(no_java):
    rows = dense_rows([{'bbox': [12, 8, 52, 58], 'caption': 'a brown dog', 'score': 1.0}])
    report = score_rows('dense', rows, settings())
    assert report.protocol == 'found'
    assert set(report.scores) == {'map', 'detmap'}
    assert report.scores['detmap'] > report.scores['map'] > 0


def test_boxes_that_a_captioner_cut_at_the_border_are_still_the_given_ones(no_java):
    rows = dense_rows()
    rows[0]['ground_truth'][1]['bbox'] = [200.5, 100, 390, 180]
    rows[0]['predictions'][1]['bbox'] = [200.5, 100, 320, 180]
    assert score_rows('dense', rows, settings()).protocol == 'given'
    del rows[0]['width']
    assert score_rows('dense', rows, settings()).protocol == 'found'


def test_images_without_a_prediction_count_unless_told_otherwise(no_java):
    rows = dense_rows()
    rows[1]['predictions'] = []
    strict = score_rows('dense', rows, settings()).scores['detmap']
    published = score_rows('dense', rows, settings(strict_npos=False)).scores['detmap']
    assert published == pytest.approx(1.0)
    assert strict == pytest.approx(0.5, abs=0.02)


def test_several_references_of_a_box_are_one_region():
    matched = match_row(dense_rows()[0])
    assert matched.num_gt == 2
    assert matched.references[0] == [TEXTS[1], 'something else']


def test_without_meteor_the_boxes_are_scored(no_java):
    report = score_rows('dense', dense_rows(), settings(meteor=None))
    assert set(report.scores) >= {'detmap', 'CIDEr', 'ROUGE_L'}
    assert not {'map', 'METEOR', 'METEOR_raw'} & set(report.scores)


def test_a_meteor_that_fails_costs_its_scores_only(no_java):
    class Broken(SharedWords):
        def score(self, pairs):
            raise ExternalToolError('Java is missing; install it')

        corpus_score = score

    report = score_rows('dense', dense_rows(), settings(meteor=Broken()))
    assert report.skipped['map'] == 'Java is missing; install it'
    assert report.scores['detmap'] == pytest.approx(1.0)
    assert 'CIDEr' in report.scores


@pytest.mark.parametrize('task', ['image', 'trace', 'region_set'])
def test_captions_are_compared_with_their_own_references(no_java, task):
    right = score_rows(task, caption_rows(TEXTS), settings())
    wrong = score_rows(task, caption_rows(TEXTS[1:] + TEXTS[:1]), settings())
    assert right.scores['METEOR'] == pytest.approx(1.0)
    for name in ('CIDEr', 'ROUGE_L', 'Bleu_1', 'METEOR'):
        assert right.scores[name] > wrong.scores[name]


def test_a_metric_of_images_is_asked_for_the_given_regions(no_java):
    seen = []

    def clip(task, rows):
        seen.append((task, len(rows)))
        return {'CLIP-S': 0.5}

    report = score_rows('dense', dense_rows(), settings(clip=clip))
    assert report.scores['CLIP-S'] == 0.5
    assert seen == [('dense', 2)]


def test_only_the_metrics_asked_for_are_computed(no_java):
    report = score_rows('image', caption_rows(TEXTS), settings(metrics=('cider',)))
    assert set(report.scores) == {'CIDEr'}


@pytest.mark.parametrize(
    ('task', 'change', 'message'),
    [
        ('caption', {}, 'task: expected one of'),
        ('image', {'predictions': []}, 'image 0: expected 1 prediction, one for each'),
        ('image', {'ground_truth': [{'captions': []}]}, r'ground_truth\[0\]: expected a caption'),
        ('image', {'image_id': '1'}, 'image 1: expected once, got twice'),
        ('dense', {}, r'predictions\[0\]: expected bbox as four finite numbers'),
    ],
)
def test_rows_that_can_not_be_scored_are_named(task, change, message):
    rows = caption_rows(TEXTS)
    rows[0] |= change
    with pytest.raises(RowError, match=message):
        score_rows(task, rows, settings())


def test_a_score_that_is_no_number_is_refused():
    rows = dense_rows([{'bbox': [1, 2, 3, 4], 'caption': 'a', 'score': float('nan')}])
    with pytest.raises(RowError, match='expected a finite score to rank'):
        score_rows('dense', rows, settings())


def test_nothing_to_score_is_said():
    with pytest.raises(RowError, match='at least one image'):
        score_rows('image', [], settings())
