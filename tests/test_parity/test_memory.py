"""Projection on a memory, against the released code."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from mmpatchioner.checkpoints import Memory
from mmpatchioner.checkpoints.memory_h5 import convert_memory_h5
from mmpatchioner.models.bridges import MemoryBridge


@pytest.fixture(scope='module')
def memory(recorded, tmp_path_factory) -> Memory:
    """Converted from a file like that which the released code read."""
    h5py = pytest.importorskip('h5py')
    record = recorded('memory')
    rows, texts = record.tensors['rows'], record.values['texts']
    path = (
        tmp_path_factory.mktemp('memory')
        / f'coco_captions_text_embeddings-B16-ViT-B.16-{len(rows)}.h5'
    )
    with h5py.File(path, 'w') as file:
        file['coco_captions-embeddings'] = rows.numpy()
        file['coco_captions-text'] = [text.encode() for text in texts]
    return convert_memory_h5(path)


@pytest.mark.parametrize('normalize', [False, True])
@pytest.mark.parametrize('rows', ['raw', 'unit'])
@pytest.mark.parametrize('chunk_size', [None, 7])
def test_projection(recorded, memory, rows, normalize, chunk_size):
    tensors = recorded('memory').tensors
    bridge = MemoryBridge(memory, rows=rows, normalize=normalize, chunk_size=chunk_size)
    name = f'{rows}{".normalized" if normalize else ""}'
    torch.testing.assert_close(bridge(tensors['vectors']), tensors[name], atol=1e-5, rtol=1e-5)


def test_the_record_is_a_mixture(recorded):
    tensors = recorded('memory').tensors
    nearest = torch.cdist(tensors['unit'], F.normalize(tensors['rows'], dim=1)).min(dim=1).values
    assert nearest.max() > 1e-2


def test_zero_rows_and_their_texts_are_left_out(recorded, memory):
    record = recorded('memory')
    used = record.tensors['rows'].norm(dim=1) > 0
    assert list(memory.texts) == [
        t for t, keep in zip(record.values['texts'], used, strict=True) if keep
    ]
    cosines = F.normalize(record.tensors['vectors'], dim=1) @ memory.embeddings.T
    assert [memory.texts[i] for i in cosines.argmax(dim=1)] == record.values['nearest']


def test_vectors_stay_as_they_are_and_zeros_give_no_nan(recorded, memory):
    record = recorded('memory')
    assert record.values['faults'] == {
        'vectors_are_changed': True,
        'a_vector_of_zeros_is_nan': True,
    }
    vectors = record.tensors['vectors'].clone()
    bridge = MemoryBridge(memory)
    bridge(vectors)
    assert torch.equal(vectors, record.tensors['vectors'])
    assert bridge(torch.zeros(1, vectors.shape[1])).isfinite().all()
