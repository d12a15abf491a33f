"""Memories from texts: streamed, gone on with, and the same whatever happened on the way."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mmpatchioner.checkpoints import load_memory
from mmpatchioner.models.bridges import memory_building
from mmpatchioner.models.bridges.memory_building import build_memory
from mmpatchioner.models.text_encoders import TextEncoder

TEXTS = [f'a dog and {number} cats on the{" old" * (number % 5)} mat' for number in range(23)]


class LetterEncoder(TextEncoder):
    """Counts of letters, through a random map; may be killed, counts what it encoded."""

    space = 'letters'
    embed_dims = 6

    def __init__(self, seed: int = 0, lives: int | None = None) -> None:
        super().__init__()
        weight = torch.randn(26, 6, generator=torch.Generator().manual_seed(seed))
        self.weight = torch.nn.Parameter(weight)
        self.lives = lives
        self.encoded: list[str] = []

    def settings(self) -> dict[str, object]:
        return {}

    def encode_batch(self, texts: list[str]) -> Tensor:
        if self.lives == 0:
            raise KeyboardInterrupt
        self.lives = None if self.lives is None else self.lives - 1
        self.encoded += texts
        counts = [[text.count(chr(97 + letter)) for letter in range(26)] for text in texts]
        return torch.tensor(counts, dtype=torch.float32) @ self.weight


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(memory_building, '_BATCHES', 2)  # chunks of 4 texts
    monkeypatch.setattr(memory_building, '_READ', 5)


def build(path, encoder=None, **kwargs):
    kwargs = {'batch_size': 2, 'counts': range(1, 24), **kwargs}
    return build_memory(path, TEXTS, encoder or LetterEncoder(), **kwargs)


@pytest.mark.parametrize('dtype', ['fp32', 'bf16'])
def test_a_memory_holds_what_its_encoder_gives(tmp_path, dtype):
    path = tmp_path / 'new' / 'memory.safetensors'
    seen = []
    metadata = {'corpus': 'x'}
    assert build(path, dtype=dtype, metadata=metadata, on_rows=seen.append) == 23
    memory = load_memory(path)
    rows = LetterEncoder().encode(TEXTS)
    unit = F.normalize(rows, dim=1).to(memory.embeddings.dtype)
    torch.testing.assert_close(memory.embeddings, unit, atol=1e-6, rtol=0)
    torch.testing.assert_close(memory.norms, rows.norm(dim=1))
    assert list(memory.texts) == TEXTS
    assert memory.counts.tolist() == list(range(1, 24))
    assert memory.space == 'letters'
    assert memory.metadata['encoder_sha256'] == LetterEncoder().fingerprint()
    assert memory.metadata['corpus'] == 'x'
    assert seen == [0, 4, 8, 12, 16, 20, 23]
    assert [file.name for file in path.parent.iterdir()] == ['memory.safetensors']


@pytest.mark.parametrize('medoids', [None, 5])
@pytest.mark.parametrize('lives', [0, 1, 5, 6, 11])
def test_a_killed_build_is_gone_on_with_and_ends_the_same(tmp_path, lives, medoids):
    build(tmp_path / 'whole.safetensors', medoids=medoids)
    path = tmp_path / 'memory.safetensors'
    with pytest.raises(KeyboardInterrupt):
        build(path, LetterEncoder(lives=lives), medoids=medoids)
    assert not path.exists()
    encoder = LetterEncoder()
    build(path, encoder, medoids=medoids)
    assert len(encoder.encoded) == 23 - lives // 2 * 4  # whole chunks are not encoded again
    assert path.read_bytes() == (tmp_path / 'whole.safetensors').read_bytes()
    assert len(list(tmp_path.iterdir())) == 2


def torn(data, journal):
    data.write_bytes(data.read_bytes() + b'half a chunk')


def unwritten(data, journal):
    data.write_bytes(data.read_bytes()[:-5])


def flipped(data, journal):
    content = bytearray(data.read_bytes())
    content[-3] ^= 1
    data.write_bytes(bytes(content))


def torn_journal(data, journal):
    journal.write_bytes(journal.read_bytes()[:-9])


def foreign_journal(data, journal):
    journal.write_text('[]\n')


def no_journal(data, journal):
    journal.unlink()


@pytest.mark.parametrize(
    ('damage', 'encoded_again'),
    [(torn, 11), (unwritten, 15), (flipped, 15), (torn_journal, 15), (foreign_journal, 23), (no_journal, 23)],
    ids=lambda value: getattr(value, '__name__', None),
)  # fmt: skip
def test_what_is_damaged_is_encoded_again(tmp_path, damage, encoded_again):
    build(tmp_path / 'whole.safetensors')
    path = tmp_path / 'memory.safetensors'
    with pytest.raises(KeyboardInterrupt):
        build(path, LetterEncoder(lives=6))
    damage(tmp_path / 'memory.safetensors.partial', tmp_path / 'memory.safetensors.partial.jsonl')
    encoder = LetterEncoder(lives=4)
    with pytest.raises(KeyboardInterrupt):  # and killed again
        build(path, encoder)
    second = LetterEncoder()
    build(path, second)
    assert len(encoder.encoded + second.encoded) == encoded_again
    assert path.read_bytes() == (tmp_path / 'whole.safetensors').read_bytes()


@pytest.mark.parametrize('other', [dict(encoder=LetterEncoder(seed=1)), dict(batch_size=4)])
def test_vectors_of_other_settings_are_not_taken_over(tmp_path, other):
    path = tmp_path / 'memory.safetensors'
    with pytest.raises(KeyboardInterrupt):
        build(path, LetterEncoder(lives=6))
    build(path, **other)
    build(tmp_path / 'fresh.safetensors', **other)
    assert path.read_bytes() == (tmp_path / 'fresh.safetensors').read_bytes()


def test_a_killed_build_may_end_with_another_type(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / 'memory.safetensors', LetterEncoder(lives=6))
    encoder = LetterEncoder()
    build(tmp_path / 'memory.safetensors', encoder, dtype='fp16')
    assert len(encoder.encoded) == 11
    assert load_memory(tmp_path / 'memory.safetensors').embeddings.dtype == torch.float16


def test_embeddings_of_zeros_are_left_out_with_their_texts(tmp_path):
    path = tmp_path / 'memory.safetensors'
    texts = ['a cat', '123', 'a dog']
    assert build_memory(path, texts, LetterEncoder(), counts=[1, 2, 3]) == 2
    memory = load_memory(path)
    assert list(memory.texts) == ['a cat', 'a dog']
    assert memory.counts.tolist() == [1, 3]
    with pytest.raises(ValueError, match='at least one row that is not zero'):
        build_memory(tmp_path / 'none.safetensors', ['1', '2'], LetterEncoder())


def test_refusals(tmp_path):
    path = tmp_path / 'memory.safetensors'
    with pytest.raises(ValueError, match='at least one, got none'):
        build_memory(path, [], LetterEncoder())
    with pytest.raises(ValueError, match='one for each of 2 texts, got 1'):
        build_memory(path, ['a', 'b'], LetterEncoder(), counts=[1])
    with pytest.raises(ValueError, match='memory dtype'):
        build_memory(path, ['a'], LetterEncoder(), dtype='int8')
    damaged = LetterEncoder()
    damaged.weight.data[:] = torch.nan
    with pytest.raises(ValueError, match=r"NaN or infinity for \['b', 'a'\]"):
        build_memory(path, ['b', 'a'], damaged)
