"""Overlaps and suppression of rotated boxes: centre, width, height, angle in radians."""

from __future__ import annotations

import torch
from torch import Tensor

from mmpatchioner.ops.greedy import BLOCK, greedy_keep

# Length in units of a box's side below which an edge is a point: a mean over it would divide
# rounding by rounding.
SHORT = 1e-9


def rotated_overlaps(boxes1: Tensor, boxes2: Tensor, over_first: bool = False) -> Tensor:
    """Intersection over union, or over the area of the first box; the leading dimensions broadcast.

    Computed in fp64: the corners of the intersection are differences of nearly equal numbers.

    Args:
        boxes1: Shape (..., 5).
        boxes2: Shape (..., 5).
        over_first: Divide by the area of the first box instead of by that of the union.

    Returns:
        Overlaps, of the type of ``boxes1``; 0 if one of the boxes has no area.

    Example:
        >>> square = torch.tensor([0.0, 0.0, 2.0, 2.0, 0.0])
        >>> diamond = torch.tensor([0.0, 0.0, 1.0, 1.0, torch.pi / 4])
        >>> rotated_overlaps(square, diamond)
        tensor(0.2500)
    """
    first, second = torch.broadcast_tensors(boxes1.double(), boxes2.double())
    areas1, areas2 = first[..., 2:4].prod(-1), second[..., 2:4].prod(-1)
    # In the frame of the first box, which becomes the unit square.
    intersection = _area_inside_unit_square(_corners_in_frame(second, first)) * areas1
    base = areas1 if over_first else areas1 + areas2 - intersection
    valid = (areas1 > 0) & (areas2 > 0)
    return torch.where(valid, intersection / base, 0).to(boxes1.dtype)


def box_iou_rotated(
    boxes1: Tensor, boxes2: Tensor, ious: Tensor, mode_flag: int, aligned: bool
) -> None:
    """Fill ``ious`` with the overlaps of two lists of rotated boxes.

    Args:
        boxes1: Shape (M, 5).
        boxes2: Shape (N, 5); N = M if ``aligned``.
        ious: Output, shape (M * N,), or (M,) if ``aligned``.
        mode_flag: 0 intersection over union, 1 intersection over the area of the first box.
        aligned: Compare row i with row i only.
    """
    if aligned:
        ious.copy_(rotated_overlaps(boxes1, boxes2, over_first=mode_flag == 1))
        return
    rows = ious.view(len(boxes1), len(boxes2))
    for chunk in torch.arange(len(boxes1), device=boxes1.device).split(BLOCK):
        rows[chunk] = rotated_overlaps(boxes1[chunk, None], boxes2, over_first=mode_flag == 1)


def nms_rotated(
    dets: Tensor,
    scores: Tensor,
    order: Tensor,
    dets_sorted: Tensor,
    labels: Tensor,  # noqa: ARG001 (mmcv appends them to the boxes)
    iou_threshold: float,
    multi_label: bool,
) -> Tensor:
    """Suppress every box that overlaps one of higher score by at least the threshold.

    Args:
        dets: Shape (N, 5), or (N, 6) with the label in the last place if ``multi_label``.
        scores: Shape (N,).
        order: Indices by descending score, shape (N,).
        dets_sorted: The boxes in this order.
        labels: Label of every box, or empty.
        iou_threshold: Overlap from which on a box is suppressed.
        multi_label: Boxes of different labels do not suppress one another.

    Returns:
        Indices of the kept boxes in descending order of score, shape (K,).
    """

    def suppresses(rows: Tensor, columns: Tensor) -> Tensor:
        first, second = dets_sorted[rows, None], dets_sorted[columns]
        over = rotated_overlaps(first[..., :5], second[..., :5]) >= iou_threshold
        return over & (first[..., 5] == second[..., 5]) if multi_label else over

    return order[greedy_keep(len(dets), suppresses, scores.device)]


def _corners_in_frame(boxes: Tensor, frame: Tensor) -> Tensor:
    """Corners where ``frame`` is the unit square, (..., 5) -> (..., 4, 2)."""
    signs = torch.tensor([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]).to(boxes)
    corners = _turn(signs * boxes[..., None, 2:4], boxes[..., None, 4])
    centred = corners + (boxes[..., None, :2] - frame[..., None, :2])
    sides = frame[..., None, 2:4]
    return _turn(centred, -frame[..., None, 4]) / torch.where(sides > 0, sides, 1) + 0.5


def _turn(points: Tensor, angle: Tensor) -> Tensor:
    x, y, cos, sin = points[..., 0], points[..., 1], angle.cos(), angle.sin()
    return torch.stack([x * cos - y * sin, x * sin + y * cos], -1)


def _area_inside_unit_square(polygon: Tensor) -> Tensor:
    """Area of the part of polygons that lies in the unit square, (..., V, 2) -> (...).

    By Green's theorem it is the integral along the polygon of clamp(x, 0, 1) dy where 0 <= y <= 1,
    because the divergence of that field is 1 inside the square and 0 outside. Every edge has a
    closed form, and nothing needs to be clipped.
    """
    x, y = polygon.unbind(-1)
    run, rise = x.roll(-1, -1) - x, y.roll(-1, -1) - y
    low, high = y.clamp(0, 1), (y + rise).clamp(0, 1)
    # The piece of the edge between y = 0 and y = 1 goes from x0 to x1.
    slope = run / torch.where(rise == 0, 1, rise)
    x0, x1 = x + slope * (low - y), x + slope * (high - y)
    return ((high - low) * _mean_of_clamped(x0, x1)).sum(-1).abs()


def _mean_of_clamped(start: Tensor, end: Tensor) -> Tensor:
    """Mean of clamp(x, 0, 1) for x between two ends."""
    low, high = start.clamp(0, 1), end.clamp(0, 1)
    middle = (low + high) / 2
    beyond = (end - 1).clamp(min=0) - (start - 1).clamp(min=0)
    length = end - start
    short = length.abs() < SHORT
    mean = (middle * (high - low) + beyond) / torch.where(short, 1, length)
    return torch.where(short, middle, mean)
