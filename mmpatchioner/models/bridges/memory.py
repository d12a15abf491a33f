"""Projection of region vectors on a memory of text embeddings."""

from __future__ import annotations

import os
from typing import Literal

import torch
from mmengine.model import BaseModule
from torch import Tensor
from torch.nn import functional as F

from mmpatchioner.checkpoints.memory_file import Memory, PackedTexts, load_memory, memory_dtype
from mmpatchioner.registry import MODELS

# Rows at a time. On a CPU so few that both products and the conversion of bf16 find them in the
# cache; elsewhere as many as make 64 MB of similarities, for every chunk costs some kernel launches.
_CPU_ROWS = 2048
_SIMILARITIES = 2**24


@MODELS.register_module()
class MemoryBridge(BaseModule):
    """Replace a region vector by the mean of a memory's rows, weighted by similarity (DeCap, arXiv 2303.03032).

    ``u = sum_j softmax_j(cos(z, m_j) / temperature) m_j``: a vector where the decoder was trained. Published as the
    remedy of the gap between the modalities in section 3.2 of arXiv 2510.02898.

    The softmax is exact and runs over the memory in chunks, so that the similarities of thousands of regions to half
    a million rows are never held at once. A vector of zeros is similar to nothing and gives the mean of the memory.

    Args:
        memory: File of :func:`mmpatchioner.checkpoints.save_memory`, or a :class:`Memory`.
        temperature: Of the softmax over cosine similarities.
        rows: Sum ``'raw'`` rows, of the length they were encoded with (published for DINOv2), or ``'unit'`` ones
            (published for CLIP).
        normalize: Scale the result to unit length.
        prior: ``'uniform'`` takes every row alike (published); ``'counts'`` in proportion to the number of texts it
            stands for, which the memory must hold: ``a_j ~ n_j exp(cos(z, m_j) / temperature)``, the posterior of a
            text with its frequency as the prior.
        chunk_size: Rows of the memory at a time; None suits the number of regions. Changes no result.
        dtype: Type of the rows in memory: ``'fp32'``, ``'bf16'``, ``'fp16'``; None is that of the file. Arithmetic is
            fp32 always.

    Raises:
        ValueError: if an argument is out of range.
        CheckpointError: if the file is missing or not a memory.

    Example:
        >>> memory = Memory.from_rows(torch.tensor([[2.0, 0.0], [0.0, 1.0]]))
        >>> MemoryBridge(memory, rows='raw', normalize=False)(torch.tensor([[5.0, 1.0]])).round()
        tensor([[2., 0.]])
    """

    unit_rows: Tensor
    norms: Tensor
    log_prior: Tensor

    def __init__(
        self,
        memory: str | os.PathLike[str] | Memory,
        temperature: float = 0.01,
        rows: Literal['raw', 'unit'] = 'raw',
        normalize: bool = True,
        prior: Literal['uniform', 'counts'] = 'uniform',
        chunk_size: int | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__()
        if temperature <= 0:
            raise ValueError(f'bridge.temperature: expected more than 0, got {temperature}.')
        if rows not in ('raw', 'unit'):
            raise ValueError(f"bridge.rows: expected 'raw' or 'unit', got {rows!r}.")
        if prior not in ('uniform', 'counts'):
            raise ValueError(f"bridge.prior: expected 'uniform' or 'counts', got {prior!r}.")
        if chunk_size is not None and chunk_size < 1:
            raise ValueError(f'bridge.chunk_size: expected None or at least 1, got {chunk_size}.')
        loaded = memory if isinstance(memory, Memory) else load_memory(memory)
        embeddings = (
            loaded.embeddings if dtype is None else loaded.embeddings.to(memory_dtype(dtype))
        )
        # Not persistent: a checkpoint of the captioner would hold the whole memory again.
        self.register_buffer('unit_rows', embeddings, persistent=False)
        self.register_buffer('norms', loaded.norms.float(), persistent=False)
        if prior == 'counts' and loaded.counts is None:
            raise ValueError(
                "bridge.prior: 'counts' needs a memory with counts, this one has none; build it anew with "
                "tools/build_memory.py, or take prior='uniform'."
            )
        log_prior = torch.zeros(len(loaded)) if loaded.counts is None else loaded.counts.log()
        self.register_buffer('log_prior', log_prior, persistent=False)
        self.texts: PackedTexts | None = loaded.texts
        self.space = loaded.space
        self.temperature = temperature
        self.rows = rows
        self.prior = prior
        self.normalize = normalize
        self.chunk_size = chunk_size

    @property
    def embed_dims(self) -> int:
        """Width D of the space."""
        return self.unit_rows.shape[1]

    @torch.no_grad()
    def forward(self, z: Tensor) -> Tensor:
        """Project region vectors.

        Args:
            z: (R, D), of any length; not changed.

        Returns:
            (R, D) fp32.

        Raises:
            ValueError: if ``z`` is of another width or not finite.
        """
        self._check(z)
        if not len(z):
            return z.float()
        query = F.normalize(z.float(), dim=1) / self.temperature
        size = self.chunk_size or self._default_chunk(z)
        # Softmax over a stream: sums are kept relative to the largest logit so far.
        highest = query.new_full((len(z), 1), -torch.inf)
        total = query.new_zeros(len(z), 1)
        summed = torch.zeros_like(query)
        chunks = (rows.split(size) for rows in (self.unit_rows, self.norms, self.log_prior))
        for unit, norms, log_prior in zip(*chunks, strict=True):
            unit = unit.float()
            logits = query @ unit.T  # (R, chunk)
            if self.prior == 'counts':
                logits += log_prior
            previous, highest = highest, torch.maximum(highest, logits.amax(dim=1, keepdim=True))
            weights = logits.sub_(highest).exp_()
            shrink = (previous - highest).exp()
            total = total * shrink + weights.sum(dim=1, keepdim=True)
            if self.rows == 'raw':
                weights *= norms
            summed = torch.addmm(summed * shrink, weights, unit)
        projected = summed / total
        return F.normalize(projected, dim=1) if self.normalize else projected

    @staticmethod
    def _default_chunk(z: Tensor) -> int:
        return _CPU_ROWS if z.device.type == 'cpu' else max(_CPU_ROWS, _SIMILARITIES // len(z))

    def _check(self, z: Tensor) -> None:
        if z.ndim != 2 or z.shape[1] != self.embed_dims:
            raise ValueError(
                f'bridge input: expected region vectors (R, {self.embed_dims}), got {tuple(z.shape)}. '
                'The memory belongs to another backbone or space.'
            )
        if not z.isfinite().all():
            rows = (~z.isfinite()).any(dim=1).nonzero()[:5, 0].tolist()
            raise ValueError(
                f'bridge input: expected finite region vectors, got NaN or infinity in rows {rows}. '
                'Check the image and the precision of the backbone.'
            )
