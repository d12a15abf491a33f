"""The metrics of the runner: rows of data samples, files, several processes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from mmpatchioner.evaluation.functional.rows import RowError
from mmpatchioner.evaluation.functional.scoring import ScoreSettings, score_rows
from mmpatchioner.evaluation.metrics import (
    DenseCaptionMetric,
    ImageCaptionMetric,
    RegionSetCaptionMetric,
    TraceCaptionMetric,
)
from mmpatchioner.evaluation.row_file import read_rows
from mmpatchioner.registry import METRICS
from tests.processes import run_ranks
from tests.test_evaluation.scorers import SharedWords

WORDS = ['dog', 'cat', 'car', 'sky', 'boat', 'tree', 'road']


@pytest.fixture(autouse=True)
def no_java(monkeypatch):
    monkeypatch.setenv('PATH', '')
    monkeypatch.delenv('JAVA_HOME', raising=False)


def data_sample(index, geometry=('bbox',), found=None):
    """What the evaluator hands to a metric: a data sample as a dict, of an image with two regions."""
    rng = np.random.default_rng(index)
    corners = rng.uniform(0, 40, (2, 2, 2))
    boxes = np.concatenate([corners.min(1), corners.max(1) + 5], axis=1).astype(np.float32)
    values = {'bbox': boxes[0].tolist(), 'bboxes': boxes.tolist(), 'points': [[0.5, 0.5]]}
    regions = [
        {'captions': [f'a {WORDS[(index + i) % 7]} here']}
        | {name: values[name] if name != 'bbox' else boxes[i].tolist() for name in geometry}
        for i in range(2)
    ]
    number = 2 if found is None else found
    return {
        'img_id': f'{index}',
        'img_path': f'photos/{index}.jpg',
        'ori_shape': (60, 80),
        'gt_regions': regions,
        'pred_instances': {
            'bboxes': torch.from_numpy(boxes)[:number],
            'captions': [f'a {WORDS[(index * 3 + i) % 7]} here' for i in range(number)],
            'ranking_scores': torch.from_numpy(rng.uniform(size=number).astype(np.float32)),
        },
    }


def dense_metric(**options):
    return DenseCaptionMetric(meteor=SharedWords(), **options)


@pytest.mark.parametrize(
    ('kind', 'geometry'),
    [
        (RegionSetCaptionMetric, ('bboxes',)),
        (TraceCaptionMetric, ('points',)),
        (ImageCaptionMetric, ()),
    ],
)
def test_captions_are_scored_with_the_region_they_belong_to(kind, geometry):
    metric = kind(meteor=SharedWords())
    samples = [data_sample(index, geometry) for index in range(4)]
    metric.process(None, samples)
    scores = metric.evaluate(size=4)
    rows = [metric.row(sample) for sample in samples]
    expected = score_rows(kind.task, rows, ScoreSettings(meteor=SharedWords())).scores
    assert scores == {f'{kind.task}/{name}': value for name, value in expected.items()}
    assert rows[1]['predictions'][0].keys() == {'caption', 'score', *geometry}
    assert (rows[1]['height'], rows[1]['width']) == (60, 80)
    json.dumps(rows, allow_nan=False)


def test_a_dense_metric_scores_boxes_in_the_order_of_their_scores():
    metric = dense_metric(variant='lua')
    metric.process(None, [data_sample(0), data_sample(1, found=1)])
    scores = metric.evaluate(size=2)
    assert set(scores) == {'dense/map', 'dense/detmap'}
    assert metric.report.details['variant'] == 'lua'
    assert metric.report.details['num_predictions'] == 3


def test_the_registry_builds_them_without_java():
    metric = METRICS.build(dict(type='mmpatchioner.DenseCaptionMetric'))
    metric.process(None, [data_sample(0)])
    scores = metric.evaluate(size=1)
    assert 'dense/detmap' in scores
    assert 'dense/map' not in scores
    assert 'Java' in metric.report.skipped['map']


def test_regions_that_were_not_asked_for_are_named():
    sample = data_sample(0, ('bboxes',), found=1)
    with pytest.raises(RowError, match=r'photos/0.jpg: expected 2 captions.*LoadCaptionRegions'):
        RegionSetCaptionMetric(meteor=False).process(None, [sample])
    del sample['gt_regions']
    with pytest.raises(RowError, match='expected `gt_regions`'):
        dense_metric().process(None, [sample])


def test_a_ranking_score_that_is_no_number_is_refused_before_anything_is_written(tmp_path):
    metric = dense_metric(out_file=str(tmp_path / 'rows.jsonl'))
    sample = data_sample(0)
    sample['pred_instances']['ranking_scores'][1] = float('nan')
    with pytest.raises(RowError, match='score_mode'):
        metric.process(None, [sample])
    assert dense_metric(out_file=str(tmp_path / 'rows.jsonl'), resume=True).results == []


def test_rows_that_are_there_are_scored_with_the_others(tmp_path):
    path = str(tmp_path / 'rows.jsonl')
    samples = [data_sample(index) for index in range(4)]
    whole = dense_metric()
    whole.process(None, samples)
    expected = whole.evaluate(size=4)
    dense_metric(out_file=path).process(None, samples[:3])
    resumed = dense_metric(out_file=path, resume=True)
    assert len(resumed.results) == 3
    resumed.process(None, samples[3:])
    assert resumed.evaluate(size=4) == expected
    assert len(read_rows(path)[1]) == 4


def evaluate_share(rank, folder, count):
    """What a rank of two does: every second image, the last one twice if they do not divide evenly."""
    os.environ['PATH'] = ''
    metric = dense_metric(out_file=f'{folder}/rows.jsonl', collect_dir=f'{folder}/gathered')
    indices = [i % count for i in range(rank, count + count % 2, 2)]
    for index in indices:
        metric.process(None, [data_sample(index)])
    scores = metric.evaluate(size=count)
    Path(folder, f'{rank}.json').write_text(json.dumps(scores))


@pytest.mark.parametrize('count', [4, 5])
def test_two_processes_give_the_scores_of_one(tmp_path, count):
    alone = dense_metric(out_file=str(tmp_path / 'alone.jsonl'))
    alone.process(None, [data_sample(index) for index in range(count)])
    expected = alone.evaluate(size=count)
    (tmp_path / 'two').mkdir()
    run_ranks(evaluate_share, tmp_path / 'two', count)
    for rank in range(2):
        assert json.loads((tmp_path / 'two' / f'{rank}.json').read_text()) == expected
    assert (tmp_path / 'two/rows.jsonl').read_bytes() == (tmp_path / 'alone.jsonl').read_bytes()
    assert not list((tmp_path / 'two').glob('*.part-*'))
