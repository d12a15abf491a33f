"""The memory of text embeddings and its file."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import overload

import torch
from torch import Tensor
from torch.nn import functional as F

from mmpatchioner.checkpoints.errors import CheckpointError
from mmpatchioner.checkpoints.loading import load_metadata, load_state_dict
from mmpatchioner.checkpoints.streaming import StreamedTensor, write_streamed

MEMORY_FORMAT = 'mmpatchioner.memory'
MEMORY_DTYPES = {'fp32': torch.float32, 'bf16': torch.bfloat16, 'fp16': torch.float16}
# Rounding to bf16 moves the norm of a unit row by less than this.
_UNIT_TOLERANCE = 0.01


@dataclass(frozen=True, eq=False)
class PackedTexts(Sequence[str]):
    """Strings as one block of UTF-8, decoded one by one: half a million captions load at once.

    Args:
        data: (bytes,) uint8.
        offsets: (M + 1,) int64, where each text starts, and the end of the last.

    Example:
        >>> texts = PackedTexts.pack(['a dog', 'a café'])
        >>> len(texts), texts[1], texts[-2]
        (2, 'a café', 'a dog')
    """

    data: Tensor
    offsets: Tensor

    @classmethod
    def pack(cls, texts: Iterable[str]) -> PackedTexts:
        """Pack strings."""
        encoded = [text.encode() for text in texts]
        ends = list(itertools.accumulate(map(len, encoded), initial=0))
        data = torch.frombuffer(bytearray(b''.join(encoded)) or bytearray(1), dtype=torch.uint8)
        return cls(data[: ends[-1]], torch.tensor(ends, dtype=torch.int64))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        position = range(len(self))[index]
        start, stop = self.offsets[position : position + 2].tolist()
        return bytes(self.data[start:stop].tolist()).decode()


@dataclass(frozen=True, eq=False)
class Memory:
    """Text embeddings, split into directions and lengths.

    One copy of the unit rows serves both the similarities and, with the norms, the sum over raw rows.

    Args:
        embeddings: (M, D) unit rows; fp32, bf16 or fp16.
        norms: (M,) fp32, length of every row as it was encoded.
        texts: The M texts, if they were kept.
        counts: (M,) fp32, how many texts of the corpus every row stands for, if that was kept.
        metadata: Strings about them; ``space`` names the space they live in.
    """

    embeddings: Tensor
    norms: Tensor
    texts: PackedTexts | None = None
    counts: Tensor | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_rows(
        cls,
        rows: Tensor,
        texts: Sequence[str] | None = None,
        metadata: Mapping[str, str] | None = None,
        dtype: str = 'fp32',
        counts: Tensor | None = None,
    ) -> Memory:
        """Split rows into directions and lengths; rows of zeros, and their texts, are left out.

        Args:
            rows: (M, D) embeddings, of any length.
            texts: The M texts.
            metadata: Strings to keep.
            dtype: Type of the unit rows: ``'fp32'``, ``'bf16'`` or ``'fp16'``.
            counts: (M,) positive, how many texts every row stands for.

        Raises:
            ValueError: if shapes or numbers do not fit, a value is not finite, or every row is zero.

        Example:
            >>> memory = Memory.from_rows(torch.tensor([[3.0, 4.0], [0.0, 0.0]]), texts=['a dog', ''])
            >>> len(memory), memory.norms.tolist(), list(memory.texts)
            (1, [5.0], ['a dog'])
        """
        if rows.ndim != 2 or not rows.is_floating_point():
            raise ValueError(
                f'embeddings: expected (M, D) floating point rows, got {tuple(rows.shape)} {rows.dtype}.'
            )
        if texts is not None and len(texts) != len(rows):
            raise ValueError(f'texts: expected one for each of {len(rows)} rows, got {len(texts)}.')
        if counts is not None and (counts.shape != rows.shape[:1] or not (counts > 0).all()):
            raise ValueError(
                f'counts: expected a positive number for each of {len(rows)} rows, got {tuple(counts.shape)}.'
            )
        storage = memory_dtype(dtype)
        norms = rows.float().norm(dim=1)
        broken = (~norms.isfinite()).nonzero()[:5, 0].tolist()
        if broken:
            raise ValueError(
                f'embeddings: expected finite rows, got NaN or infinity in rows {broken}.'
            )
        kept = norms > 0
        if not kept.any():
            raise ValueError('embeddings: expected at least one row that is not zero, got none.')
        if texts is not None and not kept.all():
            texts = list(itertools.compress(texts, kept.tolist()))
        return cls(
            embeddings=F.normalize(rows[kept].float(), dim=1).to(storage),
            norms=norms[kept],
            texts=None if texts is None else PackedTexts.pack(texts),
            counts=None if counts is None else counts[kept].float(),
            metadata=dict(metadata or {}),
        )

    def __len__(self) -> int:
        return len(self.norms)

    @property
    def embed_dims(self) -> int:
        """Width D of the rows."""
        return self.embeddings.shape[1]

    @property
    def space(self) -> str | None:
        """Name of the space the rows live in, if it was recorded."""
        return self.metadata.get('space')

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the memory, whole or not at all."""
        tensors = {'embeddings': self.embeddings, 'norms': self.norms}
        if self.texts is not None:
            tensors |= {'text_bytes': self.texts.data, 'text_offsets': self.texts.offsets}
        if self.counts is not None:
            tensors['counts'] = self.counts
        streamed = {name: StreamedTensor.whole(tensor) for name, tensor in tensors.items()}
        write_streamed(path, streamed, {**self.metadata, 'format': MEMORY_FORMAT})


