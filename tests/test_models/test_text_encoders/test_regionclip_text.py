import pytest
import torch

from mmpatchioner.models.decoders import train_bpe
from mmpatchioner.models.text_encoders import (
    CLIPTextTower,
    RegionCLIPTextEncoder,
    build_text_encoder,
)

TEXTS = ['a dog runs on the grass', 'two people ride a bike', 'a red car', 'sky']
CONFIG = dict(
    hidden_size=32,
    intermediate_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    projection_dim=24,
    vocab_size=80,
    max_position_embeddings=16,
)


@pytest.fixture
def build(tmp_path):
    path = tmp_path / 'tokenizer.json'
    train_bpe(TEXTS, vocab_size=80, path=path)

    def build(**kwargs) -> RegionCLIPTextEncoder:
        torch.manual_seed(0)
        cfg = dict(
            type='mmpatchioner.RegionCLIPTextEncoder',
            tower=dict(config=CONFIG),
            tokenizer=dict(type='mmpatchioner.CaptionTokenizer', file=str(path)),
        )
        encoder = build_text_encoder({**cfg, **kwargs})
        for parameter in encoder.parameters():
            parameter.data += 0.2 * torch.randn_like(parameter)
        return encoder

    return build


@torch.no_grad()
def test_the_end_marker_stands_for_the_text_and_is_not_normalised(build):
    encoder = build()
    encoded = encoder.encode(TEXTS)
    assert encoded.shape == (4, 24) and encoder.embed_dims == 24
    assert encoder.space == 'regionclip-rn50'
    for text, vector in zip(TEXTS, encoded, strict=True):
        ids = torch.tensor([encoder.tokenizer.encode(text)])
        hidden = encoder.tower.model.text_model(input_ids=ids).last_hidden_state[0, -1]
        expected = encoder.tower.model.text_projection(hidden)
        torch.testing.assert_close(vector, expected, atol=1e-5, rtol=1e-4)
    assert (encoded.norm(dim=1) - 1).abs().min() > 1e-2


def test_padding_and_batches_change_nothing(build):
    encoder = build()
    one_by_one = torch.cat([encoder.encode([text]) for text in TEXTS])
    torch.testing.assert_close(encoder.encode(TEXTS), one_by_one, atol=1e-5, rtol=1e-5)
    long = 'a red car ' * 20
    torch.testing.assert_close(encoder.encode([long]), encoder.encode([long + ' dog']))


def test_without_a_config_the_tower_is_that_of_clip_rn50():
    with torch.device('meta'):
        tower = CLIPTextTower()
    shapes = {name: tuple(tensor.shape) for name, tensor in tower.state_dict().items()}
    assert shapes['model.text_projection.weight'] == (1024, 512)
    assert shapes['model.text_model.embeddings.token_embedding.weight'] == (49408, 512)
    assert tower.config.num_hidden_layers == 12 and tower.config.hidden_act == 'quick_gelu'


def test_init_weights_without_a_file_keeps_the_weights(build):
    encoder = build()
    before = encoder.encode(TEXTS)
    encoder.init_weights()
    assert torch.equal(encoder.encode(TEXTS), before)


def test_a_tower_of_too_few_tokens_is_refused(build):
    with pytest.raises(ValueError, match='at most 40 tokens'):
        build(tower=dict(config={**CONFIG, 'vocab_size': 40}))
