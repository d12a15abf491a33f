"""Bridges of the decoder's training: the prior, shares, and one for every kind of text."""

import pytest
import torch
from torch.nn import functional as F

from mmpatchioner.checkpoints import save_memory
from mmpatchioner.models.bridges import MemoryBridge
from mmpatchioner.models.decoders import train_bpe
from mmpatchioner.models.trainers import LeaveOneOutBridge, TextDecoderTrainer

DIMS = 8


@pytest.fixture
def rows() -> torch.Tensor:
    return torch.randn(6, DIMS, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def memory(rows, tmp_path) -> str:
    path = tmp_path / 'memory.safetensors'
    save_memory(path, rows, counts=torch.tensor([1, 9, 2, 1, 4, 1]))
    return str(path)


@pytest.fixture
def decoder(tmp_path) -> dict:
    path = tmp_path / 'tokenizer.json'
    train_bpe(['a dog', 'a cat'], vocab_size=40, path=path)
    return dict(
        type='mmpatchioner.PrefixDecoder',
        prefix_dims=DIMS,
        hidden_dims=16,
        num_layers=1,
        num_heads=2,
        vocab_size=40,
        max_positions=32,
        tokenizer=dict(type='mmpatchioner.CaptionTokenizer', file=str(path)),
    )


def test_the_prior_is_that_of_the_test_time(memory):
    strangers = F.normalize(torch.randn(4, DIMS, generator=torch.Generator().manual_seed(5)), dim=1)
    training = LeaveOneOutBridge(memory, temperature=0.1, prior='counts')(strangers, strangers)
    testing = MemoryBridge(memory, temperature=0.1, prior='counts')(strangers)
    torch.testing.assert_close(training, testing, atol=1e-5, rtol=1e-5)
    plain = LeaveOneOutBridge(memory, temperature=0.1)(strangers, strangers)
    assert not torch.allclose(training, plain, atol=1e-3)


def test_a_share_of_the_inputs_keeps_its_own_row(memory, rows):
    clean = F.normalize(rows, dim=1).repeat(200, 1)
    torch.manual_seed(0)
    projected = LeaveOneOutBridge(memory, temperature=0.001, leave_out=0.25)(clean, clean)
    kept = ((projected * clean).sum(dim=1) > 0.99).float().mean()
    assert kept == pytest.approx(0.75, abs=0.05)


@pytest.mark.parametrize('option', [{'leave_out': 1.5}, {'prior': 'frequency'}])
def test_bad_options_are_refused(memory, option):
    with pytest.raises(ValueError, match='bridge'):
        LeaveOneOutBridge(memory, **option)


def test_a_prior_needs_counts(rows, tmp_path):
    save_memory(tmp_path / 'plain.safetensors', rows)
    with pytest.raises(ValueError, match=r'bridge\.prior'):
        LeaveOneOutBridge(str(tmp_path / 'plain.safetensors'), prior='counts')


def test_every_kind_of_text_goes_over_its_own_bridge(decoder, memory, rows, tmp_path):
    other = tmp_path / 'other.safetensors'
    save_memory(other, -rows)
    bridge = {
        'caption': dict(type='mmpatchioner.LeaveOneOutBridge', memory=memory, temperature=0.1),
        'phrase': dict(type='mmpatchioner.LeaveOneOutBridge', memory=str(other), temperature=0.1),
    }
    trainer = TextDecoderTrainer(decoder, bridge=bridge)
    texts = F.normalize(torch.randn(3, DIMS), dim=1)
    prefix = trainer.prefix(texts, (0.0, 0.0), ['caption', 'phrase', 'caption'])
    torch.testing.assert_close(prefix[[0, 2]], trainer.bridges['caption'](texts, texts)[[0, 2]])
    torch.testing.assert_close(prefix[1], trainer.bridges['phrase'](texts, texts)[1])
    with pytest.raises(ValueError, match=r"kinds: expected .*got \['title'\]"):
        trainer.prefix(texts, (0.0, 0.0), ['title'] * 3)
    with pytest.raises(ValueError, match='kinds: expected'):
        trainer.prefix(texts, (0.0, 0.0))


def test_a_share_of_the_texts_goes_over_the_bridge(decoder, memory):
    bridge = dict(type='mmpatchioner.LeaveOneOutBridge', memory=memory)
    trainer = TextDecoderTrainer(decoder, bridge=bridge, bridge_share=0.25)
    texts = F.normalize(torch.randn(1000, DIMS), dim=1)
    torch.manual_seed(0)
    unchanged = (trainer.prefix(texts, (0.0, 0.0)) - texts).abs().amax(dim=1) < 1e-6
    assert unchanged.float().mean() == pytest.approx(0.75, abs=0.05)
    with pytest.raises(ValueError, match='bridge_share'):
        TextDecoderTrainer(decoder, bridge_share=2)


def test_autocast_changes_the_loss_by_rounding_only(decoder):
    torch.manual_seed(0)
    full = TextDecoderTrainer(decoder).eval()
    half = TextDecoderTrainer(decoder, autocast=True).eval()
    half.load_state_dict(full.state_dict())
    texts, captions = torch.randn(2, DIMS), ['a dog', 'a cat']
    one, other = full(texts, captions)['loss'], half(texts, captions)['loss']
    assert one.item() != other.item()
    assert one.item() == pytest.approx(other.item(), rel=0.02)
    assert other.dtype == torch.float32
