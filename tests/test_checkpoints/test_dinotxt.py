"""DINO.txt's converter, on files of the published layout in small."""

import pytest
import torch

from mmpatchioner.checkpoints import CheckpointError, load_metadata
from mmpatchioner.checkpoints.dinotxt import (
    convert_text_tower,
    convert_vision_head,
    text_tower_names,
    vision_head_names,
)
from mmpatchioner.models.necks import DINOTxtVisionHead
from mmpatchioner.models.text_encoders import DINOTxtTextTower
from tests.test_tools.converting import run

SIZES = dict(vocab_size=40, dims=32, num_layers=3, num_heads=4, max_length=16, out_dims=64)


@pytest.fixture
def head() -> DINOTxtVisionHead:
    torch.manual_seed(0)
    return DINOTxtVisionHead(32, num_heads=4)


@pytest.fixture
def tower() -> DINOTxtTextTower:
    torch.manual_seed(0)
    return DINOTxtTextTower(**SIZES)


def published(module, names: dict[str, str]) -> dict:
    own = module.state_dict()
    assert set(own) == set(names.values())
    return {theirs: own[ours].clone() for theirs, ours in names.items()}


def test_the_vision_head_comes_back_as_it_was(head, tmp_path, capsys):
    source, out = tmp_path / 'vision_head.pth', tmp_path / 'head.safetensors'
    torch.save(published(head, vision_head_names(num_blocks=2)), source)
    assert run('dinotxt_to_mmpatchioner', source, out) == 0
    init_cfg = dict(type='Pretrained', checkpoint=str(out))
    converted = DINOTxtVisionHead(32, num_heads=4, init_cfg=init_cfg)
    converted.init_weights()
    tokens = torch.randn(2, 9, 32)
    torch.testing.assert_close(converted(tokens), head(tokens))
    printed = capsys.readouterr().out
    assert 'block_list.1.mlp.w3.bias' in printed and 'mmpatchioner.DINOTxtNeck' in printed
    assert load_metadata(out)['converted_from'] == 'vision_head.pth'


def test_the_text_tower_comes_back_as_it_was(tower, tmp_path, capsys):
    source, out = tmp_path / 'text_encoder.pth', tmp_path / 'tower.safetensors'
    torch.save(published(tower, text_tower_names(num_layers=3)), source)
    assert run('dinotxt_to_mmpatchioner', source, out) == 0
    converted = DINOTxtTextTower(**SIZES, init_cfg=dict(type='Pretrained', checkpoint=str(out)))
    converted.init_weights()
    ids, ends = torch.randint(40, (2, 7)), torch.tensor([3, 6])
    torch.testing.assert_close(converted(ids, ends), tower(ids, ends))
    assert 'mmpatchioner.DINOTxtTextEncoder' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda state: state.pop('ln_final.bias'), 'missing: ln_final.bias'),
        (lambda state: state.update(extra=torch.zeros(1)), 'unknown: extra'),
        (
            lambda state: state.update({'block_list.1.ls1.gamma': torch.zeros(3)}),
            r'block_list\.1\.ls1\.gamma: expected \(32,\), got \(3,\)',
        ),
        (
            lambda state: state.update({'block_list.0.mlp.w2.bias': torch.full((128,), torch.nan)}),
            'expected finite numbers',
        ),
    ],
)
def test_unfit_vision_heads_are_refused(head, tmp_path, change, message):
    state = published(head, vision_head_names(num_blocks=2))
    change(state)
    torch.save(state, tmp_path / 'head.pth')
    with pytest.raises(CheckpointError, match=message):
        convert_vision_head(tmp_path / 'head.pth')


def test_unfit_text_towers_are_refused(tower, tmp_path):
    state = published(tower, text_tower_names(num_layers=3))
    state['backbone.blocks.2.feed_forward.fc1.bias'] = torch.zeros(7)
    torch.save(state, tmp_path / 'tower.pth')
    with pytest.raises(CheckpointError, match=r'expected \(128,\), got \(7,\)'):
        convert_text_tower(tmp_path / 'tower.pth')


def test_other_files_are_refused_on_one_line(tmp_path, capsys):
    torch.save({'weight': torch.zeros(2)}, tmp_path / 'other.pth')
    out = tmp_path / 'out.safetensors'
    assert run('dinotxt_to_mmpatchioner', tmp_path / 'other.pth', out) == 2
    error = capsys.readouterr().err
    assert "DINO.txt's vision head" in error and error.count('\n') == 1
    assert run('dinotxt_to_mmpatchioner', tmp_path / 'other.pth', tmp_path / 'out.pt') == 2
    assert not out.exists()
