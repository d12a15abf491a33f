import pytest
import torch
from torch.nn import functional as F

from mmpatchioner.models.decoders import train_bpe
from mmpatchioner.models.text_encoders import DenseCLIPTextEncoder, build_text_encoder

TEXTS = ['a dog runs on the grass', 'two people ride a bike', 'a red car', 'sky']
CONFIG = dict(
    hidden_size=32,
    intermediate_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    projection_dim=24,
    vocab_size=80,
)


@pytest.fixture
def build(tmp_path):
    path = tmp_path / 'tokenizer.json'
    train_bpe(TEXTS, vocab_size=80, path=path)

    def build(**kwargs) -> DenseCLIPTextEncoder:
        torch.manual_seed(0)
        cfg = dict(
            type='mmpatchioner.DenseCLIPTextEncoder',
            tower=dict(config=CONFIG),
            tokenizer=dict(type='mmpatchioner.CaptionTokenizer', file=str(path)),
        )
        encoder = build_text_encoder({**cfg, **kwargs})
        for parameter in encoder.parameters():
            parameter.data += 0.2 * torch.randn_like(parameter)
        return encoder

    return build


@torch.no_grad()
def test_vectors_are_those_of_the_end_marker_at_unit_length(build):
    encoder = build()
    encoded = encoder.encode(TEXTS)
    assert encoded.shape == (4, 24) and encoder.embed_dims == 24
    assert encoder.space == 'denseclip-vitb16'
    for text, vector in zip(TEXTS, encoded, strict=True):
        ids = torch.tensor([encoder.tokenizer.encode(text)])
        hidden = encoder.tower.model.text_model(input_ids=ids).last_hidden_state[0, -1]
        expected = F.normalize(encoder.tower.model.text_projection(hidden), dim=0)
        torch.testing.assert_close(vector, expected, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_the_published_context_cuts_captions_and_the_long_one_does_not(build):
    long = 'two people ride a red car and a dog on the grass'
    short = build(context_length=13)
    assert short.tower.config.max_position_embeddings == 13
    assert len(short.tokenizer.encode(long)) > 13
    assert torch.equal(short.encode([long]), short.encode([f'{long} sky']))
    full = build()
    assert full.tower.config.max_position_embeddings == 77
    assert (full.encode([long]) - full.encode([f'{long} sky'])).abs().max() > 1e-3


def test_padding_and_batches_change_nothing(build):
    encoder = build()
    one_by_one = torch.cat([encoder.encode([text]) for text in TEXTS])
    torch.testing.assert_close(encoder.encode(TEXTS), one_by_one, atol=1e-5, rtol=1e-5)


def test_without_a_config_the_tower_is_that_of_clip_vit_b16(tmp_path):
    path = tmp_path / 'tokenizer.json'
    train_bpe(TEXTS, vocab_size=80, path=path)
    tokenizer = dict(type='mmpatchioner.CaptionTokenizer', file=str(path))
    with torch.device('meta'):
        encoder = DenseCLIPTextEncoder(tower={}, tokenizer=tokenizer)
    shapes = {name: tuple(tensor.shape) for name, tensor in encoder.tower.state_dict().items()}
    assert shapes['model.text_projection.weight'] == (512, 512)
    assert shapes['model.text_model.embeddings.token_embedding.weight'] == (49408, 512)
    assert shapes['model.text_model.embeddings.position_embedding.weight'] == (77, 512)
    assert encoder.embed_dims == 512
