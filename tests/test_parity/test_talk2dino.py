"""Talk2DINO's projection and its inverse, against the released code."""

from __future__ import annotations

import pytest
import torch

from mmpatchioner.checkpoints import save_safetensors
from mmpatchioner.checkpoints.talk2dino import convert_talk2dino
from mmpatchioner.models.bridges import Talk2DINOInverseBridge
from mmpatchioner.models.text_encoders import TextProjection


def published_file(state, folder, old_names=False):
    if old_names:
        state = {k.replace('hidden_layers.0.', 'linear_layer2.'): v for k, v in state.items()}
    torch.save(state, folder / 'vitb_mlp_infonce.pth')
    return folder / 'vitb_mlp_infonce.pth'


@pytest.mark.parametrize('index', range(6))
@pytest.mark.parametrize('old_names', [False, True])
@torch.no_grad()
def test_projection(recorded, index, old_names, tmp_path):
    record = recorded('talk2dino')
    activation, hidden = record.values['variants'][index]
    path = published_file(record.part(f'{index}.weights.'), tmp_path, old_names and hidden == 1)
    expected = record.tensors[f'{index}.projected']
    (texts, out_dims) = record.tensors['texts'], expected.shape[1]
    projection = TextProjection(
        texts.shape[1], [out_dims] * int(hidden), out_dims, activation=activation or 'none'
    )
    projection.load_state_dict(convert_talk2dino(path).tensors)
    torch.testing.assert_close(projection(texts), expected, atol=1e-5, rtol=1e-5)


def test_inverse(recorded, tmp_path):
    record = recorded('talk2dino')
    linear = len(record.values['variants']) - 1
    path = published_file(record.part(f'{linear}.weights.'), tmp_path)
    converted = tmp_path / 'linear.safetensors'
    save_safetensors(convert_talk2dino(path).tensors, converted)
    bridge = Talk2DINOInverseBridge(converted, normalize=False)
    tensors = record.tensors
    torch.testing.assert_close(bridge.inverse.T, tensors['pseudo_inverse'], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(
        bridge(tensors['vectors']), tensors['inverted'], atol=1e-5, rtol=1e-5
    )
    # The decoder saw unit vectors in training, which the released code does not give.
    unit = Talk2DINOInverseBridge(converted)(tensors['vectors']).norm(dim=1)
    torch.testing.assert_close(unit, torch.ones_like(unit))
    assert (tensors['inverted'].norm(dim=1) - 1).abs().min() > 1e-2
