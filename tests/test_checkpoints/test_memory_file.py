"""The file of a memory: what goes in comes out, and nothing else is taken for one."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmpatchioner.checkpoints import (
    CheckpointError,
    Memory,
    PackedTexts,
    load_memory,
    save_memory,
    save_safetensors,
)
from mmpatchioner.checkpoints.memory_file import MEMORY_FORMAT


@given(st.lists(st.text()))
def test_packed_texts_are_the_texts(texts):
    packed = PackedTexts.pack(texts)
    assert list(packed) == texts
    assert packed[::-2] == texts[::-2]
    assert texts == [] or packed[-1] == texts[-1]
    with pytest.raises(IndexError):
        packed[len(texts)]


@pytest.mark.parametrize('dtype', ['fp32', 'bf16', 'fp16'])
def test_round_trip(tmp_path, dtype):
    rows = 6 * torch.randn(20, 8)
    texts = [f'Käse {i} 🧀' for i in range(20)]
    written = save_memory(tmp_path / 'm.safetensors', rows, texts, {'space': 'test'}, dtype=dtype)
    memory = load_memory(tmp_path / 'm.safetensors')
    assert torch.equal(memory.embeddings, written.embeddings)
    assert memory.embeddings.dtype == written.embeddings.dtype
    assert list(memory.texts) == texts
    assert (len(memory), memory.embed_dims, memory.space) == (20, 8, 'test')
    raw = memory.embeddings.float() * memory.norms[:, None]
    torch.testing.assert_close(raw, rows, atol=0.0 if dtype == 'fp32' else 0.1, rtol=1e-5)


def test_rows_of_zeros_leave_with_their_texts(tmp_path):
    rows = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 2.0], [0.0, 0.0]])
    save_memory(tmp_path / 'm.safetensors', rows, ['a', 'b', 'c', ''])
    memory = load_memory(tmp_path / 'm.safetensors')
    assert memory.norms.tolist() == [1.0, 2.0]
    assert list(memory.texts) == ['a', 'c']


@pytest.mark.parametrize(
    ('rows', 'texts', 'message'),
    [
        (torch.zeros(3, 2), None, 'at least one row that is not zero'),
        (torch.zeros(0, 2), None, 'at least one row that is not zero'),
        (torch.ones(3), None, r'expected \(M, D\)'),
        (torch.ones(3, 2, dtype=torch.int64), None, 'floating point'),
        (torch.ones(3, 2), ['a'], 'expected one for each of 3 rows, got 1'),
        (torch.tensor([[1.0, 1.0], [torch.nan, 1.0]]), None, r'NaN or infinity in rows \[1\]'),
    ],
)
def test_what_is_not_a_memory_is_not_written(tmp_path, rows, texts, message):
    with pytest.raises(ValueError, match=message):
        save_memory(tmp_path / 'm.safetensors', rows, texts)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ('tensors', 'metadata', 'message'),
    [
        ({'embeddings': torch.eye(2), 'norms': torch.ones(2)}, {}, 'expected a memory'),
        ({'mean': torch.eye(2)}, {'format': MEMORY_FORMAT}, 'expected a memory'),
        ({'embeddings': torch.eye(2), 'norms': torch.ones(3)}, {'format': MEMORY_FORMAT}, 'norms'),
        (
            {'embeddings': 5 * torch.eye(2), 'norms': torch.ones(2)},
            {'format': MEMORY_FORMAT},
            'expected unit rows',
        ),
        (
            {
                'embeddings': torch.eye(2),
                'norms': torch.ones(2),
                'text_bytes': torch.zeros(0, dtype=torch.uint8),
                'text_offsets': torch.zeros(2, dtype=torch.int64),
            },
            {'format': MEMORY_FORMAT},
            '2 rows but 1 texts',
        ),
    ],
)
def test_what_is_not_a_memory_is_not_read(tmp_path, tensors, metadata, message):
    save_safetensors(tensors, tmp_path / 'm.safetensors', metadata)
    with pytest.raises(CheckpointError, match=message):
        load_memory(tmp_path / 'm.safetensors')


def test_unit_rows_stay_unit():
    memory = Memory.from_rows(1e-3 * torch.randn(5, 300))
    torch.testing.assert_close(memory.embeddings.norm(dim=1), torch.ones(5))
