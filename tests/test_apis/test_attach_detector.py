"""A detector becomes part of a captioner."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from tiny_captioner import colours, tiny_config, tiny_detector_config

from mmpatchioner.apis import CaptionInferencer, InputError, attach_detector
from mmpatchioner.apis.detectors import class_names, find_detector_config, without_pretrained
from mmpatchioner.checkpoints import CheckpointError


@pytest.fixture(scope='module')
def detecting() -> CaptionInferencer:
    torch.manual_seed(0)
    return CaptionInferencer(
        tiny_config(), device='cpu', detector=tiny_detector_config(), score_thr=0.0
    )


def test_pipelines_are_merged() -> None:
    joined = attach_detector(tiny_config(), tiny_detector_config())
    assert [step.type for step in joined.test_pipeline] == [
        'LoadImageFromFile',
        'mmpatchioner.AddPatchView',
        'Resize',
        'mmpatchioner.PackCaptionInputs',
    ]
    assert joined.model.region_source == 'detector'


def test_configs_are_left_as_they_are() -> None:
    captioner, detector = tiny_config(), tiny_detector_config()
    before = copy.deepcopy((captioner.to_dict(), detector.to_dict()))
    attach_detector(captioner, detector)
    assert (captioner.to_dict(), detector.to_dict()) == before


def test_nothing_is_left_to_download() -> None:
    config = dict(
        pretrained='torchvision://resnet50',
        backbone=dict(init_cfg=dict(type='Pretrained', checkpoint='x')),
        heads=[dict(init_cfg=[dict(type='Normal'), dict(type='Pretrained', checkpoint='y')])],
    )
    assert without_pretrained(config) == dict(
        backbone={}, heads=[dict(init_cfg=[dict(type='Normal')])]
    )


def test_detector_of_another_library_keeps_its_scope() -> None:
    detector = Config({**tiny_detector_config().to_dict(), 'default_scope': 'mmyolo'})
    joined = attach_detector(tiny_config(), detector)
    assert joined.model.detector._scope_ == 'mmyolo'
    assert joined.test_pipeline[2]._scope_ == 'mmyolo'
    assert '_scope_' not in joined.test_pipeline[1]


@pytest.mark.parametrize(
    ('captioner', 'detector', 'message'),
    [
        (tiny_config(), Config(dict(a=1)), 'detector: its config has no `model`'),
        (
            tiny_config(),
            Config(dict(model=dict(type='ATSS'))),
            'detector: its config has neither `test_pipeline`',
        ),
        (
            Config(dict(model={}, test_pipeline=[dict(type='A')])),
            tiny_detector_config(),
            'no AddPatchView',
        ),
    ],
)
def test_unfit_configs(captioner: Config, detector: Config, message: str) -> None:
    with pytest.raises(InputError, match=message):
        attach_detector(captioner, detector)


def test_names_of_mmdet() -> None:
    path = find_detector_config('rtmdet_tiny_8xb32-300e_coco')
    assert path.name == 'rtmdet_tiny_8xb32-300e_coco.py'
    config = Config.fromfile(path)
    assert class_names(config)[:2] == ('person', 'bicycle')
    joined = attach_detector(tiny_config(), config)
    assert 'http' not in str(joined.model.to_dict())
    with pytest.raises(
        InputError, match=r"'rtmdet_tiny' is neither a config file nor.*did you mean rtmdet"
    ):
        find_detector_config('rtmdet_tiny')


def test_detector_finds_regions_after_those_asked_for(detecting: CaptionInferencer) -> None:
    result = detecting(colours(40, 60), boxes=[[5, 5, 20, 30]], proposals='detector')[0]
    assert result[0].geometry['bbox'] == [5, 5, 20, 30]
    assert result[0].detection_score is None
    found = result.regions[1:]
    assert found
    scores = [region.detection_score for region in found]
    assert scores == sorted(scores, reverse=True)
    assert {region.label for region in found} <= {'cat', 'dog', 'boat'}
    for region in found:
        x1, y1, x2, y2 = region.geometry['bbox']
        assert 0 <= x1 <= x2 <= 60
        assert 0 <= y1 <= y2 <= 40


def test_detector_is_asked_when_nothing_else_is(detecting: CaptionInferencer) -> None:
    result = detecting(colours(40, 60))[0]
    assert result[0].kind == 'image'
    assert len(result) > 1
    assert detecting.model.dataset_meta == {'classes': ('cat', 'dog', 'boat')}


def test_captions_do_not_depend_on_the_detector(detecting: CaptionInferencer) -> None:
    torch.manual_seed(0)
    plain = CaptionInferencer(tiny_config(), device='cpu')
    plain.model.patch_neck.load_state_dict(detecting.model.patch_neck.state_dict())
    boxes = [[5, 5, 20, 30], [0, 0, 60, 40]]
    image = colours(40, 60)
    assert plain(image, boxes=boxes)[0].regions == detecting(image, boxes=boxes)[0].regions


def test_most_found_regions() -> None:
    inferencer = CaptionInferencer(
        tiny_config(), device='cpu', detector=tiny_detector_config(), score_thr=0.0, max_regions=2
    )
    assert len(inferencer(colours(40, 60), proposals='detector')[0]) == 2
    assert len(inferencer(colours(40, 60), proposals='patches')[0]) <= 2
    assert len(inferencer(colours(40, 60), boxes=[[0, 0, 9, 9]] * 4)[0]) == 4


def test_random_weights_are_told(caplog: pytest.LogCaptureFixture) -> None:
    CaptionInferencer(tiny_config(), device='cpu', detector=tiny_detector_config())
    assert 'The detector has no weights' in caplog.text


def test_weights(
    detecting: CaptionInferencer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    detector = detecting.model.detector
    torch.save({'state_dict': detector.state_dict(), 'meta': {}}, tmp_path / 'detector.pth')
    loaded = CaptionInferencer(
        tiny_config(),
        device='cpu',
        detector=tiny_detector_config(),
        detector_weights=tmp_path / 'detector.pth',
    )
    for name, tensor in detector.state_dict().items():
        assert torch.equal(tensor, loaded.model.detector.state_dict()[name])
    torch.save(detecting.model.state_dict(), tmp_path / 'whole.pth')
    whole = CaptionInferencer(
        tiny_config(), device='cpu', detector=tiny_detector_config(), weights=tmp_path / 'whole.pth'
    )
    for name, tensor in detecting.model.state_dict().items():
        assert torch.equal(tensor, whole.model.state_dict()[name])
    assert 'no weights' not in caplog.text


def test_weights_that_do_not_fit(tmp_path: Path) -> None:
    torch.save({'bbox_head.retina_cls.weight': torch.zeros(1)}, tmp_path / 'other.pth')
    with pytest.raises(CheckpointError, match=r'other\.pth does not fit RetinaNet'):
        CaptionInferencer(
            tiny_config(),
            device='cpu',
            detector=tiny_detector_config(),
            detector_weights=tmp_path / 'other.pth',
        )
    with pytest.raises(CheckpointError, match=r'missing\.pth'):
        CaptionInferencer(
            tiny_config(),
            device='cpu',
            detector=tiny_detector_config(),
            detector_weights=tmp_path / 'missing.pth',
        )
    with pytest.raises(InputError, match='the model has no detector'):
        CaptionInferencer(tiny_config(), device='cpu', detector_weights=tmp_path / 'other.pth')
