from __future__ import annotations

import json

import pytest
import torch
from transformers import CLIPTextConfig, CLIPTextModelWithProjection, CLIPTokenizer

from mmpatchioner.models.text_encoders import CLIPTextEncoder


@pytest.fixture(scope='module')
def clip(tmp_path_factory):
    folder = tmp_path_factory.mktemp('clip') / 'tiny-clip'
    folder.mkdir()
    letters = [chr(code) for code in range(ord('a'), ord('z') + 1)]
    tokens = [
        *letters,
        *(f'{letter}</w>' for letter in letters),
        '<|startoftext|>',
        '<|endoftext|>',
    ]
    (folder / 'vocab.json').write_text(json.dumps({token: i for i, token in enumerate(tokens)}))
    (folder / 'merges.txt').write_text('#version: 0.2\n')
    CLIPTokenizer(str(folder / 'vocab.json'), str(folder / 'merges.txt')).save_pretrained(folder)
    torch.manual_seed(0)
    config = CLIPTextConfig(
        vocab_size=len(tokens),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=12,
        projection_dim=16,
        bos_token_id=len(tokens) - 2,
        eos_token_id=len(tokens) - 1,
    )
    CLIPTextModelWithProjection(config).save_pretrained(folder)
    return CLIPTextEncoder(str(folder))


def test_raw_vectors(clip):
    tokens = clip.tokenizer('a dog', return_tensors='pt')
    with torch.no_grad():
        expected = clip.transformer(**tokens).text_embeds
    encoded = clip.encode(['a dog'])
    assert torch.allclose(encoded, expected, atol=1e-6)
    assert not torch.allclose(encoded.norm(dim=1), torch.ones(1), atol=1e-2)
    assert clip.embed_dims == 16
    assert clip.space == 'tiny-clip'


def test_padding_changes_nothing(clip):
    texts = ['a', 'dogs run', 'a cat']
    one_by_one = torch.cat([clip.encode([text]) for text in texts])
    assert torch.allclose(clip.encode(texts), one_by_one, atol=1e-5)


def test_long_texts_are_cut(clip):
    assert clip.max_length == 12
    assert torch.equal(clip.encode(['abcdefghijklmn']), clip.encode(['abcdefghijxyz']))


def test_init_weights_keeps_the_loaded_ones(clip):
    before = clip.encode(['a dog'])
    clip.init_weights()
    assert torch.equal(clip.encode(['a dog']), before)
