"""The projection on a memory against the formula, in one product and in chunks."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from mmpatchioner.checkpoints import Memory, save_memory
from mmpatchioner.models.bridges import IdentityBridge, MemoryBridge
from mmpatchioner.registry import MODELS


def published(z: Tensor, rows: Tensor, temperature: float, unit: bool, normalize: bool) -> Tensor:
    """The formula of DeCap in double precision."""
    z, rows = z.double(), rows.double()
    weights = (F.normalize(z, dim=1) @ F.normalize(rows, dim=1).T / temperature).softmax(dim=1)
    projected = weights @ (F.normalize(rows, dim=1) if unit else rows)
    return (F.normalize(projected, dim=1) if normalize else projected).float()


@pytest.fixture
def rows() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    # Near one another, as captions are: the softmax has several terms.
    common = torch.randn(16, generator=generator)
    lengths = 5 + 5 * torch.rand(50, 1, generator=generator)
    return lengths * F.normalize(common + 0.2 * torch.randn(50, 16, generator=generator), dim=1)


@pytest.fixture
def z() -> Tensor:
    return 27 * torch.randn(7, 16, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize('unit', [False, True])
@pytest.mark.parametrize('normalize', [False, True])
@pytest.mark.parametrize('temperature', [0.01, 1.0])
def test_agrees_with_the_formula(rows, z, unit, normalize, temperature):
    expected = published(z, rows, temperature, unit, normalize)
    bridge = MemoryBridge(
        Memory.from_rows(rows),
        temperature=temperature,
        rows='unit' if unit else 'raw',
        normalize=normalize,
    )
    before = z.clone()
    torch.testing.assert_close(bridge(z), expected, atol=1e-5, rtol=1e-5)
    assert torch.equal(z, before)


@settings(max_examples=30, deadline=None)
@given(chunk=st.integers(1, 60), order=st.permutations(range(7)))
def test_chunks_and_order_change_nothing(chunk, order):
    generator = torch.Generator().manual_seed(2)
    rows, z = torch.randn(50, 8, generator=generator), torch.randn(7, 8, generator=generator)
    memory = Memory.from_rows(rows)
    whole = MemoryBridge(memory, chunk_size=50)(z)
    chunked = MemoryBridge(memory, chunk_size=chunk)(z[list(order)])
    torch.testing.assert_close(chunked, whole[list(order)], atol=1e-5, rtol=0)


def test_the_best_row_may_come_last():
    # Logits rise from -100 to 100 over the stream: the running maximum must carry the sums.
    angles = torch.linspace(torch.pi, 0, 200)
    memory = Memory.from_rows(torch.stack([angles.cos(), angles.sin()], dim=1))
    projected = MemoryBridge(memory, chunk_size=1)(torch.tensor([[1.0, 0.0]]))
    expected = published(torch.tensor([[1.0, 0.0]]), memory.embeddings, 0.01, True, True)
    torch.testing.assert_close(projected, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(('dtype', 'tolerance'), [('bf16', 0.03), ('fp16', 0.005)])
def test_half_the_bytes_give_nearly_the_same(rows, z, dtype, tolerance):
    memory = Memory.from_rows(rows)
    exact = MemoryBridge(memory)(z)
    half = MemoryBridge(memory, dtype=dtype)
    assert half.unit_rows.element_size() == 2
    assert half(z).dtype == torch.float32
    assert (1 - F.cosine_similarity(half(z), exact)).max() < tolerance


def test_zeros_give_the_mean_of_the_memory_and_nan_is_refused(rows, z):
    bridge = MemoryBridge(Memory.from_rows(rows), normalize=False)
    projected = bridge(torch.zeros(1, 16))
    torch.testing.assert_close(projected[0], rows.mean(dim=0), atol=1e-5, rtol=1e-5)
    z[3, 2] = torch.nan
    with pytest.raises(ValueError, match=r'NaN or infinity in rows \[3\]'):
        bridge(z)


def test_no_regions_are_legal_and_widths_are_checked(rows):
    bridge = MemoryBridge(Memory.from_rows(rows))
    assert bridge(torch.zeros(0, 16)).shape == (0, 16)
    with pytest.raises(ValueError, match=r'expected region vectors \(R, 16\), got \(2, 8\)'):
        bridge(torch.zeros(2, 8))


def test_built_from_a_file_and_not_in_checkpoints(rows, z, tmp_path):
    path = tmp_path / 'memory.safetensors'
    save_memory(path, rows, texts=[f'text {i}' for i in range(50)], metadata={'space': 'test'})
    bridge = MODELS.build(dict(type='mmpatchioner.MemoryBridge', memory=str(path)))
    assert bridge.space == 'test'
    assert bridge.texts[49] == 'text 49'
    assert bridge.state_dict() == {}
    torch.testing.assert_close(bridge(z), MemoryBridge(Memory.from_rows(rows))(z))


@pytest.mark.parametrize(
    ('argument', 'message'),
    [
        ({'temperature': 0.0}, 'bridge.temperature'),
        ({'rows': 'both'}, 'bridge.rows'),
        ({'chunk_size': 0}, 'bridge.chunk_size'),
        ({'dtype': 'int8'}, 'memory dtype'),
    ],
)
def test_arguments_are_checked(rows, argument, message):
    with pytest.raises(ValueError, match=message):
        MemoryBridge(Memory.from_rows(rows), **argument)


def test_identity_bridge(z):
    assert torch.equal(IdentityBridge(normalize=False)(z), z)
    torch.testing.assert_close(IdentityBridge()(z).norm(dim=1), torch.ones(7))
    assert torch.equal(IdentityBridge()(torch.zeros(1, 4)), torch.zeros(1, 4))
