"""RoIPool (Girshick, Fast R-CNN, 2015): the maximum over the cells of every bin."""

from __future__ import annotations

import torch
from torch import Tensor

from mmpatchioner.ops.windows import flat_cells, same_size_groups


def roi_pool_forward(
    input: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax: Tensor,
    pooled_height: int,
    pooled_width: int,
    spatial_scale: float,
) -> None:
    """Pool every region into a grid of bins.

    Args:
        input: Feature maps, shape (N, C, H, W).
        rois: Index of the image and xyxy box of every region, the last pixel included, shape (R,
            5).
        output: Output, shape (R, C, pooled_height, pooled_width). A bin without a cell gives zero.
        argmax: Output of the same shape, integers: the cell that won, row * W + column, or -1 in a
            bin without a cell.
        pooled_height: Bins along y.
        pooled_width: Bins along x.
        spatial_scale: Cells of the map per unit of the boxes.
    """
    channels, height, width = input.shape[1:]
    cells = input.permute(0, 2, 3, 1).reshape(-1, channels)
    boxes = rois[:, 1:].to(torch.promote_types(rois.dtype, torch.float32))
    low, high = boxes[:, :2] * spatial_scale, (boxes[:, 2:] + 1) * spatial_scale
    x_first, x_last = _bins(low[:, 0], high[:, 0], pooled_width, width)
    y_first, y_last = _bins(low[:, 1], high[:, 1], pooled_height, height)
    sizes = torch.stack([(y_last - y_first).amax(1) + 1, (x_last - x_first).amax(1) + 1], 1)
    images = rois[:, 0].long()
    bins = pooled_height * pooled_width
    for regions, rows, columns in same_size_groups(sizes, (height, width), bins * channels):
        # Cells past the end of a bin repeat its last one: that does not change the maximum.
        y = _run(y_first[regions], y_last[regions], rows)
        x = _run(x_first[regions], x_last[regions], columns)
        index = flat_cells(images[regions], y.flatten(1), x.flatten(1), (height, width))
        # (R, bins_y, rows, bins_x, columns) -> (R, bins_y, bins_x, rows * columns)
        index = (
            index.view(-1, pooled_height, rows, pooled_width, columns).transpose(2, 3).flatten(3)
        )
        values, winner = cells.index_select(0, index.flatten()).view(*index.shape, channels).max(3)
        cell = index.gather(3, winner) - images[regions, None, None, None] * (height * width)
        empty = (y_last < y_first)[regions, :, None] | (x_last < x_first)[regions, None, :]
        output[regions] = values.masked_fill(empty[..., None], 0).permute(0, 3, 1, 2)
        argmax[regions] = (
            cell.masked_fill(empty[..., None], -1).permute(0, 3, 1, 2).to(argmax.dtype)
        )


def roi_pool_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax: Tensor,
    grad_input: Tensor,
    pooled_height: int,  # noqa: ARG001 (part of mmcv's signature)
    pooled_width: int,  # noqa: ARG001
    spatial_scale: float,  # noqa: ARG001
) -> None:
    """Fill ``grad_input`` (N, C, H, W); arguments as in :func:`roi_pool_forward`."""
    channels, height, width = grad_input.shape[1:]
    planes = rois[:, 0].long()[:, None] * channels + torch.arange(channels, device=rois.device)
    flat = planes[:, :, None, None] * (height * width) + argmax.clamp(min=0)
    gradient = torch.zeros_like(grad_input).flatten()
    gradient.index_add_(0, flat.flatten(), grad_output.masked_fill(argmax < 0, 0).flatten())
    grad_input.copy_(gradient.view_as(grad_input))


def _bins(low: Tensor, high: Tensor, num_bins: int, length: int) -> tuple[Tensor, Tensor]:
    """First and last cell of every bin, shapes (R, bins); last < first where a bin has no cell."""
    step = ((high - low) / num_bins)[:, None]
    numbers = torch.arange(num_bins, device=low.device)
    first = (numbers * step + low[:, None]).floor()
    end = ((numbers + 1) * step + low[:, None]).ceil()
    first, end = (edge.nan_to_num().clamp(0, length).long() for edge in (first, end))
    # A region of no or negative extent has no cells.
    end = torch.where((high > low)[:, None], end, first)
    return first, end - 1


def _run(first: Tensor, last: Tensor, size: int) -> Tensor:
    """Consecutive cells from ``first`` that stop at ``last``, shape (R, bins, size)."""
    run = first[..., None] + torch.arange(size, device=first.device)
    return torch.minimum(run, last[..., None])
