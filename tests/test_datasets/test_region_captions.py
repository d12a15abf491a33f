"""Datasets of captioned regions: items, paths, missing images."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope
from PIL import Image
from tiny_captioner import tiny_config

from mmpatchioner.apis.zoo import config_root
from mmpatchioner.datasets import (
    DenseCaptionDataset,
    ImageCaptionDataset,
    RegionSetCaptionDataset,
    TraceCaptionDataset,
)
from mmpatchioner.datasets.annotations import AnnotationError
from mmpatchioner.datasets.image_files import ImageFolder
from mmpatchioner.registry import DATASETS, METRICS, MODELS

TASKS = ('dense', 'region-set', 'trace', 'image')
DATASET_FILES = sorted(
    path for task in TASKS for path in (config_root() / '_base_/datasets').glob(f'*_{task}.py')
)


@pytest.fixture
def root(tmp_path):
    """Two photos in a sub-folder of COCO, and a file of boxes."""
    folder = tmp_path / 'coco' / 'val2014'
    folder.mkdir(parents=True)
    for number in (7, 9):
        name = f'COCO_val2014_{number:012d}.jpg'
        Image.fromarray(np.full((30, 40, 3), number, dtype=np.uint8)).save(folder / name)
    write(tmp_path / 'boxes.jsonl', [line(7, [box(0), box(5)]), line(9, [])])
    return tmp_path


def line(number, regions):
    name = f'COCO_val2014_{number:012d}.jpg'
    return {'image': name, 'image_id': number, 'width': 40, 'height': 30, 'regions': regions}


def box(left):
    return {'bbox': [left, 0, left + 10, 10], 'captions': [f'thing at {left}', 'a thing']}


def write(path, lines):
    path.write_text('\n'.join(json.dumps(entry) for entry in lines))


def dense(root, **kwargs):
    options = dict(ann_file='boxes.jsonl', data_root=str(root), data_prefix=dict(img='coco'))
    return DenseCaptionDataset(**{**options, **kwargs})


@pytest.mark.parametrize('serialize', [True, False])
def test_an_item_is_an_image_with_all_of_its_regions(root, serialize):
    dataset = dense(root, serialize_data=serialize)
    assert dataset.get_data_info(0) == {
        'img_path': str(root / 'coco' / 'val2014' / 'COCO_val2014_000000000007.jpg'),
        'img_id': '7',
        'height': 30,
        'width': 40,
        'gt_regions': [
            {'captions': ['thing at 0', 'a thing'], 'bbox': [0.0, 0.0, 10.0, 10.0]},
            {'captions': ['thing at 5', 'a thing'], 'bbox': [5.0, 0.0, 15.0, 10.0]},
        ],
        'sample_idx': 0,
    }
    assert dataset.get_data_info(1)['gt_regions'] == []
    assert dataset.metainfo['task'] == 'dense'


@pytest.mark.parametrize(
    ('kind', 'key', 'value'),
    [
        (RegionSetCaptionDataset, 'bboxes', [[0.0, 0.0, 5.0, 5.0], [1.0, 1.0, 2.0, 2.0]]),
        (RegionSetCaptionDataset, 'bboxes', []),
        (TraceCaptionDataset, 'points', [[0.1, 0.2], [1.5, 0.5]]),
    ],
)
def test_sets_and_traces_keep_their_coordinates(root, kind, key, value):
    write(root / 'own.jsonl', [line(7, [{key: value, 'captions': ['a']}])])
    dataset = kind(ann_file=str(root / 'own.jsonl'), data_prefix=dict(img=str(root / 'coco')))
    assert dataset.get_data_info(0)['gt_regions'] == [{'captions': ['a'], key: value}]


def test_whole_images_of_a_split(root):
    names = [f'COCO_val2014_{number:012d}.jpg' for number in (7, 9)]
    splits = zip(names, ('train', 'val'), strict=True)
    write(root / 'c.jsonl', [dict(image=n, split=s, captions=[s, 'x']) for n, s in splits])
    dataset = ImageCaptionDataset(
        ann_file='c.jsonl',
        ann_options=dict(splits=['val']),
        data_root=str(root),
        data_prefix=dict(img='coco'),
    )
    assert len(dataset) == 1
    assert dataset.get_data_info(0)['gt_regions'] == [{'captions': ['val', 'x']}]


def test_several_files_are_one_dataset_below_a_relative_root(root, monkeypatch):
    write(root / 'more.jsonl', [line(9, [box(1)])])
    write(root / 'boxes.jsonl', [line(7, [box(0)])])
    monkeypatch.chdir(root.parent)
    dataset = dense(root.name, ann_file=['boxes.jsonl', 'more.jsonl'])
    assert [dataset.get_data_info(i)['img_id'] for i in range(2)] == ['7', '9']
    assert dataset.ann_files == [f'{root.name}/boxes.jsonl', f'{root.name}/more.jsonl']


def test_indices_take_the_first_images_or_chosen_ones(root):
    assert len(dense(root, indices=1)) == 1
    assert dense(root, indices=[1]).get_data_info(0)['img_id'] == '9'


def test_a_missing_image_is_told_with_counts_and_a_remedy(root):
    (root / 'coco' / 'val2014' / 'COCO_val2014_000000000007.jpg').unlink()
    with pytest.raises(
        FileNotFoundError,
        match=r"boxes.jsonl: 1 of 2 images are missing, the first is 'COCO_val.*007.jpg'; .*on_missing='skip'",
    ):
        dense(root)
    dataset = dense(root, on_missing='skip')
    assert [dataset.get_data_info(i)['img_id'] for i in range(len(dataset))] == ['9']
    assert dataset.counts['images left out, whose file is missing'] == 1


def test_all_images_missing_is_an_error_whatever_is_asked(root):
    with pytest.raises(FileNotFoundError, match=r'2 of 2 images are missing.*which is no folder'):
        dense(root, data_prefix=dict(img='nowhere'), on_missing='skip')


def test_wrong_arguments_are_refused(root):
    with pytest.raises(ValueError, match="on_missing: expected 'error' or 'skip', got 'no'"):
        dense(root, on_missing='no')
    with pytest.raises(ValueError, match='data_prefix: expected dict'):
        dense(root, data_prefix=dict(img_path='coco'))
    (root / 'empty.json').write_text('{"images": [], "annotations": []}')
    with pytest.raises(AnnotationError):
        dense(root, ann_file='empty.json')


def test_the_log_tells_what_was_read_and_noticed(root, caplog):
    write(root / 'boxes.jsonl', [line(7, [box(0), box(35)])])
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    try:
        dense(root)
    finally:
        logger.removeHandler(caplog.handler)
    assert 'boxes.jsonl (jsonl): 1 images, 2 boxes, 4 captions' in caplog.text
    assert '1 boxes reach over the image' in caplog.text


def test_images_are_found_by_any_name_that_coco_gave_them(tmp_path):
    (tmp_path / 'train2017').mkdir()
    (tmp_path / 'train2017' / '000000000007.jpg').touch()
    (tmp_path / 'val2014').mkdir()
    (tmp_path / 'val2014' / 'COCO_val2014_000000000009.jpg').touch()
    folder = ImageFolder(tmp_path)
    for name in ('COCO_train2014_000000000007.jpg', 'val2017/000000000007.jpg'):
        assert folder.find(name) == tmp_path / 'train2017' / '000000000007.jpg'
    assert folder.find('000000000009.jpg').parent.name == 'val2014'
    assert folder.find('000000000008.jpg') is None


def test_every_photo_of_flickr8k_regions_is_captioned_in_the_order_of_its_boxes(shared_data):
    torch.manual_seed(0)
    config = tiny_config()
    pipeline = [*config.test_pipeline]
    pipeline.insert(2, dict(type='mmpatchioner.LoadCaptionRegions'))
    with DefaultScope.overwrite_default_scope('mmdet'):
        model = MODELS.build(config.model).eval()
        dataset = DATASETS.build(
            dict(
                type='mmpatchioner.DenseCaptionDataset',
                ann_file='flickr8k/regions_dev.jsonl',
                data_root=str(shared_data),
                data_prefix=dict(img='flickr8k/images'),
                pipeline=pipeline,
            )
        )
    captioned = 0
    for start in range(0, len(dataset), 26):
        batch = pseudo_collate([dataset[i] for i in range(start, min(start + 26, len(dataset)))])
        for sample in model.test_step(batch):
            boxes = [region['bbox'] for region in sample.gt_regions]
            assert torch.allclose(sample.pred_instances.bboxes, torch.tensor(boxes))
            assert sample.region_notes == {}
            captioned += len(sample.pred_instances.captions)
    assert captioned == 540


def test_the_lines_that_the_documentation_shows_are_read(tmp_path):
    page = (Path(__file__).parents[2] / 'docs' / 'datasets.md').read_text()
    boxes, whole = re.findall(r'```json\n(.*?)\n```', page, flags=re.DOTALL)
    Image.new('RGB', (640, 480)).save(tmp_path / 'a.jpg')
    for kind, text in ((DenseCaptionDataset, boxes), (ImageCaptionDataset, whole)):
        (tmp_path / 'own.jsonl').write_text(text)
        dataset = kind(ann_file='own.jsonl', data_root=str(tmp_path))
        assert len(dataset.get_data_info(0)['gt_regions'][0]['captions']) == 2


@pytest.mark.parametrize('path', DATASET_FILES, ids=lambda path: path.stem)
def test_every_dataset_file_has_the_metric_of_its_task(path):
    cfg = Config.fromfile(path)
    task = path.stem.rpartition('_')[2].replace('-', '_')
    assert DATASETS.get(cfg.test_dataloader.dataset.type).task == task
    assert METRICS.get(cfg.test_evaluator.type).task == task
    page = (Path(__file__).parents[2] / 'docs' / 'datasets.md').read_text()
    assert path.name in page
