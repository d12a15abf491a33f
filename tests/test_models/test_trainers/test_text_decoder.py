from __future__ import annotations

import pytest
import torch

from mmpatchioner.checkpoints import save_memory
from mmpatchioner.models.bridges import GapStatistics, MemoryBridge
from mmpatchioner.models.decoders import train_bpe
from mmpatchioner.models.trainers import LeaveOneOutBridge, TextDecoderTrainer
from tests.test_engine.tiny_models import CAPTIONS, WordVectorEncoder


@pytest.fixture(scope='module')
def decoder(tmp_path_factory):
    file = tmp_path_factory.mktemp('tokenizer') / 'tokenizer.json'
    train_bpe(CAPTIONS, vocab_size=300, path=file)
    return dict(
        type='mmpatchioner.PrefixDecoder',
        prefix_dims=32,
        hidden_dims=32,
        num_layers=2,
        num_heads=2,
        vocab_size=300,
        max_positions=32,
        dropout=0.0,
        tokenizer=dict(type='mmpatchioner.CaptionTokenizer', file=str(file)),
    )


@pytest.fixture(scope='module')
def embeddings():
    return WordVectorEncoder().encode(CAPTIONS)


def test_loss_falls_until_the_captions_are_known(decoder, embeddings):
    torch.manual_seed(0)
    trainer = TextDecoderTrainer(decoder)
    optimizer = torch.optim.AdamW(trainer.parameters(), lr=5e-3)
    losses = []
    for _ in range(150):
        loss = trainer(embeddings * 3, CAPTIONS)['loss']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
    assert trainer.decoder.generate(embeddings).texts == CAPTIONS
    report = trainer(embeddings, CAPTIONS, mode='predict')
    assert report[0]['num_samples'] == len(CAPTIONS)
    assert report[0]['accuracy'] > 0.95


def test_prefix_is_a_unit_vector_with_noise_in_it(decoder):
    trainer = TextDecoderTrainer(decoder, noise=dict(type='mmpatchioner.GaussianNoise', std=0.08))
    embeddings = 5 * torch.randn(4000, 32)
    prefix = trainer.prefix(embeddings, noisy=True)
    assert torch.allclose(prefix.norm(dim=1), torch.ones(4000), atol=1e-5)
    clean = embeddings / embeddings.norm(dim=1, keepdim=True)
    # The noise is sqrt(32) * 0.08 long and nearly orthogonal to the signal.
    cosine = (prefix * clean).sum(dim=1).mean()
    assert cosine == pytest.approx((1 + 32 * 0.08**2) ** -0.5, abs=0.01)
    assert torch.allclose(trainer.prefix(embeddings, noisy=False), clean)


def test_lengths_are_kept_on_request(decoder):
    embeddings = 5 * torch.randn(4, 32)
    trainer = TextDecoderTrainer(decoder, normalize=False)
    assert torch.equal(trainer.prefix(embeddings, noisy=True), embeddings)
    with pytest.raises(ValueError, match='normalize: expected True with noise'):
        TextDecoderTrainer(
            decoder, normalize=False, noise=dict(type='mmpatchioner.GaussianNoise', std=0.1)
        )


def test_validation_is_without_noise(decoder, embeddings):
    noise = dict(type='mmpatchioner.GaussianNoise', std=1.0)
    trainer = TextDecoderTrainer(decoder, noise=noise).eval()
    first, second = (trainer(embeddings, CAPTIONS, mode='predict') for _ in range(2))
    assert first == second
    noisy = [trainer(embeddings, CAPTIONS)['loss'].item() for _ in range(2)]
    assert noisy[0] != noisy[1]


def test_noise_of_another_space_is_refused(decoder, tmp_path):
    file = tmp_path / 'gap.safetensors'
    GapStatistics(torch.zeros(32), torch.eye(32), space='words').save(file)
    noise = dict(type='mmpatchioner.GapNoise', statistics=str(file))
    assert TextDecoderTrainer(decoder, noise=noise, space='words').noise.space == 'words'
    with pytest.raises(ValueError, match="of the embeddings, 'patches', got 'words'"):
        TextDecoderTrainer(decoder, noise=noise, space='patches')


def test_zero_or_nan_is_refused(decoder, embeddings):
    trainer = TextDecoderTrainer(decoder)
    for value in (0.0, float('nan')):
        broken = embeddings.clone()
        broken[3] = value
        with pytest.raises(ValueError, match='finite vectors of positive length'):
            trainer(broken, CAPTIONS)


def test_unknown_mode(decoder, embeddings):
    with pytest.raises(ValueError, match='mode'):
        TextDecoderTrainer(decoder)(embeddings, CAPTIONS, mode='tensor')


def test_exports(decoder):
    trainer = TextDecoderTrainer(decoder, space='words')
    (weights,) = trainer.exports()
    assert weights.name == 'decoder'
    assert weights.tensors.keys() == trainer.decoder.state_dict().keys()
    assert weights.metadata['space'] == 'words'
    assert weights.companions == {'tokenizer.json': decoder['tokenizer']['file']}


@pytest.fixture
def memory(tmp_path, embeddings):
    path = tmp_path / 'memory.safetensors'
    lengths = torch.linspace(0.5, 2, len(embeddings))[:, None]
    save_memory(path, embeddings * lengths, CAPTIONS)
    return str(path)


def test_own_text_is_left_out(memory, embeddings):
    bridge = LeaveOneOutBridge(memory, temperature=0.05)
    projected = bridge(embeddings, embeddings)
    assert torch.allclose(projected.norm(dim=1), torch.ones(8), atol=1e-5)
    for row in range(8):
        others = [index for index in range(8) if index != row]
        weights = (embeddings[row] @ embeddings[others].T / 0.05).softmax(dim=0)
        lengths = torch.linspace(0.5, 2, 8)[others]
        expected = (weights * lengths) @ embeddings[others]
        assert torch.allclose(projected[row], expected / expected.norm(), atol=1e-4)


@pytest.mark.parametrize('rows', ['raw', 'unit'])
def test_texts_outside_the_memory_are_projected_as_at_test_time(memory, rows):
    torch.manual_seed(0)
    strangers = torch.nn.functional.normalize(torch.randn(5, 32), dim=1)
    training = LeaveOneOutBridge(memory, temperature=0.1, rows=rows)(strangers, strangers)
    test_time = MemoryBridge(memory, temperature=0.1, rows=rows)(strangers)
    assert torch.allclose(training, test_time, atol=1e-5)


def test_memory_of_one_text_keeps_it(tmp_path, embeddings):
    path = tmp_path / 'memory.safetensors'
    save_memory(path, embeddings[:1], CAPTIONS[:1])
    projected = LeaveOneOutBridge(str(path))(embeddings[:1], embeddings[:1])
    assert torch.allclose(projected, embeddings[:1], atol=1e-5)


def test_bridge_in_the_trainer(decoder, memory, embeddings):
    bridge = dict(type='mmpatchioner.LeaveOneOutBridge', memory=memory)
    trainer = TextDecoderTrainer(decoder, bridge=bridge)
    expected = trainer.bridges['text'](embeddings, embeddings)
    assert torch.allclose(trainer.prefix(embeddings, (0.0, 0.0)), expected)
    assert not any('bridge' in name for name in trainer.state_dict())
    for option in (dict(rows='all'), dict(temperature=0)):
        with pytest.raises(ValueError, match=next(iter(option))):
            LeaveOneOutBridge(memory, **option)
