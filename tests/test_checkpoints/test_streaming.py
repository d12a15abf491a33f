"""Files that are written chunk by chunk are those of safetensors."""

from __future__ import annotations

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from mmpatchioner.checkpoints.streaming import StreamedTensor, write_streamed


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {
        'bytes': torch.randint(0, 255, (13,), dtype=torch.uint8),
        'offsets': torch.arange(5),
        'rows': torch.randn(7, 3).bfloat16(),
        'halves': torch.randn(7, 3).half(),
        'norms': torch.rand(7),
        'none': torch.empty(0, 4),
    }


def streamed(tensors):
    return {
        name: StreamedTensor(tensor.dtype, tuple(tensor.shape), tensor.split(2))
        for name, tensor in tensors.items()
    }


def test_safetensors_reads_what_was_written(tensors, tmp_path):
    write_streamed(tmp_path / 'x.safetensors', streamed(tensors), {'space': 'Ümlaut', 'a': 'b'})
    read = load_file(tmp_path / 'x.safetensors')
    assert read.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert read[name].dtype == tensor.dtype
        assert torch.equal(read[name], tensor)
    with safe_open(tmp_path / 'x.safetensors', 'pt') as handle:
        assert handle.metadata() == {'format': 'pt', 'space': 'Ümlaut', 'a': 'b'}


def test_equal_contents_make_equal_files(tensors, tmp_path):
    write_streamed(tmp_path / 'a.safetensors', streamed(tensors), {'a': '1', 'b': '2'})
    turned = {name: StreamedTensor.whole(tensors[name]) for name in sorted(tensors, reverse=True)}
    write_streamed(tmp_path / 'b.safetensors', turned, {'b': '2', 'a': '1'})
    assert (tmp_path / 'a.safetensors').read_bytes() == (tmp_path / 'b.safetensors').read_bytes()


@pytest.mark.parametrize(
    ('tensor', 'error', 'message'),
    [
        (StreamedTensor(torch.float32, (3,), [torch.ones(2)]), ValueError, 'the chunks hold 8'),
        (StreamedTensor(torch.float32, (3,), [torch.ones(3).half()]), TypeError, 'chunks of'),
        (StreamedTensor(torch.complex64, (3,), []), TypeError, 'got torch.complex64'),
    ],
)
def test_what_does_not_fit_leaves_no_file(tmp_path, tensor, error, message):
    with pytest.raises(error, match=message):
        write_streamed(tmp_path / 'x.safetensors', {'x': tensor}, {})
    assert list(tmp_path.iterdir()) == []
