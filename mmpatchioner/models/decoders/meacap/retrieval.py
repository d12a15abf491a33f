"""Captions of a memory that are most similar to a region."""

from __future__ import annotations

import os

import torch
from mmengine.model import BaseModule
from torch import Tensor
from torch.nn import functional as F

from mmpatchioner.checkpoints.memory_file import Memory, PackedTexts, load_memory, memory_dtype

# Rows at a time. On a CPU so few that their similarities stay in the cache; elsewhere as many as make 64 MB of them,
# for every chunk costs some kernel launches.
_CPU_ROWS = 8192
_SIMILARITIES = 2**24


class CaptionRetrieval(BaseModule):
    """Nearest captions by cosine (MeaCap, arXiv 2403.03715). Of equally near ones any may be taken.

    Args:
        memory: File of :func:`mmpatchioner.checkpoints.save_memory` with its texts, or a :class:`Memory`.
        num_captions: Captions of a region.
        dtype: Type of the rows in memory: ``'fp32'``, ``'bf16'``, ``'fp16'``; None is that of the file. Arithmetic is
            fp32 always.
        chunk_size: Rows of the memory at a time; None suits the number of regions. Changes no result.

    Raises:
        ValueError: if the memory has no texts or fewer than ``num_captions``, or an argument is out of range.
        CheckpointError: if the file is missing or not a memory.

    Example:
        >>> memory = Memory.from_rows(torch.eye(3), ['a dog', 'a cat', 'a car'])
        >>> retrieval = CaptionRetrieval(memory, num_captions=2)
        >>> retrieval(torch.tensor([[0.1, 0.2, 0.7]]))
        [['a car', 'a cat']]
    """

    unit_rows: Tensor

    def __init__(
        self,
        memory: str | os.PathLike[str] | Memory,
        num_captions: int = 5,
        dtype: str | None = None,
        chunk_size: int | None = None,
    ) -> None:
        super().__init__()
        loaded = memory if isinstance(memory, Memory) else load_memory(memory)
        if loaded.texts is None:
            raise ValueError(
                'hard_prompt.memory: expected a memory with texts, this one has none; build it anew with '
                'tools/build_memory.py, without --no-texts.'
            )
        if not 1 <= num_captions <= len(loaded):
            raise ValueError(
                f'hard_prompt.num_captions: expected 1 to {len(loaded)}, the size of the memory, got {num_captions}.'
            )
        if chunk_size is not None and chunk_size < 1:
            raise ValueError(
                f'hard_prompt.chunk_size: expected None or at least 1, got {chunk_size}.'
            )
        rows = loaded.embeddings if dtype is None else loaded.embeddings.to(memory_dtype(dtype))
        # Not persistent: a checkpoint of the captioner would hold the whole memory again.
        self.register_buffer('unit_rows', rows, persistent=False)
        self.texts: PackedTexts = loaded.texts
        self.space = loaded.space
        self.num_captions = num_captions
        self.chunk_size = chunk_size

    @torch.no_grad()
    def forward(self, embeddings: Tensor) -> list[list[str]]:
        """Find the captions of regions.

        Args:
            embeddings: (R, D), of any length; not changed.

        Returns:
            For each of the R regions its captions, the most similar first.

        Raises:
            ValueError: if the embeddings are of another width.
        """
        width = self.unit_rows.shape[1]
        if embeddings.ndim != 2 or embeddings.shape[1] != width:
            raise ValueError(
                f'embeddings: expected (R, {width}), the width of the memory, got {tuple(embeddings.shape)}. '
                'The memory belongs to another backbone or space.'
            )
        if not len(embeddings):
            return []
        rows = self._nearest(F.normalize(embeddings.float(), dim=1))
        return [[self.texts[row] for row in of_region] for of_region in rows.tolist()]

    def _nearest(self, query: Tensor) -> Tensor:
        """Rows (R, num_captions) of the memory, by falling similarity."""
        on_cpu = query.device.type == 'cpu'
        size = self.chunk_size or max(_CPU_ROWS, 0 if on_cpu else _SIMILARITIES // len(query))
        values = query.new_empty(len(query), 0)
        rows = torch.empty(len(query), 0, dtype=torch.int64, device=query.device)
        for start in range(0, len(self.unit_rows), size):
            similarity = query @ self.unit_rows[start : start + size].float().T  # (R, chunk)
            best = similarity.topk(min(self.num_captions, similarity.shape[1]), dim=1)
            values = torch.cat([values, best.values], dim=1)
            rows = torch.cat([rows, best.indices + start], dim=1)
            best = values.topk(min(self.num_captions, values.shape[1]), dim=1)
            values, rows = best.values, rows.gather(1, best.indices)
        return rows
