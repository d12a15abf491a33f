"""Every benchmark config, reduced, captions and collects a small file of its task."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from PIL import Image

from mmpatchioner.apis.building import build_captioner
from mmpatchioner.apis.zoo import config_root
from mmpatchioner.registry import DATASETS, METRICS
from tests.reductions import reduce_model

REGIONS = {
    'dense': [dict(bbox=[3, 10, 90, 70], caption='a dog'), dict(bbox=[0, 0, 9, 9], caption='sky')],
    'region_set': [dict(bboxes=[[3, 10, 90, 70], [0, 0, 9, 9]], captions=['dogs', 'two dogs'])],
    'trace': [dict(points=[[0.1, 0.2], [0.6, 0.7]], captions=['a path'])],
}
TASKS = {name.replace('_', '-'): name for name in ('dense', 'region_set', 'trace', 'image')}
BENCHMARKS = [
    path
    for path in sorted(config_root().rglob('*.py'))
    if '_base_' not in path.parts and path.stem.rpartition('_')[2] in TASKS
]


@pytest.fixture(scope='module')
def annotations(folder):
    """A file of two photos for each task."""
    rng = np.random.default_rng(0)
    for number in range(2):
        pixels = rng.integers(0, 255, (80, 100, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f'{number}.png')
    files = {}
    for task in TASKS.values():
        own = dict(captions=['a park']) if task == 'image' else dict(regions=REGIONS[task])
        lines = [json.dumps(dict(image=f'{number}.png', **own)) for number in range(2)]
        files[task] = folder / f'{task}.jsonl'
        files[task].write_text('\n'.join(lines))
    return files


@pytest.mark.parametrize('path', BENCHMARKS, ids=lambda path: path.stem)
def test_every_benchmark_captions_its_task(path, folder, annotations):
    torch.manual_seed(0)
    cfg = Config.fromfile(path)
    assert {'test_dataloader', 'test_evaluator', 'test_cfg'} <= set(cfg)
    reduce_model(cfg, folder)
    task = TASKS[path.stem.rpartition('_')[2]]
    dataset = cfg.test_dataloader.dataset
    assert DATASETS.get(dataset.type).task == task
    for key in ('data_root', 'ann_options', 'file_format'):
        dataset.pop(key, None)
    dataset.update(ann_file=str(annotations[task]), data_prefix=dict(img=str(folder)))
    cfg.test_dataloader.num_workers = 0
    cfg.test_dataloader.pop('persistent_workers', None)
    model = build_captioner(cfg, torch.device('cpu'))
    metric = METRICS.build(dict(cfg.test_evaluator, meteor=False))
    with DefaultScope.overwrite_default_scope('mmdet'):
        loader = Runner.build_dataloader(cfg.test_dataloader)
    metric.dataset_meta = loader.dataset.metainfo
    for batch in loader:
        samples = model.test_step(batch)
        metric.process(batch, [sample.to_dict() for sample in samples])
    assert len(metric.results) == 2
    expected = {'dense': [2, 2]}.get(task, [1, 1])
    if cfg.model.region_source == 'gt':
        assert [len(sample.pred_instances) for sample in samples] == expected
