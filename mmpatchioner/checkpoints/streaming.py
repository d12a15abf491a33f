"""safetensors files that are larger than memory, written chunk by chunk, byte for byte the same every time."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import IO

import torch
from torch import Tensor

from mmpatchioner.files import replacing

_NAMES = {
    torch.int64: 'I64',
    torch.float32: 'F32',
    torch.bfloat16: 'BF16',
    torch.float16: 'F16',
    torch.uint8: 'U8',
}
_ALIGNMENT = 8


@dataclass(frozen=True, eq=False)
class StreamedTensor:
    """A tensor of a file that is to be written.

    Args:
        dtype: Its type: int64, fp32, bf16, fp16 or uint8.
        shape: Its shape.
        chunks: Its elements, in order, in tensors of that type and any shape.
    """

    dtype: torch.dtype
    shape: tuple[int, ...]
    chunks: Iterable[Tensor]

    @classmethod
    def whole(cls, tensor: Tensor) -> StreamedTensor:
        """A tensor that is in memory."""
        return cls(tensor.dtype, tuple(tensor.shape), [tensor])

    @property
    def nbytes(self) -> int:
        """Bytes in the file."""
        return math.prod(self.shape) * self.dtype.itemsize


def write_streamed(
    path: str | os.PathLike[str],
    tensors: Mapping[str, StreamedTensor],
    metadata: Mapping[str, str],
) -> None:
    """Write a safetensors file, whole or not at all, with no more than one chunk in memory.

    Unlike safetensors' own writer it sorts the metadata, so that equal contents make equal files.

    Args:
        path: The file, which is replaced if it exists.
        tensors: Tensors by name.
        metadata: Strings to store with them.

    Raises:
        TypeError: if a chunk is of another type than its tensor, or the type is none that is written.
        ValueError: if chunks hold more or fewer elements than the shape.
    """
    # Wide types first keep every tensor aligned, as safetensors' own writer does.
    order = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    with replacing(path) as scratch, scratch.open('wb') as file:
        file.write(_header(order, tensors, metadata))
        for name in order:
            _write_chunks(file, name, tensors[name])
        file.flush()
        os.fsync(file.fileno())


def _header(
    order: list[str], tensors: Mapping[str, StreamedTensor], metadata: Mapping[str, str]
) -> bytes:
    header: dict[str, object] = {'__metadata__': dict(sorted({'format': 'pt', **metadata}.items()))}
    end = 0
    for name in order:
        tensor = tensors[name]
        if tensor.dtype not in _NAMES:
            raise TypeError(
                f'{name}: expected one of {sorted(_NAMES.values())}, got {tensor.dtype}.'
            )
        start, end = end, end + tensor.nbytes
        header[name] = {
            'dtype': _NAMES[tensor.dtype],
            'shape': list(tensor.shape),
            'data_offsets': [start, end],
        }
    text = json.dumps(header, separators=(',', ':'), ensure_ascii=False).encode()
    text += b' ' * (-len(text) % _ALIGNMENT)
    return len(text).to_bytes(8, 'little') + text


def _write_chunks(file: IO[bytes], name: str, tensor: StreamedTensor) -> None:
    written = 0
    for chunk in tensor.chunks:
        if chunk.dtype != tensor.dtype:
            raise TypeError(f'{name}: expected chunks of {tensor.dtype}, got {chunk.dtype}.')
        flat = chunk.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        written += file.write(flat.numpy().data)
    if written != tensor.nbytes:
        raise ValueError(f'{name}: expected {tensor.nbytes} bytes, the chunks hold {written}.')
