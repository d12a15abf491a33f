"""The visualizer in mmengine's and mmdet's machinery."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from mmengine.visualization import Visualizer
from PIL import Image

from mmpatchioner.regions import Regions
from mmpatchioner.registry import VISUALIZERS
from mmpatchioner.visualization import RegionCaptionVisualizer

IMAGE = np.full((480, 640, 3), 128, np.uint8)


@pytest.fixture
def visualizer() -> RegionCaptionVisualizer:
    return RegionCaptionVisualizer()


@pytest.fixture
def sample() -> DetDataSample:
    sample = DetDataSample(metainfo={'ori_shape': (480, 640)})
    sample.set_field(Regions.from_inputs(points=[[50, 60]]), 'regions')
    sample.pred_instances = InstanceData(
        captions=['a dot', 'a cat', 'a dog'],
        caption_scores=torch.tensor([-1.0, -1.0, -1.0]),
        scores=torch.tensor([float('nan'), 0.9, 0.1]),
        labels=torch.tensor([-1, 0, 0]),
        bboxes=torch.tensor([[50.0, 60, 50, 60], [200, 100, 300, 200], [200, 300, 300, 400]]),
        kinds=['point', 'box', 'box'],
    )
    return sample


def test_it_is_registered() -> None:
    config = dict(type='mmpatchioner.RegionCaptionVisualizer', name='registered', min_side=320)
    visualizer = VISUALIZERS.build(config)
    assert isinstance(visualizer, RegionCaptionVisualizer)
    assert isinstance(visualizer, Visualizer)


def test_predictions_above_the_threshold_are_drawn(
    visualizer: RegionCaptionVisualizer, sample: DetDataSample
) -> None:
    visualizer.add_datasample('photo', IMAGE, sample, pred_score_thr=0.3)
    different = (visualizer.get_image() != IMAGE).any(axis=2)
    assert different[40:70, 30:70].any()
    assert different[100:200, 200:300].any()
    assert not different[290:, :].any()
    visualizer.add_datasample('photo', IMAGE, sample, pred_score_thr=0.05)
    assert (visualizer.get_image() != IMAGE)[290:].any()


def test_references_stand_beside(
    visualizer: RegionCaptionVisualizer, sample: DetDataSample
) -> None:
    sample.gt_instances = InstanceData(
        bboxes=torch.tensor([[10.0, 10, 90, 90]]), captions=[['a bird', 'birds']]
    )
    visualizer.add_datasample('photo', IMAGE, sample)
    assert visualizer.get_image().shape == (480, 1280, 3)
    visualizer.add_datasample('photo', IMAGE, sample, draw_gt=False)
    assert visualizer.get_image().shape == (480, 640, 3)


def test_file_is_written(
    visualizer: RegionCaptionVisualizer, sample: DetDataSample, tmp_path: Path
) -> None:
    visualizer.add_datasample('photo', IMAGE, sample, out_file=str(tmp_path / 'photo.png'))
    written = np.asarray(Image.open(tmp_path / 'photo.png'))
    assert (written == visualizer.get_image()).all()


def test_backends_are_served(sample: DetDataSample, tmp_path: Path) -> None:
    backend = dict(type='LocalVisBackend')
    visualizer = RegionCaptionVisualizer(vis_backends=[backend], save_dir=str(tmp_path))
    visualizer.add_datasample('photo', IMAGE, sample, step=3)
    assert [path.name for path in tmp_path.rglob('*.png')] == ['photo_3.png']


def test_samples_without_captions_are_drawn_as_ever(visualizer: RegionCaptionVisualizer) -> None:
    sample = DetDataSample()
    sample.pred_instances = InstanceData(
        bboxes=torch.tensor([[10.0, 10, 90, 90]]),
        scores=torch.tensor([0.9]),
        labels=torch.tensor([0]),
    )
    visualizer.add_datasample('photo', IMAGE, sample, draw_gt=False)
    assert (visualizer.get_image() != IMAGE).any()
    visualizer.add_datasample('photo', IMAGE, None)
    assert (visualizer.get_image() == IMAGE).all()


def test_annotated_regions_of_a_dataset_are_drawn_beside_the_predictions(
    visualizer: RegionCaptionVisualizer, sample: DetDataSample
) -> None:
    regions = [{'bbox': [5, 5, 300, 200], 'captions': ['a dog', 'the dog']}]
    sample.set_metainfo({'gt_regions': regions})
    visualizer.add_datasample('photo', IMAGE, sample)
    both = visualizer.get_image()
    visualizer.add_datasample('photo', IMAGE, sample, draw_gt=False)
    alone = visualizer.get_image()
    assert both.shape[1] == alone.shape[1] + IMAGE.shape[1]
    assert (both[5:200, 5] != 128).any()
