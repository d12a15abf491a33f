"""The result of one image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData

from mmpatchioner.apis import CaptionResult, InputError, RegionCaption
from mmpatchioner.apis.sources import ImageSource
from mmpatchioner.regions import Regions


def make_result(source: ImageSource | None = None, **fields: Any) -> CaptionResult:
    regions = Regions.from_inputs(boxes=[[1, 2, 30.12345, 20]], points=[[5, 6]], whole_image=True)
    defaults = {
        'captions': ['a cat', 'größer "quoted"', 'a room', 'a dog'],
        'caption_scores': torch.tensor([-0.123456, -1.0, float('nan'), -2.0]),
        'scores': torch.tensor([float('nan')] * 3 + [0.87654]),
        'labels': torch.tensor([-1, -1, -1, 1]),
        'bboxes': torch.tensor([[1.0, 2, 30, 20], [5, 6, 5, 6], [0, 0, 60, 40], [3.333, 4, 9, 9]]),
        'kinds': ['box', 'point', 'image', 'box'],
    }
    return CaptionResult.from_prediction(
        source or ImageSource('photo.jpg', np.zeros((40, 60, 3), np.uint8)),
        (40, 60),
        InstanceData(**{**defaults, **fields}),
        regions,
        classes=('cat', 'dog'),
        preprocess_ms=1.234,
        inference_ms=8.0,
    )


def test_json_is_the_documented_one() -> None:
    assert json.loads(make_result().to_json()) == {
        'image': 'photo.jpg',
        'width': 60,
        'height': 40,
        'regions': [
            {
                'kind': 'box',
                'bbox': [1.0, 2.0, 30.12, 20.0],
                'caption': 'a cat',
                'caption_score': -0.1235,
            },
            {
                'kind': 'point',
                'points': [[5.0, 6.0]],
                'caption': 'größer "quoted"',
                'caption_score': -1.0,
            },
            {
                'kind': 'image',
                'bbox': [0.0, 0.0, 60.0, 40.0],
                'caption': 'a room',
                'caption_score': None,
            },
            {
                'kind': 'box',
                'bbox': [3.33, 4.0, 9.0, 9.0],
                'caption': 'a dog',
                'caption_score': -2.0,
                'detection_score': 0.8765,
                'label': 'dog',
            },
        ],
        'speed_ms': {'preprocess': 1.23, 'inference': 8.0, 'per_region': 2.0},
    }


def test_json_is_strict_and_has_a_region_a_line() -> None:
    text = make_result().to_json()
    assert 'NaN' not in text
    assert 'größer' in text
    assert sum('"kind"' in line for line in text.splitlines()) == 4


def test_result_is_a_sequence() -> None:
    result = make_result()
    assert len(result) == 4
    assert [region.kind for region in result] == ['box', 'point', 'image', 'box']
    assert result[3].label == 'dog'
    with pytest.raises(AttributeError):
        result.width = 3  # type: ignore[misc]


def test_label_without_a_name_is_its_number() -> None:
    assert make_result(labels=torch.tensor([-1, -1, -1, 7]))[3].label == 7


def test_region_goes_to_a_dictionary_and_back() -> None:
    for region in make_result():
        assert RegionCaption.from_dict(region.to_dict()) == region


def test_found_masks_are_written_as_run_lengths() -> None:
    masks = torch.zeros(4, 40, 60, dtype=torch.bool)
    masks[3, 4:9, 3:9] = True
    result = make_result(kinds=['box', 'point', 'image', 'mask'], masks=masks)
    assert result[3].geometry['mask']['size'] == [40, 60]
    assert json.loads(result.to_json())['regions'][3]['kind'] == 'mask'
    assert make_result(kinds=['box', 'point', 'image', 'mask'])[3].kind == 'box'


def test_plot(photo: Path) -> None:
    drawn = make_result().plot(min_side=320)
    assert drawn.dtype == np.uint8
    assert drawn.shape[1] == 320
    assert drawn.shape[0] > 213  # the caption of the whole image stands below
    assert (drawn[:200] > 0).any()
    file = make_result(ImageSource(str(photo), photo))
    assert file.plot(min_side=320).shape == drawn.shape
    photo.unlink()
    with pytest.raises(InputError, match='no such file'):
        file.plot()


def test_plot_of_no_region_is_the_picture(photo: Path) -> None:
    source = ImageSource(str(photo), photo)
    result = CaptionResult(str(photo), 60, 40, (), {}, source)
    assert (result.plot(min_side=60) == source.read()).all()
