"""Published memories, HDF5 files of raw embeddings, as memories of unit rows and norms."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mmpatchioner.checkpoints.conversion import provenance
from mmpatchioner.checkpoints.errors import CheckpointError
from mmpatchioner.checkpoints.loading import resolve_file
from mmpatchioner.checkpoints.memory_file import Memory, PackedTexts, memory_dtype
from mmpatchioner.checkpoints.talk2dino import PATCHIONER_SPACE

if TYPE_CHECKING:
    import h5py

_EMBEDDINGS, _TEXTS = '-embeddings', '-text'
_CHUNK = 16384  # rows: 50 MB of 768 fp32
# Published names end with the encoder of the texts and the number of rows.
_PUBLISHED_SPACES = {
    r'[^-]+_text_embeddings-B16-ViT-B\.16-\d+\.h5': PATCHIONER_SPACE,
    r'[^-]+_text_embeddings-B16-linear-ViT-B\.16-\d+\.h5': 'talk2dino-linear-vitb14-reg',
    r'(clip|invite)-.+-ViT-B\.16-\d+\.h5': 'clip-vit-base-patch16',
    r'clip-.+-ViT-B\.32-\d+\.h5': 'clip-vit-base-patch32',
    r'clip-.+-DINO\.txt-\d+\.h5': 'dinotxt-vitl14-reg',
    r'regionclip-.+\.h5': 'regionclip-rn50',
    r'denseclip-.+\.h5': 'denseclip-vitb16',
}


def published_space(name: str) -> str | None:
    """Name of the space of a published memory; None if its file has another name.

    Args:
        name: Name of the file.

    Example:
        >>> published_space('clip-coco_captions_text_embeddings-ViT-B.32-500000.h5')
        'clip-vit-base-patch32'
    """
    spaces = _PUBLISHED_SPACES.items()
    return next((space for pattern, space in spaces if re.fullmatch(pattern, name)), None)


def convert_memory_h5(
    path: str | os.PathLike[str],
    dtype: str = 'fp32',
    columns: tuple[int, int] | None = None,
    keep_texts: bool = True,
    metadata: dict[str, str] | None = None,
    on_rows: Callable[[int, int], None] | None = None,
) -> Memory:
    """Convert a published memory, chunk by chunk: only the result is held in memory.

    Rows of zeros, with which the published files are filled up, are left out with their texts.

    Args:
        path: The ``.h5`` file with one dataset ``*-embeddings`` (M, D) and, if texts are kept, one ``*-text`` (M,).
        dtype: Type of the unit rows: ``'fp32'``, ``'bf16'`` or ``'fp16'``.
        columns: First and last column (exclusive) to take; DINO.txt memories hold the patch half in 1024 to 2048.
        keep_texts: Whether to keep the texts.
        metadata: Strings to add, e.g. ``space``.
        on_rows: Called with the rows read so far and those to read in all (every row is read twice).

    Raises:
        ImportError: if h5py is not installed.
        CheckpointError: if the file is not such a memory.
        ValueError: if ``dtype`` is unknown.
    """
    storage = memory_dtype(dtype)
    file = resolve_file(path)
    with _open(file) as handle:
        rows = _dataset(handle, _EMBEDDINGS, str(path))
        if rows.ndim != 2 or rows.dtype.kind != 'f':
            raise CheckpointError(
                f'{path}: expected {rows.name} to be rows of numbers (M, D), got {rows.shape} {rows.dtype}.'
            )
        start, stop = columns or (0, rows.shape[1])
        if not 0 <= start < stop <= rows.shape[1]:
            raise CheckpointError(
                f'{path}: columns {start} to {stop} are not within the {rows.shape[1]} of {rows.name}.'
            )

        def chunk(first: int) -> Tensor:
            return torch.from_numpy(
                np.asarray(rows[first : first + _CHUNK, start:stop], dtype=np.float32)
            )

        def advance(done: int) -> None:
            if on_rows is not None:
                on_rows(done, 2 * len(rows))

        norms = torch.empty(len(rows))
        for first in range(0, len(rows), _CHUNK):
            norms[first : first + _CHUNK] = chunk(first).norm(dim=1)
            advance(first)
        kept = _kept(norms, str(path))
        unit_rows = torch.empty(int(kept.sum()), stop - start, dtype=storage)
        filled = 0
        for first in range(0, len(rows), _CHUNK):
            part = chunk(first)[kept[first : first + _CHUNK]]
            unit_rows[filled : filled + len(part)] = F.normalize(part, dim=1).to(storage)
            filled += len(part)
            advance(len(rows) + first)
        advance(2 * len(rows))
        texts = _texts(handle, kept, str(path)) if keep_texts else None
    record = {**provenance(file), 'rows_of_zeros_left_out': str(len(kept) - len(unit_rows))}
    return Memory(unit_rows, norms[kept], texts, metadata={**record, **(metadata or {})})


def _open(file: os.PathLike[str]) -> h5py.File:
    try:
        import h5py
    except ImportError as error:
        raise ImportError(
            f'{file}: reading HDF5 needs the package h5py, run: pip install h5py'
        ) from error
    try:
        return h5py.File(file, 'r')
    except OSError as error:
        raise CheckpointError(f'{file}: not a readable HDF5 file ({error}).') from error


def _dataset(handle: h5py.File, ending: str, source: str) -> Any:
    names = [name for name in handle if name.endswith(ending)]
    if len(names) != 1:
        raise CheckpointError(
            f'{source}: expected one dataset *{ending}, found {names or "none"} among {sorted(handle)[:10]}.'
        )
    return handle[names[0]]


def _kept(norms: Tensor, source: str) -> Tensor:
    broken = (~norms.isfinite()).nonzero()[:5, 0].tolist()
    if broken:
        raise CheckpointError(f'{source}: NaN or infinity in rows {broken}.')
    kept = norms > 0
    if not kept.any():
        raise CheckpointError(f'{source}: expected embeddings, every row is zero.')
    return kept


def _texts(handle: h5py.File, kept: Tensor, source: str) -> PackedTexts:
    dataset = _dataset(handle, _TEXTS, source)
    if dataset.shape != (len(kept),):
        raise CheckpointError(
            f'{source}: expected one text for each of {len(kept)} rows, got {dataset.shape}; '
            'convert without the texts.'
        )
    values = dataset[:][kept.numpy()]
    return PackedTexts.pack(v.decode() if isinstance(v, bytes) else str(v) for v in values)
