"""The part of a feature map that a region touches, gathered for many regions at once."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

# Values gathered at a time, about 64 MB in fp32: bounds the memory whatever the number of regions.
BUDGET = 2**24


def same_size_groups(
    sizes: Tensor, largest: tuple[int, int], values_per_cell: int
) -> Iterator[tuple[Tensor, int, int]]:
    """Split regions into groups that are handled as one tensor each.

    Sizes are rounded up to a power of two, so that there are few groups, and padding is bounded.

    Args:
        sizes: Rows and columns that each region needs, shape (R, 2), integers.
        largest: Rows and columns that are enough for any region.
        values_per_cell: Values that one cell of one region costs, for instance the number of
            channels.

    Yields:
        Indices of the regions of a group (ascending), and the rows and columns that hold each of
        them.

    Example:
        >>> import torch
        >>> groups = same_size_groups(torch.tensor([[3, 1], [9, 1], [4, 1]]), (12, 12), 1)
        >>> [(indices.tolist(), rows, columns) for indices, rows, columns in groups]
        [([0, 2], 4, 1), ([1], 12, 1)]
    """
    if len(sizes) == 0:
        return
    exponents = sizes.clamp(min=1).float().log2().ceil().long()
    kinds, group_of = exponents.unique(dim=0, return_inverse=True)
    for group, (row_exponent, column_exponent) in enumerate(kinds.tolist()):
        rows, columns = min(2**row_exponent, largest[0]), min(2**column_exponent, largest[1])
        chunk = max(1, BUDGET // (rows * columns * values_per_cell))
        for indices in (group_of == group).nonzero()[:, 0].split(chunk):
            yield indices, rows, columns


def flat_cells(images: Tensor, rows: Tensor, columns: Tensor, map_size: tuple[int, int]) -> Tensor:
    """Positions of windows' cells in a batch of maps laid out as (N * H * W).

    Args:
        images: Index of the image of every window, shape (R,).
        rows: Row numbers of every window, shape (R, h); clamped to the map.
        columns: Column numbers of every window, shape (R, w); clamped to the map.
        map_size: Height and width of the maps.

    Returns:
        Indices, shape (R, h, w).
    """
    height, width = map_size
    return (
        images[:, None, None] * (height * width)
        + rows.clamp(0, height - 1)[:, :, None] * width
        + columns.clamp(0, width - 1)[:, None, :]
    )
