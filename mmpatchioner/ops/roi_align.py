"""RoIAlign (He et al., Mask R-CNN, 2017, section 3) as two small matrix products per region.

A bin's value is made of bilinear samples on a regular grid, so the weights of a sample factor into
one weight per row and one per column of the map: with A (samples x rows) and B (samples x columns)
the samples of a region are ``A @ window @ B^T``, ``window`` being the cells that the region
touches. Averaging a bin averages rows of A and B beforehand. The gradient is the
transpose: ``A^T @ grad @ B``, added into the map.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mmpatchioner.ops.gradients import vector_jacobian
from mmpatchioner.ops.torchvision_kernels import torchvision_ops
from mmpatchioner.ops.windows import flat_cells, same_size_groups

MAX, AVERAGE = 0, 1

# A bin longer than this many cells is sampled more coarsely than once per cell: it is a runaway
# box, and one sample per cell of it would take all memory.
MOST_SAMPLES = 1024


@dataclass(frozen=True)
class _Axis:
    """Sampling along one axis, for every region."""

    start: Tensor  # (R,) position of the region's low edge, in cells
    bin_size: Tensor  # (R,) in cells
    samples: Tensor  # (R,) samples per bin, at least 0
    num_bins: int
    length: int  # of the map

    def of(self, regions: Tensor) -> _Axis:
        """The axis for some of the regions."""
        return replace(
            self,
            start=self.start[regions],
            bin_size=self.bin_size[regions],
            samples=self.samples[regions],
        )

    def positions(self) -> tuple[Tensor, Tensor]:
        """Positions of all samples, (R, bins, S), and which of them exist, (R, 1, S)."""
        most = max(1, int(self.samples.max()))
        number = torch.arange(most, device=self.start.device, dtype=self.start.dtype)
        fraction = (number + 0.5) / self.samples[:, None].clamp(min=1)
        bins = torch.arange(self.num_bins, device=self.start.device)
        steps = bins[:, None] + fraction[:, None, :]
        positions = self.start[:, None, None] + steps * self.bin_size[:, None, None]
        return positions, (number < self.samples[:, None])[:, None]

    def window(self) -> tuple[Tensor, Tensor]:
        """First cell and number of cells that the samples of every region touch, shapes (R,)."""
        end = self.start + self.num_bins * self.bin_size
        low, high = (
            torch.stack([self.start, end]).nan_to_num().clamp(0, self.length - 1).aminmax(dim=0)
        )
        first = low.floor().long()
        return first, high.floor().long() + 2 - first

    def weights(self, first: Tensor, size: int) -> Tensor:
        """Bilinear weights of the window's cells in every sample, shape (R, bins, S, size)."""
        positions, exists = self.positions()
        inside = exists & (positions >= -1) & (positions <= self.length)
        cells = first[:, None] + torch.arange(size, device=first.device)
        distance = positions.clamp(0, self.length - 1)[..., None] - cells[:, None, None]
        return (1 - distance.abs()).clamp(min=0).where(inside[..., None], 0)

    def mean_weights(self, first: Tensor, size: int) -> Tensor:
        """Weights of the window's cells in the mean of every bin, shape (R, bins, size)."""
        return self.weights(first, size).sum(2) / self.samples[:, None, None].clamp(min=1)


