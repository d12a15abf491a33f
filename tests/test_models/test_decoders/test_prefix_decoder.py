"""The decoder as a whole: its loss against the published recipe, its captions against its own tokens."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from mmpatchioner.checkpoints import CheckpointError, save_safetensors
from mmpatchioner.models.decoders import PrefixDecoder
from mmpatchioner.registry import MODELS

from .conftest import CAPTIONS


@pytest.fixture(scope='module')
def embeddings() -> torch.Tensor:
    rows = torch.randn(len(CAPTIONS), 16, generator=torch.Generator().manual_seed(1))
    return F.normalize(rows, dim=1)


@pytest.fixture(scope='module')
def trained(make_decoder, embeddings):
    """A decoder that knows the five captions."""
    decoder = make_decoder(train_length=30)
    optimizer = torch.optim.AdamW(decoder.parameters(), lr=1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        decoder.loss(embeddings, CAPTIONS)['loss'].backward()
        optimizer.step()
    return decoder.eval()


def test_the_loss_is_the_published_one(make_decoder, embeddings):
    decoder = make_decoder()
    losses = decoder.loss(embeddings, CAPTIONS)
    # The recipe as told: all 21 positions, the last cut off, padding ignored, over every class of the model.
    pad = decoder.tokenizer.pad_id
    tokens = torch.full((len(CAPTIONS), 20), pad)
    for row, caption in enumerate(CAPTIONS):
        ids = decoder.tokenizer.encode(caption)[:20]
        tokens[row, : len(ids)] = torch.tensor(ids)
    inputs = torch.cat(
        [decoder.prefix(embeddings)[:, None], decoder.transformer.token_embedding(tokens)], dim=1
    )
    logits = decoder.transformer.logits(decoder.transformer(inputs))[:, :-1]
    assert logits.shape == (5, 20, 150)
    expected = F.cross_entropy(
        logits.flatten(0, 1), tokens.flatten(), ignore_index=pad, label_smoothing=0.1
    )
    torch.testing.assert_close(losses['loss'], expected, atol=1e-5, rtol=1e-5)
    counted = tokens != pad
    hits = (logits.argmax(dim=-1) == tokens)[counted].float().mean()
    torch.testing.assert_close(losses['accuracy'], hits)
    assert losses['loss'].requires_grad and not losses['accuracy'].requires_grad


def test_training_teaches_the_captions(trained, embeddings):
    captions = trained.generate(embeddings)
    assert captions.texts == [
        trained.tokenizer.decode(trained.tokenizer.encode(c)) for c in CAPTIONS
    ]
    assert trained.loss(embeddings, CAPTIONS)['accuracy'] == 1.0
    assert trained.generate(embeddings, num_beams=3).texts == captions.texts


def test_scores_are_means_over_the_tokens(trained, embeddings):
    captions = trained.generate(embeddings)
    assert (captions.token_ids[:, 0] == trained.tokenizer.bos_id).all()
    for row, ids in enumerate(captions.token_ids.tolist()):
        length = ids.index(trained.tokenizer.eos_id) + 1
        mean = captions.token_log_probs[row, :length].mean()
        torch.testing.assert_close(captions.scores[row], mean)
        assert not captions.token_log_probs[row, length:].any()
    assert (captions.scores < 0).all()


def test_the_released_score_is_that_of_all_tokens_decoded_greedily(trained, embeddings):
    captions = trained.generate(embeddings, official_scores=True)
    plain = trained.generate(embeddings)
    assert captions.texts == plain.texts and plain.official_scores is None
    whole = plain.token_log_probs.sum(dim=1).exp()
    # Tokens after the end can only make it smaller.
    assert (captions.official_scores < whole).all() and (captions.official_scores > 0).all()
    stopped = trained.generate(embeddings, official_scores=True, max_length=3)
    # As do tokens of the model that no caption ever gets.
    assert (stopped.official_scores < stopped.token_log_probs.sum(dim=1).exp()).all()


def test_the_released_score_makes_beam_decoders_greedy(make_decoder, embeddings):
    beams, greedy = make_decoder(num_beams=3), make_decoder()
    ids = beams.generate(embeddings, official_scores=True).token_ids
    assert torch.equal(ids, greedy.generate(embeddings).token_ids)
    with pytest.raises(ValueError, match='full_length'):
        greedy.generate(embeddings, num_beams=3, official_scores=True)


def test_captions_are_of_the_tokenizers_tokens_only(make_decoder):
    decoder = make_decoder(vocab_size=500)
    captions = decoder.generate(torch.randn(50, 16))
    assert captions.token_ids.max() < decoder.tokenizer.vocab_size
    assert all(isinstance(text, str) for text in captions.texts)


def test_generation_leaves_the_decoder_and_its_input_alone(make_decoder, embeddings):
    decoder = make_decoder(dropout=0.5).train()
    before = embeddings.clone()
    first, second = decoder.generate(embeddings), decoder.generate(embeddings)
    assert first.texts == second.texts and torch.equal(first.scores, second.scores)
    assert decoder.training and decoder.transformer.blocks[0].training
    assert torch.equal(embeddings, before)
    # Ordinary tensors: they may be changed and used in a graph.
    first.scores.add_(1)
    (first.scores * torch.ones(5, requires_grad=True)).sum().backward()


def test_half_precision_around_it_does_not_change_captions(make_decoder, embeddings):
    decoder = make_decoder()
    plain = decoder.generate(embeddings)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        inside = decoder.generate(embeddings)
    assert torch.equal(plain.token_ids, inside.token_ids)
    assert inside.scores.dtype == torch.float32 and torch.equal(plain.scores, inside.scores)


def test_no_regions_are_legal(make_decoder):
    captions = make_decoder().generate(torch.zeros(0, 16))
    assert captions.texts == [] and captions.scores.shape == (0,)


def test_weights_by_init_cfg_all_or_nothing(make_decoder, tmp_path, embeddings):
    source = make_decoder()
    save_safetensors(source.state_dict(), tmp_path / 'decoder.safetensors')
    cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'decoder.safetensors'))
    target = make_decoder(init_cfg=cfg)
    for parameter in target.parameters():
        parameter.data.zero_()
    target.init_weights()
    assert target.generate(embeddings).texts == source.generate(embeddings).texts
    with pytest.raises(CheckpointError, match=r'unknown: transformer\.blocks\.1'):
        make_decoder(num_layers=1, init_cfg=cfg).init_weights()


def test_sizes_by_default_are_the_published_ones(tokenizer_file):
    with torch.device('meta'):
        decoder = MODELS.build(
            dict(
                type='mmpatchioner.PrefixDecoder',
                prefix_dims=768,
                tokenizer=dict(type='mmpatchioner.CaptionTokenizer', file=str(tokenizer_file)),
            )
        )
    assert isinstance(decoder, PrefixDecoder)
    assert sum(parameter.numel() for parameter in decoder.parameters()) == 67_736_832 + 590_592
    assert (decoder.max_length, decoder.num_beams, decoder.train_length) == (30, 1, 20)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'vocab_size': 50}, 'expected at least 1.., the tokens of the tokenizer, got 50'),
        ({'max_length': 40}, r'decoder\.max_length: expected 1 to 39'),
        ({'max_length': 0}, r'decoder\.max_length'),
        ({'train_length': 99}, r'decoder\.train_length'),
    ],
)
def test_sizes_are_checked(make_decoder, arguments, message):
    with pytest.raises(ValueError, match=message):
        make_decoder(**arguments)


def test_inputs_are_checked(make_decoder, embeddings):
    decoder = make_decoder()
    with pytest.raises(ValueError, match=r'expected \(R, 16\), got \(2, 8\)'):
        decoder.generate(torch.zeros(2, 8))
    with pytest.raises(ValueError, match='NaN or infinity'):
        decoder.generate(torch.full((1, 16), torch.nan))
    with pytest.raises(ValueError, match='num_beams'):
        decoder.generate(embeddings, num_beams=0)
    with pytest.raises(ValueError, match='expected one for each of 4 captions, got 5'):
        decoder.loss(embeddings, CAPTIONS[:4])
