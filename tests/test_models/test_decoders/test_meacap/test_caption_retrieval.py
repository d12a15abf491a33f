"""The nearest captions of a memory."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from mmpatchioner.checkpoints import CheckpointError, Memory, save_memory
from mmpatchioner.models.decoders.meacap import CaptionRetrieval

TEXTS = [f'caption {number}' for number in range(50)]
ROWS = torch.randn(50, 8, generator=torch.Generator().manual_seed(0)) * 5
QUERY = torch.randn(7, 8, generator=torch.Generator().manual_seed(1)) * 3


@pytest.fixture(scope='module')
def memory() -> Memory:
    return Memory.from_rows(ROWS, TEXTS, {'space': 'words'})


def test_the_most_similar_come_first(memory):
    cosines = F.cosine_similarity(QUERY[:, None], ROWS[None], dim=2)
    expected = cosines.argsort(dim=1, descending=True)[:, :5].tolist()
    found = CaptionRetrieval(memory)(QUERY)
    assert found == [[TEXTS[row] for row in rows] for rows in expected]


@given(chunk_size=st.integers(1, 60), num_captions=st.integers(1, 50))
def test_chunks_change_nothing(chunk_size, num_captions):
    memory = Memory.from_rows(ROWS, TEXTS)
    whole = CaptionRetrieval(memory, num_captions)(QUERY)
    assert CaptionRetrieval(memory, num_captions, chunk_size=chunk_size)(QUERY) == whole


@given(order=st.permutations(range(7)), stop=st.integers(0, 7))
def test_a_region_gets_the_same_in_any_company(order, stop):
    retrieval = CaptionRetrieval(Memory.from_rows(ROWS, TEXTS))
    alone = [retrieval(QUERY[row : row + 1])[0] for row in order[:stop]]
    assert retrieval(QUERY[list(order[:stop])]) == alone


def test_reads_a_file_in_half_precision(memory, tmp_path):
    path = tmp_path / 'memory.safetensors'
    save_memory(path, ROWS, TEXTS, {'space': 'words'}, dtype='bf16')
    retrieval = CaptionRetrieval(path, dtype='fp16')
    assert retrieval.unit_rows.dtype == torch.float16
    assert retrieval.space == 'words'
    assert [found[0] for found in retrieval(ROWS)] == TEXTS
    assert not retrieval.state_dict()


def test_the_input_is_not_changed(memory):
    query = QUERY.clone()
    CaptionRetrieval(memory)(query)
    assert torch.equal(query, QUERY)


def test_unfit_memories_and_numbers_are_refused(memory, tmp_path):
    with pytest.raises(ValueError, match='expected a memory with texts'):
        CaptionRetrieval(Memory.from_rows(ROWS))
    with pytest.raises(ValueError, match='num_captions: expected 1 to 50, the size of the memory'):
        CaptionRetrieval(memory, num_captions=51)
    with pytest.raises(ValueError, match='chunk_size'):
        CaptionRetrieval(memory, chunk_size=0)
    with pytest.raises(CheckpointError, match='nothing'):
        CaptionRetrieval(tmp_path / 'missing.safetensors')
    with pytest.raises(ValueError, match=r'expected \(R, 8\), the width of the memory'):
        CaptionRetrieval(memory)(torch.zeros(2, 9))
