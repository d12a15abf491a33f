"""Every model config, reduced, captions what mmdet hands it: batches of images with their data samples."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData
from PIL import Image

from mmpatchioner.apis import available_models
from mmpatchioner.apis.building import build_captioner
from mmpatchioner.regions import Regions
from tests.reductions import reduce_model

BOXES = [[3.5, 10.0, 300.0, 200.0], [250.0, 100.0, 480.0, 360.0], [0.0, 0.0, 20.0, 20.0]]
TRACE = [[0.1, 0.2], [0.15, 0.25], [0.6, 0.7]]  # shares of width and height
ANNOTATED = [
    [dict(bbox=box, captions=['a dog']) for box in BOXES],
    [dict(bboxes=BOXES[:2], captions=['dogs']), dict(bboxes=BOXES[2:], captions=['a tree'])],
    [dict(points=TRACE, captions=['a path'])],
    [dict(captions=['a park'])],
]
KINDS = [['box'] * 3, ['set'] * 2, ['trace'], ['image'], ['mask', 'point'], ['box'] * 3]
MODELS_ALONE = [
    name for name, path in available_models().items() if 'detector' not in Config.fromfile(path)
]


@pytest.fixture(scope='module')
def photos(folder):
    rng = np.random.default_rng(0)
    paths = []
    for number, (height, width) in enumerate([(480, 640), (375, 500)]):
        paths.append(str(folder / f'photo{number}.png'))
        Image.fromarray(rng.integers(0, 255, (height, width, 3), dtype=np.uint8)).save(paths[-1])
    return paths


def data_samples(cfg, photos):
    """Items of the config's own pipeline, with regions of every kind in turn."""
    with DefaultScope.overwrite_default_scope('mmdet'):
        pipeline, plain = Compose(cfg.region_pipeline), Compose(cfg.test_pipeline)
    items = [
        pipeline(dict(img_path=photos[index % 2], img_id=index, gt_regions=regions))
        for index, regions in enumerate(ANNOTATED)
    ]
    asked = plain(dict(img_path=photos[0], img_id=4))
    masks = np.zeros((1, 480, 640), dtype=bool)
    masks[:, 100:200, 50:400] = True
    asked['data_samples'].regions = Regions.from_inputs(masks=masks, points=[[5.0, 470.0]])
    annotated = plain(dict(img_path=photos[1], img_id=5))
    annotated['data_samples'].gt_instances = InstanceData(
        bboxes=torch.tensor(BOXES), labels=torch.arange(3)
    )
    return [*items, asked, annotated]


@pytest.mark.parametrize('name', MODELS_ALONE)
def test_data_samples_of_a_batch_are_captioned(name, folder, photos):
    torch.manual_seed(0)
    cfg = Config.fromfile(available_models()[name])
    reduce_model(cfg, folder)
    cfg.model.region_source = 'gt'
    model = build_captioner(cfg, torch.device('cpu'))
    items = data_samples(cfg, photos)
    results = model.test_step(pseudo_collate(copy.deepcopy(items)))
    predictions = [result.pred_instances for result in results]
    assert [list(found.kinds) for found in predictions] == KINDS
    for found in predictions:
        assert all(isinstance(caption, str) for caption in found.captions)
        assert torch.isfinite(found.caption_scores).all() and (found.caption_scores <= 0).all()
    for found in (predictions[0], predictions[5]):
        torch.testing.assert_close(found.bboxes, torch.tensor(BOXES))
    assert predictions[5].labels.tolist() == [0, 1, 2]
    for index in (0, 2, 3):
        alone = model.test_step(pseudo_collate([copy.deepcopy(items[index])]))[0].pred_instances
        assert alone.captions == predictions[index].captions
        torch.testing.assert_close(
            alone.caption_scores, predictions[index].caption_scores, atol=1e-4, rtol=1e-4
        )
