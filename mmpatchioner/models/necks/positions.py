"""Learned position embeddings at another size than they were learnt for."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def resample_positions(positions: Tensor, grid: tuple[int, int], antialias: bool = True) -> Tensor:
    """Position embeddings of a square grid as those of another grid, bicubic.

    Args:
        positions: (1 + n * n, C), that of the class or mean token first.
        grid: (rows, columns).
        antialias: Widen the kernel where the grid shrinks, as timm does, with that kernel's coefficient of -0.5 in
            either direction. False is torch's plain bicubic of coefficient -0.75, as in transformers.

    Returns:
        (1 + rows * columns, C); the argument itself if it is of that grid.
    """
    side = round((len(positions) - 1) ** 0.5)
    if grid == (side, side):
        return positions
    square = positions[1:].float().T.reshape(1, -1, side, side)
    resampled = F.interpolate(
        square, grid, mode='bicubic', antialias=antialias, align_corners=False
    )
    return torch.cat([positions[:1], resampled.flatten(2)[0].T.to(positions.dtype)])
