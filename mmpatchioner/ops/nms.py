"""Non-maximum suppression of upright boxes."""

from __future__ import annotations

import torch
from torch import Tensor

from mmpatchioner.ops.boxes import overlaps
from mmpatchioner.ops.greedy import BLOCK, greedy_keep
from mmpatchioner.ops.torchvision_kernels import torchvision_ops


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int) -> Tensor:
    """Suppress every box that overlaps one of higher score by more than the threshold.

    Args:
        boxes: Shape (N, 4), xyxy.
        scores: Shape (N,). Equal scores keep their order.
        iou_threshold: Overlap above which a box is suppressed.
        offset: 0 or 1, added to widths and heights.

    Returns:
        Indices of the kept boxes in descending order of score, shape (K,).

    Example:
        >>> boxes = torch.tensor([[0.0, 0, 4, 4], [0, 0, 4, 5], [8, 8, 9, 9]])
        >>> nms(boxes, torch.tensor([0.5, 0.9, 0.1]), 0.5, offset=0)
        tensor([1, 2])
    """
    # Under mixed precision boxes and scores may differ in type, and half precision is too coarse
    # for overlaps.
    dtype = torch.promote_types(torch.promote_types(boxes.dtype, scores.dtype), torch.float32)
    boxes, scores = boxes.to(dtype), scores.to(dtype)
    kernels = torchvision_ops(boxes.device.type)
    if kernels is not None and offset == 0:
        return kernels.nms(boxes, scores, iou_threshold)
    order = scores.sort(descending=True, stable=True).indices
    ordered = boxes[order]

    def suppresses(rows: Tensor, columns: Tensor) -> Tensor:
        return overlaps(ordered[rows, None], ordered[columns], offset) > iou_threshold

    return order[greedy_keep(len(boxes), suppresses, boxes.device)]


def nms_match(dets: Tensor, iou_threshold: float) -> list[list[int]]:
    """Group the boxes that non-maximum suppression would merge.

    Args:
        dets: Shape (N, 5), xyxy and score.
        iou_threshold: Overlap from which on a box belongs to the group of the one that suppresses
            it.

    Returns:
        For every kept box its index and those of the boxes that it suppresses, in descending order
        of score.

    Example:
        >>> dets = torch.tensor([[0, 0, 4, 4, 0.5], [0, 0, 4, 5, 0.9], [8, 8, 9, 9, 0.1]])
        >>> nms_match(dets, 0.5)
        [[1, 0], [2]]
    """
    order = dets[:, 4].sort(descending=True, stable=True).indices
    ordered = dets[order, :4]

    def suppresses(rows: Tensor, columns: Tensor) -> Tensor:
        return overlaps(ordered[rows, None], ordered[columns]) >= iou_threshold

    kept = greedy_keep(len(dets), suppresses, dets.device)
    # The first kept box that suppresses a box is its leader; a kept box leads itself (its overlap
    # with itself may be NaN).
    chunks = torch.arange(len(dets), device=dets.device).split(BLOCK)
    leaders = torch.cat([suppresses(kept, chunk).int().argmax(0) for chunk in chunks])
    leaders[kept] = torch.arange(len(kept), device=dets.device)
    groups: list[list[int]] = [[] for _ in range(len(kept))]
    for leader, index in zip(leaders.tolist(), order.tolist(), strict=True):
        groups[leader].append(index)
    return groups
