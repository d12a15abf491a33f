"""The part of a feature map that a region touches, gathered for many regions at once."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

# Values gathered at a time, 16 MB in fp32: bounds the memory whatever the number of regions, and is
# small enough to stay in a processor's cache.
BUDGET = 2**22


def same_size_groups(
    sizes: Tensor, largest: tuple[int, int], values_per_cell: int
) -> Iterator[tuple[Tensor, int, int]]:
    """Split regions into groups that are handled as one tensor each.

    Sizes are rounded up to one of four per power of two: less than a quarter of a side is padding,
    and there are few groups.

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
        >>> sizes = torch.tensor([[17, 1], [20, 1], [30, 1]])
        >>> groups = same_size_groups(sizes, (28, 28), values_per_cell=1)
        >>> [(indices.tolist(), rows, columns) for indices, rows, columns in groups]
        [([0, 1], 20, 1), ([2], 28, 1)]
    """
    if len(sizes) == 0:
        return
    step = 2 ** ((sizes - 1).clamp(min=1).float().log2().floor().long() - 2).clamp(min=0)
    rounded = ((sizes + step - 1) // step).clamp(min=1) * step
    kinds, group_of = rounded.minimum(sizes.new_tensor(largest)).unique(dim=0, return_inverse=True)
    for group, (rows, columns) in enumerate(kinds.tolist()):
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
