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
ALONE = dict(rtol=1e-5, atol=1e-5)


@pytest.fixture(scope='module')
def photos(folder):
    """Two photos of coloured tiles, so that no region looks like another."""
    rng = np.random.default_rng(0)
    paths = []
    for number, (height, width) in enumerate([(480, 640), (375, 500)]):
        paths.append(str(folder / f'photo{number}.png'))
        tiles = Image.fromarray(rng.integers(0, 255, (4, 5, 3), dtype=np.uint8))
        tiles.resize((width, height), Image.Resampling.NEAREST).save(paths[-1])
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


def telling_model(cfg):
    """A captioner whose random weights and soft memory keep regions apart, so that a mix-up shows."""
    bridge = cfg.model.caption_head.bridge
    for part in (bridge, bridge.get('bridge') or {}):
        if 'temperature' in part:
            part.temperature = 1.0
    torch.manual_seed(0)
    model = build_captioner(cfg, torch.device('cpu'))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(3.0)
    return model


@pytest.mark.parametrize('name', available_models())
def test_data_samples_of_a_batch_are_captioned(name, folder, photos):
    cfg = Config.fromfile(available_models()[name])
    reduce_model(cfg, folder)
    cfg.pop('detector', None)  # the boxes are given
    cfg.model.region_source = 'gt'
    model = telling_model(cfg)
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
    scores = torch.cat([found.caption_scores for found in predictions])
    assert len(scores.unique()) >= (len(photos) if name.endswith('whole-image') else 7)
    for item, found in zip(items, predictions, strict=True):
        alone = model.test_step(pseudo_collate([copy.deepcopy(item)]))[0].pred_instances
        assert alone.captions == found.captions
        torch.testing.assert_close(alone.caption_scores, found.caption_scores, **ALONE)
