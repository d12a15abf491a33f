"""Greedy suppression: what the variants of non-maximum suppression share."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

# Rows that are compared with one another at a time: large enough to keep the device busy, small
# enough that a block against 100,000 boxes stays below 100 MB.
BLOCK = 256


def greedy_keep(
    num: int, suppresses: Callable[[Tensor, Tensor], Tensor], device: torch.device
) -> Tensor:
    """Keep every item that no kept item before it suppresses.

    The items stand in descending order of score. A block of them is settled at a time: first among
    themselves, then those kept remove the items of later blocks. Inside a block the greedy rule
    ``keep[j] = not any(keep[i] and S[i, j] for i < j)`` is applied to all items at once until
    nothing changes; item j is right after j rounds at the latest, and in practice after a few,
    because chains of boxes that suppress one another are short.

    Args:
        num: Number of items, N.
        suppresses: Maps two index tensors (R,), (C,) to a (R, C) bool tensor: whether the first
            would suppress the second.
        device: Where the indices live.

    Returns:
        Indices of the kept items, ascending, shape (K,).

    Example:
        >>> near = lambda a, b: (a[:, None] - b[None]).abs() <= 1
        >>> greedy_keep(6, near, torch.device('cpu'))
        tensor([0, 2, 4])
    """
    open_items = torch.arange(num, device=device)
    kept = [open_items[:0]]
    while len(open_items):
        block, rest = open_items[:BLOCK], open_items[BLOCK:]
        block = block[_settle(suppresses(block, block).triu(diagonal=1))]
        kept.append(block)
        open_items = rest[~suppresses(block, rest).any(0)]
    return torch.cat(kept)


def _settle(suppresses: Tensor) -> Tensor:
    """Greedy rule among the items of one block; (B, B) strictly upper triangular -> (B,) bool."""
    keep = torch.ones(len(suppresses), dtype=torch.bool, device=suppresses.device)
    while True:
        updated = ~(suppresses & keep[:, None]).any(0)
        if torch.equal(updated, keep):
            return keep
        keep = updated
