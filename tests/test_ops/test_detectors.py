"""Detectors from mmdet's own configs run on the portable operators; random weights, nothing is downloaded."""

from __future__ import annotations

from pathlib import Path

import mmdet
import pytest
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks
from mmdet.utils import register_all_modules
from mmengine.config import Config, ConfigDict
from mmengine.structures import InstanceData
from torch import nn

CONFIGS = Path(mmdet.__file__).parent / '.mim' / 'configs'
HEIGHT, WIDTH = 128, 160
NUM_QUERIES = 50

DETECTORS = {
    'rtmdet': 'rtmdet/rtmdet_tiny_8xb32-300e_coco.py',
    'yolox': 'yolox/yolox_tiny_8xb8-300e_coco.py',
    'retinanet': 'retinanet/retinanet_r50_fpn_1x_coco.py',
    'faster_rcnn': 'faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py',
    'mask_rcnn': 'mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py',
    'cascade_rcnn': 'cascade_rcnn/cascade-rcnn_r50_fpn_1x_coco.py',
    'detr': 'detr/detr_r50_8xb2-150e_coco.py',
    'deformable_detr': 'deformable_detr/deformable-detr_r50_16xb2-50e_coco.py',
    'dino': 'dino/dino-4scale_r50_8xb2-12e_coco.py',
}


def build(name: str) -> nn.Module:
    """The detector of a config with random weights, cheap enough for a test."""
    register_all_modules()
    model: ConfigDict = Config.fromfile(CONFIGS / DETECTORS[name]).model
    model.backbone.init_cfg = None
    if 'num_queries' in model:
        # A small image has fewer cells than DINO has queries.
        model.num_queries = model.test_cfg.max_per_img = NUM_QUERIES
    # Random scores are below the usual threshold: keep boxes for NMS and the mask head.
    if 'score_thr' in model.test_cfg:
        model.test_cfg.score_thr = 0.0
    if 'rpn' in model.test_cfg:
        model.test_cfg.rpn.max_per_img = 100
        model.test_cfg.rcnn.update(score_thr=0.0, max_per_img=20)
        model.train_cfg.rpn_proposal.max_per_img = 100
    torch.manual_seed(0)
    detector = MODELS.build(model)
    detector.init_weights()
    return detector


def batch(with_masks: bool = False) -> dict:
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(0, 256, (3, HEIGHT, WIDTH), dtype=torch.uint8, generator=generator)
    size = (HEIGHT, WIDTH)
    sample = DetDataSample(
        metainfo={
            'img_id': 0,
            'img_shape': size,
            'ori_shape': size,
            'pad_shape': size,
            'batch_input_shape': size,
            'scale_factor': (1.0, 1.0),
        }
    )
    truth = InstanceData(
        bboxes=torch.tensor([[10.0, 20.0, 90.0, 110.0], [60.0, 5.0, 150.0, 70.0]]),
        labels=torch.tensor([3, 17]),
    )
    if with_masks:
        masks = torch.zeros(2, *size, dtype=torch.uint8)
        masks[0, 20:110, 10:90] = masks[1, 5:70, 60:150] = 1
        truth.masks = BitmapMasks(masks.numpy(), *size)
    sample.gt_instances = truth
    return {'inputs': [image], 'data_samples': [sample]}


@pytest.mark.parametrize('name', DETECTORS)
def test_predicts_finite_boxes(name: str) -> None:
    detector = build(name).eval()
    with torch.no_grad():
        found = detector.test_step(batch())[0].pred_instances
    assert len(found) > 0
    assert found.bboxes.shape == (len(found), 4)
    assert found.bboxes.isfinite().all()
    assert found.scores.isfinite().all()
    if name == 'mask_rcnn':
        assert found.masks.shape == (len(found), HEIGHT, WIDTH)


@pytest.mark.parametrize('name', ['faster_rcnn', 'mask_rcnn', 'retinanet', 'deformable_detr'])
def test_takes_a_training_step(name: str) -> None:
    detector = build(name).train()
    data = detector.data_preprocessor(batch(with_masks=name == 'mask_rcnn'), training=True)
    loss, _ = detector.parse_losses(detector(**data, mode='loss'))
    loss.backward()
    assert loss.isfinite()
    gradients = [p.grad for p in detector.parameters() if p.grad is not None]
    assert len(gradients) > 50
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert any(gradient.any() for gradient in gradients)
