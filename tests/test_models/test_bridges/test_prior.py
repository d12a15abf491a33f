import pytest
import torch
from torch.nn import functional as F

from mmpatchioner.checkpoints import CheckpointError, Memory, load_memory, save_memory
from mmpatchioner.models.bridges import MemoryBridge


@pytest.fixture
def rows() -> torch.Tensor:
    return torch.randn(6, 4, generator=torch.Generator().manual_seed(0)) * 3


COUNTS = torch.tensor([1, 2, 3, 1, 4, 1])


@pytest.mark.parametrize('chunk_size', [None, 1, 4])
def test_a_row_with_a_count_is_as_good_as_its_copies(rows, chunk_size):
    z = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))
    counted = Memory.from_rows(rows, counts=COUNTS)
    copied = Memory.from_rows(rows.repeat_interleave(COUNTS, dim=0))
    kwargs = dict(temperature=0.3, chunk_size=chunk_size)
    weighted = MemoryBridge(counted, prior='counts', **kwargs)(z)
    torch.testing.assert_close(weighted, MemoryBridge(copied, **kwargs)(z), atol=1e-6, rtol=1e-5)
    # The published projection takes every row alike, whatever the file holds.
    alike = MemoryBridge(Memory.from_rows(rows), **kwargs)(z)
    torch.testing.assert_close(MemoryBridge(counted, **kwargs)(z), alike)
    assert not torch.allclose(weighted, alike, atol=1e-3)


def test_counts_live_in_the_file_and_go_with_their_rows(rows, tmp_path):
    rows = rows.clone()
    rows[1] = 0  # left out
    path = tmp_path / 'memory.safetensors'
    save_memory(path, rows, counts=COUNTS)
    loaded = load_memory(path)
    assert loaded.counts.tolist() == [1, 3, 1, 4, 1]
    torch.testing.assert_close(loaded.embeddings, F.normalize(rows[[0, 2, 3, 4, 5]], dim=1))


def test_bad_counts_are_refused(rows, tmp_path):
    with pytest.raises(ValueError, match='counts: expected a positive number'):
        Memory.from_rows(rows, counts=COUNTS[:3])
    with pytest.raises(ValueError, match='counts: expected a positive number'):
        Memory.from_rows(rows, counts=COUNTS - 1)
    with pytest.raises(ValueError, match="'counts' needs a memory with counts"):
        MemoryBridge(Memory.from_rows(rows), prior='counts')
    with pytest.raises(ValueError, match=r'bridge\.prior'):
        MemoryBridge(Memory.from_rows(rows), prior='frequency')
    wrong = Memory(F.normalize(rows, dim=1), rows.norm(dim=1), counts=COUNTS[:3].float())
    wrong.save(tmp_path / 'wrong.safetensors')
    with pytest.raises(CheckpointError, match='counts of shape'):
        load_memory(tmp_path / 'wrong.safetensors')
