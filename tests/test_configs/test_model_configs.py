"""Every model config, reduced to small random weights, captions what it is made for."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmpatchioner.apis import CaptionInferencer, InputError, available_models
from mmpatchioner.apis.building import inference_scope, join_detector
from mmpatchioner.apis.detectors import find_detector_config
from mmpatchioner.apis.zoo import config_root
from mmpatchioner.models.bridges import IdentityBridge, Talk2DINOInverseBridge
from mmpatchioner.registry import MODELS
from tests.commands import load_tool
from tests.reductions import WIDTH, reduce_model

PHOTO = np.random.default_rng(0).integers(0, 255, (96, 128, 3), dtype=np.uint8)
RELEASED_AS_IT_COMES = re.compile(r'decap_clip|clip-b(16|16-592)_|regionclip|_inverse_')
CONFIGS = sorted(path for path in config_root().rglob('*.py') if '_base_' not in path.parts)


@pytest.fixture(scope='module')
def small(folder):
    """Reduce a config: 32 dimensions, two layers, small images, no weights."""

    def reduce(path) -> Config:
        cfg = Config.fromfile(path)
        reduce_model(cfg, folder)
        return cfg

    return reduce


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_every_config_can_be_read(path):
    assert len(Config.fromfile(path)) > 0


@pytest.mark.parametrize('name', available_models())
def test_every_model_captions_regions_of_every_kind(small, name, tmp_path):
    torch.manual_seed(0)
    cfg = small(available_models()[name])
    if 'detector' in cfg:
        cfg.detector.config = lenient_detector(cfg.detector.config, tmp_path)
    inferencer = CaptionInferencer(cfg, device='cpu', score_thr=0.0, max_regions=4)
    mask = np.zeros((1, 96, 128), dtype=bool)
    mask[:, :40, :40] = True
    result = inferencer(
        PHOTO,
        boxes=[[0, 0, 60, 60]],
        masks=mask,
        points=[[5, 5]],
        traces=[[[5, 5], [90, 80]]],
        region_sets=[[[0, 0, 20, 20], [60, 60, 90, 90]]],
        whole_image=True,
    )[0]
    assert [region.kind for region in result] == ['box', 'mask', 'point', 'trace', 'set', 'image']
    assert all(region.caption_score <= 0 for region in result)
    if inferencer.has_detector:
        found = inferencer(PHOTO, proposals='detector')[0]
        assert inferencer.classes[0] == 'person'
        assert 0 < len(found) <= 4
        assert all(region.detection_score is not None and region.label for region in found)
        expected = 'mask' if cfg.model.get('use_masks') else 'box'
        assert {region.kind for region in found} == {expected}


@pytest.mark.parametrize('name', available_models())
def test_lengths_of_what_decoders_read(small, name):
    """Of unit length, but for ClipCap's; the released code leaves what a memory of CLIP's gives as it comes."""
    cfg = small(available_models()[name])
    bridge = cfg.model.caption_head.bridge
    for part in (bridge, bridge.get('bridge') or {}):
        if 'temperature' in part:
            part.temperature = 1.0  # so that rows are mixed, which shortens them
    vectors = 7 * torch.randn(5, WIDTH)
    for compat in ('paper', 'official'):
        cfg.model.caption_head.compat = compat
        with inference_scope(cfg):
            head = MODELS.build(cfg.model.caption_head)
        lengths = head.bridge(vectors).norm(dim=1)
        kept = torch.allclose(lengths, vectors.norm(dim=1))
        if 'clipcap' in name or (compat == 'official' and isinstance(head.bridge, IdentityBridge)):
            assert kept
        elif compat == 'paper' or not RELEASED_AS_IT_COMES.search(name):
            torch.testing.assert_close(lengths, torch.ones(5))
        else:
            expected = released(head.bridge, vectors, raw_rows='proxyclip' in name).norm(dim=1)
            torch.testing.assert_close(lengths, expected)
            assert not torch.allclose(expected, torch.ones(5), atol=1e-3)


def released(bridge, vectors, raw_rows):
    """What a bridge gives that normalises nothing at its end; the temperature is 1."""
    if isinstance(bridge, Talk2DINOInverseBridge):
        return (bridge.bridge(vectors) - bridge.offset) @ bridge.inverse
    similarities = torch.nn.functional.normalize(vectors, dim=1) @ bridge.unit_rows.T
    rows = bridge.unit_rows * bridge.norms[:, None] if raw_rows else bridge.unit_rows
    return similarities.softmax(dim=1) @ rows


@pytest.mark.parametrize('name', available_models())
def test_every_model_captions_as_released(small, name):
    torch.manual_seed(0)
    cfg = small(available_models()[name])
    cfg.pop('detector', None)
    load_tool('test').set_compat(cfg.model, 'official')
    inferencer = CaptionInferencer(cfg, device='cpu')
    regions = dict(boxes=[[0, 0, 60, 60]], traces=[[[5, 5], [90, 80]]], whole_image=True)
    assert [region.kind for region in inferencer(PHOTO, **regions)[0]] == ['box', 'trace', 'image']
    assert inferencer.model.caption_head.official


def test_the_model_zoo_names_every_model():
    page = config_root().parent / 'docs' / 'model_zoo.md'
    links = re.findall(r'\]\((\.\./configs/[^)]+)\)', page.read_text(encoding='utf-8'))
    shown = {(page.parent / link).resolve() for link in links}
    assert [name for name, path in available_models().items() if path not in shown] == []


def test_crops_are_of_the_original_image_beside_a_detector(small):
    cfg, _ = join_detector(small(available_models()['mini_crops']), 'rtmdet_tiny_8xb32-300e_coco')
    steps = [step.type.rpartition('.')[2] for step in cfg.test_pipeline]
    assert steps[:3] == ['LoadImageFromFile', 'KeepImage', 'AddPatchView'] and 'Resize' in steps
    assert cfg.model.type == 'mmpatchioner.CropCaptioner'


def lenient_detector(name: str, folder: Path) -> str:
    """A detector's config at 256 px that keeps boxes of any score: random weights find nothing above a threshold."""
    cfg = Config.fromfile(find_detector_config(name))

    def visit(part) -> None:
        for key, value in list(part.items() if isinstance(part, dict) else enumerate(part)):
            if key == 'score_thr':
                part[key] = 0.0
            elif key == 'scale':
                part[key] = (256, 256)
            elif isinstance(value, (dict, list)):
                visit(value)

    visit(cfg.model.test_cfg)
    if 'exp_on_reg' in cfg.model.get('bbox_head', {}):
        cfg.model.bbox_head.exp_on_reg = True  # random distances are half of them negative: no box
    visit(cfg.test_dataloader.dataset.pipeline)
    path = folder / f'{name}.py'
    cfg.dump(path)
    return str(path)


def test_a_malformed_detector_entry_is_refused(small):
    cfg = small(available_models()['mini'])
    cfg.detector = dict(weights='x.pth')
    with pytest.raises(InputError, match=r'detector: expected dict\(config='):
        CaptionInferencer(cfg, device='cpu')
