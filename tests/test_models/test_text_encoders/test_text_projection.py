from __future__ import annotations

import pytest
import torch

from mmpatchioner.checkpoints import CheckpointError
from mmpatchioner.models.text_encoders import (
    ProjectedTextEncoder,
    TextProjection,
    build_text_encoder,
)
from tests.test_engine.tiny_models import CAPTIONS

WORDS = dict(type='mmpatchioner.WordVectorEncoder', embed_dims=8)


def test_names_and_formula_of_talk2dino():
    projection = TextProjection(in_dims=8, hidden_dims=12, out_dims=12)
    state = projection.state_dict()
    assert set(state) == {
        'linear_layer.weight',
        'linear_layer.bias',
        'hidden_layers.0.weight',
        'hidden_layers.0.bias',
    }
    texts = torch.randn(3, 8)
    hidden = torch.tanh(texts @ state['linear_layer.weight'].T + state['linear_layer.bias'])
    expected = hidden @ state['hidden_layers.0.weight'].T + state['hidden_layers.0.bias']
    assert torch.allclose(projection(texts), expected, atol=1e-6)


def test_linear_deep_and_scaled():
    texts = torch.randn(3, 8)
    linear = TextProjection(in_dims=8, out_dims=5)
    assert torch.allclose(
        linear(2 * texts) - linear(texts), linear(texts) - linear(0 * texts), atol=1e-5
    )
    deep = TextProjection(in_dims=8, hidden_dims=[6, 7], out_dims=5, activation='relu')
    assert [tuple(layer.weight.shape) for layer in deep.hidden_layers] == [(7, 6), (5, 7)]
    scaled = TextProjection(in_dims=8, hidden_dims=6, out_dims=5, scale=4.0)
    plain = TextProjection(in_dims=8, hidden_dims=6, out_dims=5)
    plain.load_state_dict(scaled.state_dict())
    assert torch.allclose(scaled(texts), plain(4 * texts), atol=1e-6)


def test_unknown_activation():
    with pytest.raises(ValueError, match='activation'):
        TextProjection(in_dims=8, out_dims=8, activation='swish')


def test_pretrained_loads_all_or_raises(tmp_path):
    path = tmp_path / 'projection.pth'
    trained = TextProjection(in_dims=8, hidden_dims=6, out_dims=6)
    torch.save(trained.state_dict(), path)
    cfg = dict(
        type='mmpatchioner.ProjectedTextEncoder',
        space='s',
        encoder=WORDS,
        projection=dict(
            type='mmpatchioner.TextProjection',
            in_dims=8,
            hidden_dims=6,
            out_dims=6,
            init_cfg=dict(type='Pretrained', checkpoint=str(path)),
        ),
    )
    encoder = build_text_encoder(cfg)
    assert torch.equal(encoder.projection.linear_layer.weight, trained.linear_layer.weight)
    cfg['projection']['hidden_dims'] = None
    with pytest.raises(CheckpointError, match='hidden_layers'):
        build_text_encoder(cfg)


def test_projected_encoder():
    projection = dict(type='mmpatchioner.TextProjection', in_dims=8, out_dims=5)
    encoder = ProjectedTextEncoder(WORDS, projection, space='joint')
    assert (encoder.embed_dims, encoder.space) == (5, 'joint')
    with torch.no_grad():
        expected = encoder.projection(encoder.encoder.encode(CAPTIONS))
    assert torch.allclose(encoder.encode(CAPTIONS, batch_size=3), expected, atol=1e-6)
    before = encoder.fingerprint()
    encoder.projection.scale = 2.0
    assert encoder.fingerprint() != before


def test_widths_must_fit():
    projection = dict(type='mmpatchioner.TextProjection', in_dims=9, out_dims=5)
    with pytest.raises(ValueError, match='expected 8'):
        ProjectedTextEncoder(WORDS, projection, space='joint')
