"""Published checkpoints as models of an inferencer."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from tiny_captioner import colours, tiny_config

from mmpatchioner.apis import CaptionInferencer, InputError, available_models, zoo
from mmpatchioner.checkpoints import CheckpointError
from mmpatchioner.models.decoders import train_bpe
from tests.test_checkpoints.published_files import CAPTIONS, write_repository

pytest.importorskip('h5py')


@pytest.fixture(autouse=True)
def small_configs(tmp_path, monkeypatch) -> None:
    """In place of the configs of the published systems: their head, with a small backbone and tokenizer."""
    monkeypatch.setenv('MMPATCHIONER_CACHE', str(tmp_path / 'cache'))
    train_bpe(CAPTIONS, vocab_size=80, path=tmp_path / 'tokenizer.json')
    models = []
    for name, bridge in {'memory': 'MemoryBridge', 'noise': 'IdentityBridge'}.items():
        name = f'patchioner_dinov2-b-reg_talk2dino_{name}_coco'
        published = Config.fromfile(zoo.config_root() / 'patchioner' / f'{name}.py')
        cfg = tiny_config()
        cfg.model.caption_head = published.model.caption_head
        assert cfg.model.caption_head.bridge.type == f'mmpatchioner.{bridge}'
        cfg.model.caption_head.decoder.tokenizer = dict(
            type='mmpatchioner.CaptionTokenizer', file=str(tmp_path / 'tokenizer.json')
        )
        path = tmp_path / 'configs' / 'patchioner' / f'{name}.py'
        path.parent.mkdir(parents=True, exist_ok=True)
        cfg.dump(path)
        models.append(f'  - Config: configs/patchioner/{path.name}\n')
    (path.parent / 'metafile.yml').write_text(f'Models:\n{"".join(models)}')
    monkeypatch.setattr(zoo, 'config_root', lambda: tmp_path / 'configs')


def captions(inferencer: CaptionInferencer) -> list[str]:
    result = inferencer(colours(60, 80), boxes=[[0, 0, 40, 40], [50, 5, 75, 50]], whole_image=True)
    return [region.caption for region in result[0]]


def test_published_checkpoints_are_models():
    models = available_models()
    assert models['talk2dino-decap-coco'].stem == 'patchioner_dinov2-b-reg_talk2dino_memory_coco'
    assert models['talk2dino-capdec-coco'].stem == 'patchioner_dinov2-b-reg_talk2dino_noise_coco'
    assert list(models) == sorted(models)


@pytest.mark.parametrize('system', ['decap', 'capdec'])
def test_a_name_with_a_folder_a_folder_and_a_name_say_the_same(tmp_path, system):
    folder = write_repository(tmp_path / system, system)
    torch.manual_seed(0)
    named = CaptionInferencer(f'talk2dino-{system}-coco', weights=folder, device='cpu')
    torch.manual_seed(0)
    given = CaptionInferencer(folder, device='cpu')
    place = tmp_path / 'cache/published' / f'Patch-ioner_talk2dino_{system}_COCO_Captions'
    write_repository(place, system)
    torch.manual_seed(0)
    found = CaptionInferencer(f'talk2dino-{system}-coco', device='cpu')
    assert captions(named) == captions(given) == captions(found)
    head = named.model.caption_head
    assert head.decoder.space == 'talk2dino-vitb14-reg'
    assert getattr(head.bridge, 'space', head.decoder.space) == head.decoder.space
    checkpoint = Path(named.cfg.model.caption_head.decoder.init_cfg.checkpoint)
    assert checkpoint.is_relative_to(tmp_path / 'cache')


def test_offline_and_unfit_ones(tmp_path):
    with pytest.raises(CheckpointError, match='talk2dino-decap-coco: its files are not on this'):
        CaptionInferencer('talk2dino-decap-coco', device='cpu')
    with pytest.raises(CheckpointError, match=r'with config\.yaml; it has none'):
        CaptionInferencer('talk2dino-decap-coco', weights=tmp_path / 'x.pth', device='cpu')
    with pytest.raises(InputError, match="unknown name .*Did you mean 'talk2dino-decap-coco'"):
        CaptionInferencer('talk2dino-decapp-coco', device='cpu')
