"""Weights that a config names, through our modules and through mmengine's own loading."""

from __future__ import annotations

import pytest
import torch
from mmengine.model import BaseModule
from mmengine.runner import load_checkpoint
from torch import nn

from mmpatchioner.checkpoints import (
    CheckpointError,
    PretrainedModule,
    loading,
    save_safetensors,
)


class Part(PretrainedModule):
    def __init__(self, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.linear = nn.Linear(2, 3)


class Whole(BaseModule):
    def __init__(self, init_cfg: dict) -> None:
        super().__init__()
        self.part = Part(init_cfg)


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    return {'linear.weight': torch.randn(3, 2), 'linear.bias': torch.randn(3)}


def pretrained(path, **kwargs) -> dict:
    return dict(type='Pretrained', checkpoint=str(path), **kwargs)


def test_init_weights_of_the_whole_model_loads_the_part(tmp_path, state):
    save_safetensors(state, tmp_path / 'part.safetensors')
    whole = Whole(pretrained(tmp_path / 'part.safetensors'))
    whole.init_weights()
    assert torch.equal(whole.part.linear.weight, state['linear.weight'])


@pytest.mark.parametrize('training', [True, False])
def test_the_mode_stays(tmp_path, state, training):
    save_safetensors(state, tmp_path / 'part.safetensors')
    part = Part(pretrained(tmp_path / 'part.safetensors')).train(training)
    part.init_weights()
    assert part.training is part.linear.training is training


def test_a_part_of_a_larger_checkpoint(tmp_path, state):
    larger = {f'head.decoder.{name}': value for name, value in state.items()}
    save_safetensors({**larger, 'neck.weight': torch.ones(1)}, tmp_path / 'all.safetensors')
    part = Part(pretrained(tmp_path / 'all.safetensors', prefix='head.decoder'))
    part.init_weights()
    assert torch.equal(part.linear.bias, state['linear.bias'])
    with pytest.raises(
        CheckpointError, match=r"names no tensor; the file holds \['head', 'neck'\]"
    ):
        Part(pretrained(tmp_path / 'all.safetensors', prefix='decoder.')).init_weights()


def test_a_wrong_file_is_an_error_not_a_random_model(tmp_path, state):
    del state['linear.bias']
    save_safetensors(state, tmp_path / 'part.safetensors')
    with pytest.raises(CheckpointError, match=r'missing: linear\.bias'):
        Whole(pretrained(tmp_path / 'part.safetensors')).init_weights()


def test_other_initialisations_are_mmengines():
    part = Part(dict(type='Constant', layer='Linear', val=2.0, bias=1.0))
    part.init_weights()
    assert torch.equal(part.linear.weight, torch.full((3, 2), 2.0))


def test_mmengine_reads_packaged_and_local_safetensors(tmp_path, state, monkeypatch):
    monkeypatch.setattr(loading, '_PACKAGED', tmp_path)
    save_safetensors(state, tmp_path / 'mini' / 'part.safetensors')
    for source in ('mmpatchioner://mini/part.safetensors', str(tmp_path / 'mini/part.safetensors')):
        part = Part()
        load_checkpoint(part, source, map_location='cpu', strict=True)
        assert torch.equal(part.linear.weight, state['linear.weight'])


def test_other_files_stay_with_mmengine(tmp_path, state):
    torch.save({'state_dict': state, 'meta': {}}, tmp_path / 'part.pth')
    part = Part()
    checkpoint = load_checkpoint(part, str(tmp_path / 'part.pth'), strict=True)
    assert 'meta' in checkpoint and torch.equal(part.linear.bias, state['linear.bias'])