def roi_align_forward(
    input: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Pool every region into a grid of bins.

    Args:
        input: Feature maps, shape (N, C, H, W).
        rois: Index of the image and xyxy box of every region, shape (R, 5).
        output: Output, shape (R, C, aligned_height, aligned_width). A region without area gives
            zeros.
        argmax_y: Output in the mode ``MAX``: row of the sample that won, of the shape of
            ``output``; -1 where a bin has no sample.
        argmax_x: The same for columns.
        aligned_height: Bins along y.
        aligned_width: Bins along x.
        spatial_scale: Cells of the map per unit of the boxes.
        sampling_ratio: Samples per bin and axis; 0: one per cell that the bin covers, rounded up.
        pool_mode: ``MAX`` (0) or ``AVERAGE`` (1) of the samples of a bin.
        aligned: Cell (0, 0) is sampled at (0.5, 0.5); otherwise at (0, 0), and a region is at least
            one cell wide and high (the behaviour of mmdet 1).
    """
    size = (aligned_height, aligned_width)
    kernels = torchvision_ops(input.device.type)
    if kernels is not None and pool_mode == AVERAGE:
        pooled = kernels.roi_align(
            input, rois.to(input.dtype), size, spatial_scale, sampling_ratio, aligned
        )
        output.copy_(pooled)
        return
    channels, map_size = input.shape[1], (input.shape[2], input.shape[3])
    cells = input.permute(0, 2, 3, 1).reshape(-1, channels)
    axes = _axes(rois, size, map_size, spatial_scale, sampling_ratio, aligned, input.dtype)
    for regions, index, y, x, y_first, x_first in _windows(rois, axes, map_size, channels):
        rows, columns = index.shape[1:]
        windows = cells.index_select(0, index.flatten()).view(*index.shape, channels)
        windows = windows.to(y.start.dtype)
        if pool_mode == AVERAGE:
            pooled = _pool(y.mean_weights(y_first, rows), windows, x.mean_weights(x_first, columns))
            output[regions] = pooled.permute(0, 3, 1, 2).to(output.dtype)
        else:
            samples = _pool(
                y.weights(y_first, rows).flatten(1, 2),
                windows,
                x.weights(x_first, columns).flatten(1, 2),
            )
            values, at_y, at_x = _max_of_bins(samples, y, x)
            output[regions] = values.to(output.dtype)
            argmax_y[regions] = at_y.to(argmax_y.dtype)
            argmax_x[regions] = at_x.to(argmax_x.dtype)


def roi_align_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    grad_input: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Fill ``grad_input`` (N, C, H, W); arguments as in :func:`roi_align_forward`."""
    size = (aligned_height, aligned_width)
    channels, map_size = grad_input.shape[1], (grad_input.shape[2], grad_input.shape[3])
    if pool_mode == MAX:
        grad_input.copy_(_max_backward(grad_output, rois, argmax_y, argmax_x, grad_input))
        return
    kernels = torchvision_ops(grad_input.device.type)
    if kernels is not None:
        boxes = rois.to(grad_input.dtype)
        (gradient,) = vector_jacobian(
            lambda maps: kernels.roi_align(
                maps, boxes, size, spatial_scale, sampling_ratio, aligned
            ),
            [grad_input],
            grad_output,
        )
        grad_input.copy_(gradient)
        return
    axes = _axes(rois, size, map_size, spatial_scale, sampling_ratio, aligned, grad_input.dtype)
    dtype = axes[0].start.dtype
    cells = grad_input.new_zeros(grad_input[:, 0].numel(), channels, dtype=dtype)
    for regions, index, y, x, y_first, x_first in _windows(rois, axes, map_size, channels):
        grad_bins = grad_output[regions].to(dtype).permute(0, 2, 3, 1)
        windows = _pool(
            y.mean_weights(y_first, index.shape[1]).mT,
            grad_bins,
            x.mean_weights(x_first, index.shape[2]).mT,
        )
        cells.index_add_(0, index.flatten(), windows.flatten(0, 2))
    grad_input.copy_(cells.view(-1, *map_size, channels).permute(0, 3, 1, 2))


def _axes(
    rois: Tensor,
    size: tuple[int, int],
    map_size: tuple[int, int],
    spatial_scale: float,
    sampling_ratio: int,
    aligned: bool,
    dtype: torch.dtype,
) -> tuple[_Axis, _Axis]:
    """Sampling along y and along x, in at least fp32."""
    dtype = torch.promote_types(torch.promote_types(rois.dtype, dtype), torch.float32)
    boxes = rois[:, 1:].to(dtype) * spatial_scale
    if aligned:
        boxes = boxes - 0.5
    axes = []
    for low, num_bins, length in ((1, size[0], map_size[0]), (0, size[1], map_size[1])):
        extent = boxes[:, low + 2] - boxes[:, low]
        if not aligned:
            extent = extent.clamp(min=1)
        bin_size = extent / num_bins
        if sampling_ratio > 0:
            samples = torch.full_like(bin_size, sampling_ratio).long()
        else:
            # A region that is not a number gets no sample, as one without area.
            samples = bin_size.nan_to_num().ceil().clamp(0, MOST_SAMPLES).long()
        axes.append(_Axis(boxes[:, low], bin_size, samples, num_bins, length))
    return axes[0], axes[1]


def _windows(
    rois: Tensor, axes: tuple[_Axis, _Axis], map_size: tuple[int, int], channels: int
) -> Iterator[tuple[Tensor, Tensor, _Axis, _Axis, Tensor, Tensor]]:
    """Split regions into groups with windows of one size.

    Yields:
        Indices of a group's regions (R,), the cells of their windows (R, h, w), their axes, and the
        windows' first rows and columns (R,).
    """
    (y_first, y_size), (x_first, x_size) = (axis.window() for axis in axes)
    images = rois[:, 0].long()
    for regions, rows, columns in same_size_groups(
        torch.stack([y_size, x_size], 1), map_size, channels
    ):
        top, left = y_first[regions], x_first[regions]
        index = flat_cells(
            images[regions],
            top[:, None] + torch.arange(rows, device=rois.device),
            left[:, None] + torch.arange(columns, device=rois.device),
            map_size,
        )
        yield regions, index, axes[0].of(regions), axes[1].of(regions), top, left


def _pool(row_weights: Tensor, windows: Tensor, column_weights: Tensor) -> Tensor:
    """(R, p, h), (R, h, w, C), (R, q, w) -> (R, p, q, C)."""
    rows = torch.bmm(row_weights, windows.flatten(2)).unflatten(2, windows.shape[2:])
    return torch.matmul(column_weights[:, None], rows)


def _max_of_bins(samples: Tensor, y: _Axis, x: _Axis) -> tuple[Tensor, Tensor, Tensor]:
    """Largest sample of every bin and its position, three tensors (R, C, bins_y, bins_x)."""
    (y_at, y_exists), (x_at, x_exists) = y.positions(), x.positions()
    per_bin = samples.view(len(samples), y.num_bins, y_at.shape[2], x.num_bins, x_at.shape[2], -1)
    exists = y_exists[:, :, :, None, None, None] & x_exists[:, None, None, :, :, None]
    # (R, bins_y, bins_x, S_y * S_x, C)
    flat = per_bin.masked_fill(~exists, -torch.inf).transpose(2, 3).flatten(3, 4)
    values, winner = (part.permute(0, 3, 1, 2) for part in flat.max(3))
    empty = ((y.samples == 0) | (x.samples == 0))[:, None, None, None]
    at_y = _take(y_at[:, :, None].expand(-1, -1, x.num_bins, -1), winner // x_at.shape[2])
    at_x = _take(x_at[:, None].expand(-1, y.num_bins, -1, -1), winner % x_at.shape[2])
    return values.masked_fill(empty, 0), at_y.masked_fill(empty, -1), at_x.masked_fill(empty, -1)


def _take(positions: Tensor, winner: Tensor) -> Tensor:
    """(R, bins_y, bins_x, S) at (R, C, bins_y, bins_x) -> (R, C, bins_y, bins_x)."""
    return (
        positions[:, None]
        .expand(-1, winner.shape[1], -1, -1, -1)
        .gather(4, winner[..., None])[..., 0]
    )


def _max_backward(
    grad_output: Tensor, rois: Tensor, argmax_y: Tensor, argmax_x: Tensor, grad_input: Tensor
) -> Tensor:
    """Add every bin's gradient to the four cells around the sample that won."""
    channels, height, width = grad_input.shape[1:]
    inside = (argmax_y > -1) & (argmax_y <= height) & (argmax_x > -1) & (argmax_x <= width)
    planes = rois[:, 0].long()[:, None] * channels + torch.arange(channels, device=rois.device)
    # A position outside, of no sample or not a number carries no share; any cell will do for it.
    y = argmax_y.where(inside, 0).clamp(0, height - 1)
    x = argmax_x.where(inside, 0).clamp(0, width - 1)
    gradient = torch.zeros_like(grad_input).flatten()
    for row in (y.floor(), y.floor() + 1):
        for column in (x.floor(), x.floor() + 1):
            share = (1 - (y - row).abs()) * (1 - (x - column).abs()) * inside
            # Cells beyond the border carry no share: the position was clamped to the map.
            cell = row.clamp(max=height - 1) * width + column.clamp(max=width - 1)
            flat = planes[:, :, None, None] * (height * width) + cell.long()
            gradient.index_add_(0, flat.flatten(), (share * grad_output).flatten())
    return gradient.view_as(grad_input)