def save_memory(
    path: str | os.PathLike[str],
    embeddings: Tensor,
    texts: Sequence[str] | None = None,
    metadata: Mapping[str, str] | None = None,
    dtype: str = 'fp32',
    counts: Tensor | None = None,
) -> Memory:
    """Write a memory of raw embeddings; see :meth:`Memory.from_rows` for arguments and errors.

    Returns:
        What was written.
    """
    memory = Memory.from_rows(embeddings, texts, metadata, dtype, counts)
    memory.save(path)
    return memory


def load_memory(path: str | os.PathLike[str]) -> Memory:
    """Read a memory that :func:`save_memory` wrote.

    Raises:
        CheckpointError: if the file is missing or is not a memory.
    """
    metadata, tensors = load_metadata(path), load_state_dict(path)
    if metadata.get('format') != MEMORY_FORMAT or not {'embeddings', 'norms'} <= tensors.keys():
        raise CheckpointError(
            f'{path}: expected a memory (metadata format={MEMORY_FORMAT!r}), got tensors {sorted(tensors)[:6]}. '
            'Convert a published .h5 memory with tools/model_converters/memory_h5_to_safetensors.py.'
        )
    memory = Memory(
        embeddings=tensors['embeddings'],
        norms=tensors['norms'],
        texts=PackedTexts(tensors['text_bytes'], tensors['text_offsets'])
        if 'text_bytes' in tensors
        else None,
        counts=tensors.get('counts'),
        metadata={key: value for key, value in metadata.items() if key != 'format'},
    )
    _check(memory, str(path))
    return memory


def memory_dtype(name: str) -> torch.dtype:
    """The storage type of that name.

    Raises:
        ValueError: if it is unknown.
    """
    if name not in MEMORY_DTYPES:
        raise ValueError(f'memory dtype: expected one of {sorted(MEMORY_DTYPES)}, got {name!r}.')
    return MEMORY_DTYPES[name]


def _check(memory: Memory, source: str) -> None:
    rows, norms = memory.embeddings, memory.norms
    if rows.ndim != 2 or not len(rows) or norms.shape != rows.shape[:1]:
        raise CheckpointError(
            f'{source}: expected embeddings (M, D) and norms (M,), '
            f'got {tuple(rows.shape)} and {tuple(norms.shape)}.'
        )
    if memory.texts is not None and len(memory.texts) != len(rows):
        raise CheckpointError(f'{source}: {len(rows)} rows but {len(memory.texts)} texts.')
    if memory.counts is not None and memory.counts.shape != norms.shape:
        raise CheckpointError(
            f'{source}: {len(rows)} rows but counts of shape {tuple(memory.counts.shape)}.'
        )
    # A sample over the whole file: reading half a million rows twice would double the time to load.
    sample = rows[:: max(1, len(rows) // 1024)].float().norm(dim=1)
    if not ((sample - 1).abs() < _UNIT_TOLERANCE).all():
        raise CheckpointError(
            f'{source}: expected unit rows, got lengths from {sample.min():.3g} to {sample.max():.3g}. '
            'Write memories with mmpatchioner.checkpoints.save_memory.'
        )
