"""Which patches a region takes."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from .geometry import BORDER_TOLERANCE, PatchGrid, interval_overlaps

Selection = Literal['intersect', 'official']


def box_patches(boxes: Tensor, grid: PatchGrid, selection: Selection) -> Tensor:
    """Patches of boxes.

    ``'intersect'`` takes every patch that shares an area with the box (section 3.2 of the paper). Where no patch does,
    because the box is a line or thinner than :data:`~mmpatchioner.regions.geometry.BORDER_TOLERANCE` of a patch, it
    takes those that the box touches.

    ``'official'`` is the floor rule of the released code, in its fp32 arithmetic on the scaled x, y, width, height:
    from ``floor(x / p)`` to ``floor(x / p) + floor(w / p)``. It often loses the last row or column, and gives one too
    many to a box of a whole number of patches. Two things differ from the released code: a first patch before the grid
    does not wrap round to its far side, and a box left with no patch takes the nearest one. In ``center_crop`` the box
    is the one really seen, not the released code's, which keeps the full width of a box cut on its left.

    Args:
        boxes: (R, 4) xyxy, original pixels, each with a part in ``grid.window``.
        grid: The patch grid.
        selection: ``'intersect'`` or ``'official'``.

    Returns:
        (R, rows, cols) bool, at least one patch for every box.
    """
    rule = _intersected if selection == 'intersect' else _floor_ruled
    rows, cols = rule(boxes, grid)
    return rows[:, :, None] & cols[:, None, :]


def mask_patches(masks: Tensor, grid: PatchGrid) -> Tensor:
    """Patches of masks: all that the mask covers in any part.

    Args:
        masks: (R, H, W) bool.
        grid: The patch grid.

    Returns:
        (R, rows, cols) bool; no patch at all if ``center_crop`` cuts the mask away.
    """
    if not len(masks):
        return torch.zeros(0, grid.rows, grid.cols, dtype=torch.bool, device=masks.device)
    return grid.masks_to_grid(masks) > 0


def point_patches(points: Tensor, grid: PatchGrid, selection: Selection) -> Tensor:
    """The patch under every point; a point on the far border belongs to the last one.

    Args:
        points: (L, 2) x and y, original pixels, inside ``grid.window``.
        grid: The patch grid.
        selection: ``'official'`` divides by the released code's step 1 / n in place of multiplying by n, which can
            move a point that lies exactly on a patch border.

    Returns:
        (L,) int64 patch index.
    """
    if selection == 'official' and grid.mode == 'squash':
        size, steps = grid.ori_size[::-1], (1 / grid.cols, 1 / grid.rows)
        position = points.double() / points.new_tensor(size, dtype=torch.float64)
        position = position / position.new_tensor(steps)
    else:
        position = grid.points_to_grid(points)
    last = position.new_tensor([grid.cols - 1, grid.rows - 1])
    col, row = torch.minimum(position.floor().clamp(min=0), last).long().unbind(dim=1)
    return row * grid.cols + col


def _intersected(boxes: Tensor, grid: PatchGrid) -> tuple[Tensor, Tensor]:
    x1, y1, x2, y2 = grid.boxes_to_grid(boxes).unbind(dim=1)
    lines = []
    for low, high, count in ((y1, y2, grid.rows), (x1, x2, grid.cols)):
        overlaps = interval_overlaps(low.clamp(0, count), high.clamp(0, count), count)
        shared = overlaps > BORDER_TOLERANCE
        touched = overlaps >= -BORDER_TOLERANCE
        lines.append(torch.where(shared.any(dim=1, keepdim=True), shared, touched))
    return lines[0], lines[1]


def _floor_ruled(boxes: Tensor, grid: PatchGrid) -> tuple[Tensor, Tensor]:
    low, high = boxes.double()[:, :2], boxes.double()[:, 2:]
    high = torch.where(low == high, high + 1, high)
    scale = low.new_tensor([r / o for r, o in zip(grid.resized_size, grid.ori_size, strict=True)])
    # The order of the released code: factor first, float64 up to the scaled numbers, fp32 from there.
    scale, offset = scale.flip(0), low.new_tensor(grid.crop_offset[::-1])
    first = torch.floor_divide((low * scale - offset).float(), grid.patch_size)
    span = torch.floor_divide(((high - low) * scale).float(), grid.patch_size)
    lines = []
    for axis, count in ((1, grid.rows), (0, grid.cols)):
        start = first[:, axis, None].clamp(0, count - 1)
        end = (first + span)[:, axis, None].clamp(0, count - 1)
        cells = torch.arange(count, device=boxes.device)
        lines.append((cells >= start) & (cells <= end))
    return lines[0], lines[1]
