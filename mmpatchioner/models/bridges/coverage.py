"""Choosing few rows of a memory that stand for many."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_BLOCK = 4096  # rows compared with all centres at once


def medoids(rows: Tensor, size: int, iterations: int = 2, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Medoids of spherical k-means: rows that cover a corpus better than a random sample of the same size.

    Args:
        rows: (M, D) embeddings; compared by cosine.
        size: Number of clusters; empty ones are left out.
        iterations: Updates of the centres.
        seed: Of the random rows that the centres start from.

    Returns:
        Indices (K,) of the row nearest to each centre, ascending, and (K,) the number of rows it stands for;
        K <= size, and the numbers sum to M.

    Raises:
        ValueError: if ``size`` is not in 1 to M.

    Example:
        >>> rows = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
        >>> indices, counts = medoids(rows, size=2, iterations=3)
        >>> len(indices), int(counts.sum())
        (2, 3)
    """
    if not 1 <= size <= len(rows):
        raise ValueError(f'size: expected 1 to {len(rows)}, the number of rows, got {size}.')
    unit = F.normalize(rows.float(), dim=1)
    start = torch.randperm(len(unit), generator=torch.Generator().manual_seed(seed))[:size]
    centres = unit[start.to(unit.device)]
    for _ in range(iterations):
        _, members = _nearest(unit, centres)
        sums = torch.zeros_like(centres).index_add_(0, members, unit)
        moved = sums.norm(dim=1, keepdim=True) > 0  # a centre without members stays where it is
        centres = torch.where(moved, F.normalize(sums, dim=1), centres)
    similarity, members = _nearest(unit, centres)
    counts = torch.bincount(members, minlength=size)
    # Rows grouped by cluster, in each by ascending similarity: the last one of a group is its medoid.
    order = similarity.argsort(stable=True)
    order = order[members[order].argsort(stable=True)]
    kept = counts > 0
    indices, positions = order[counts.cumsum(dim=0)[kept] - 1].sort()
    return indices, counts[kept][positions]


def _nearest(rows: Tensor, centres: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine (M,) with, and index (M,) of, the nearest centre of every row."""
    found = [(block @ centres.T).max(dim=1) for block in rows.split(_BLOCK)]
    return torch.cat([best.values for best in found]), torch.cat([best.indices for best in found])
