"""The study of the gap, end to end with a tiny captioner."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from PIL import Image
from tiny_captioner import add_test_loader, colours, tiny_config, tiny_prefix_decoder
from torch.nn import functional as F

from mmpatchioner.checkpoints import save_memory, save_safetensors
from mmpatchioner.models.bridges import GapNoise, load_gap_statistics
from mmpatchioner.registry import MODELS
from tests.commands import load_tool
from tests.test_engine import tiny_models  # noqa: F401  registers WordVectorEncoder

ROOT = Path(__file__).parents[2]


tool = load_tool('analysis_tools/modality_gap')


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Eight photos, a memory of twenty texts, a decoder with random weights."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('PATH', '')
    monkeypatch.delenv('JAVA_HOME', raising=False)
    lines = []
    for index in range(8):
        Image.fromarray(colours(40, 48, seed=index)).save(f'{index}.png')
        lines.append(json.dumps(dict(image=f'{index}.png', captions=[f'a photo of {index} cats'])))
    Path('photos.jsonl').write_text('\n'.join(lines))
    rows = torch.randn(20, 32, generator=torch.Generator().manual_seed(0)) + 3
    save_memory('memory.safetensors', rows, counts=torch.arange(1.0, 21))
    cfg = tiny_config(tiny_prefix_decoder(tmp_path))
    bridge = dict(type='mmpatchioner.MemoryBridge', memory='memory.safetensors', prior='counts')
    cfg.model.caption_head.bridge = bridge
    add_test_loader(cfg, 'ImageCaptionDataset', 'photos.jsonl', '.', batch_size=3)
    cfg.dump('config.py')
    decoder = MODELS.build(cfg.model.caption_head.decoder)
    save_safetensors(decoder.state_dict(), 'decoder.safetensors', {})
    return 'config.py'


def test_gaps_and_captions_of_every_setting(config, capsys):
    arguments = [
        config,
        '--out-dir',
        'gap',
        '--device',
        'cpu',
        '--noise',
        '0.1',
        '--memory-sizes',
        '5',
        '20',
    ]
    settings = ['--temperatures', '0.01', '0.1', '--decoders', 'noise 0.1=decoder.safetensors']
    assert tool.main([*arguments, *settings]) == 0
    content = json.loads(Path('gap/gap.json').read_text())
    gaps = content['gaps']
    assert list(gaps) == ['as it is', 'memory', 'noise 0.1']
    assert gaps['memory']['distance'] < gaps['as it is']['distance']
    assert gaps['memory']['nearest_cosine'] > gaps['as it is']['nearest_cosine']
    assert list(content['scores']) == [
        'memory 5, 0.01', 'memory 5, 0.1', 'memory 20, 0.01', 'memory 20, 0.1', 'no memory, noise 0.1',
    ]  # fmt: skip
    assert all(0 <= scores['CIDEr'] <= 10 for scores in content['scores'].values())
    assert Image.open('gap/gap.png').width > 1000
    assert 'told apart' in capsys.readouterr().out


def test_without_a_memory_there_are_no_texts(config, capsys):
    text = (
        Path(config).read_text().replace('mmpatchioner.MemoryBridge', 'mmpatchioner.IdentityBridge')
    )
    text = text.replace("memory='memory.safetensors',", '').replace("prior='counts',", '')
    Path('plain.py').write_text(text)
    assert tool.main(['plain.py', '--out-dir', 'gap', '--device', 'cpu']) == 2
    assert 'expected a MemoryBridge' in capsys.readouterr().err
    assert not Path('gap').exists()


def test_whole_photos_go_over_the_memory_for_images(config):
    cfg = Config.fromfile(config)
    head = cfg.model.caption_head
    head.image_bridge = head.bridge
    head.bridge = dict(type='mmpatchioner.IdentityBridge')
    cfg.dump('images.py')
    arguments = ['images.py', '--out-dir', 'gap', '--device', 'cpu', '--memory-sizes', '99']
    assert tool.main(arguments) == 0
    assert list(json.loads(Path('gap/gap.json').read_text())['scores']) == ['memory 20, 0.01']


def test_statistics_of_pairs_for_noise(config, capsys):
    encoder = dict(type='mmpatchioner.WordVectorEncoder')
    Path('encoder.py').write_text(f'encoder = {encoder!r}')
    arguments = [config, '--out-dir', 'gap', '--device', 'cpu']
    assert tool.main([*arguments, '--encoder', 'encoder.py']) == 0
    statistics = load_gap_statistics('gap/gap.safetensors')
    assert statistics.space == 'words'
    assert statistics.mean.shape == (32,)
    # The colours of the tiny photos have nothing to do with their captions: the gap is wide.
    assert statistics.mean.norm() > 0.5
    noisy = GapNoise('gap/gap.safetensors')(F.normalize(torch.randn(3, 32), dim=1))
    torch.testing.assert_close(noisy.norm(dim=1), torch.ones(3))


def test_an_encoder_of_another_space_is_refused(config, capsys):
    rows = torch.randn(20, 32)
    save_memory('memory.safetensors', rows, counts=torch.ones(20), metadata=dict(space='patches'))
    Path('encoder.py').write_text("encoder = dict(type='mmpatchioner.WordVectorEncoder')")
    arguments = [config, '--out-dir', 'gap', '--device', 'cpu']
    assert tool.main([*arguments, '--encoder', 'encoder.py']) == 2
    assert "the space of the memory, 'patches', got 'words'" in capsys.readouterr().err
    assert not Path('gap').exists()


@pytest.mark.parametrize(
    ('decoder', 'message'),
    [
        ('decoder.safetensors', 'expected NAME=FILE'),
        ('mine=gone.safetensors', 'gone.safetensors'),
        ('mine=memory.safetensors', 'memory.safetensors'),
    ],
)
def test_decoders_are_read_before_the_photos(config, capsys, monkeypatch, decoder, message):
    monkeypatch.setattr(tool, 'pooled_regions', lambda *_: pytest.fail('the photos were read'))
    arguments = [config, '--out-dir', 'gap', '--device', 'cpu', '--decoders', decoder]
    assert tool.main(arguments) == 2
    assert message in capsys.readouterr().err
