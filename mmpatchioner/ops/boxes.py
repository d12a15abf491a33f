"""Overlaps of upright boxes."""

from __future__ import annotations

import torch
from torch import Tensor


def overlaps(boxes1: Tensor, boxes2: Tensor, offset: int = 0, over_first: bool = False) -> Tensor:
    """Intersection over union, or over the area of the first box; the leading dimensions broadcast.

    Args:
        boxes1: Shape (..., 4), xyxy.
        boxes2: Shape (..., 4), xyxy.
        offset: 1 where the coordinates are those of the last pixel inside a box, so that its width
            is x2 - x1 + 1.
        over_first: Divide by the area of the first box instead of by that of the union.

    Returns:
        Overlaps; NaN where both areas are zero, as in mmcv (a comparison with NaN is false: such
        boxes suppress nothing).

    Example:
        >>> a = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
        >>> b = torch.tensor([[1.0, 0.0, 3.0, 2.0]])
        >>> overlaps(a, b, over_first=True)
        tensor([0.5000])
    """
    low = torch.maximum(boxes1[..., :2], boxes2[..., :2])
    high = torch.minimum(boxes1[..., 2:], boxes2[..., 2:])
    intersection = _area(low, high, offset, smallest_side=0)
    area1 = _area(boxes1[..., :2], boxes1[..., 2:], offset)
    if over_first:
        return intersection / area1
    area2 = _area(boxes2[..., :2], boxes2[..., 2:], offset)
    return intersection / (area1 + area2 - intersection)


def bbox_overlaps(
    bboxes1: Tensor, bboxes2: Tensor, ious: Tensor, mode: int, aligned: bool, offset: int
) -> None:
    """Fill ``ious`` with the overlaps of two lists of boxes.

    Args:
        bboxes1: Shape (M, 4), xyxy.
        bboxes2: Shape (N, 4), xyxy; N = M if ``aligned``.
        ious: Output, shape (M, N), or (M,) if ``aligned``. Boxes without area overlap nothing.
        mode: 0 intersection over union, 1 intersection over the area of the first box.
        aligned: Compare row i with row i only.
        offset: 0 or 1, see :func:`overlaps`.
    """
    first = bboxes1 if aligned else bboxes1[:, None]
    ious.copy_(overlaps(first, bboxes2, offset, over_first=mode == 1).nan_to_num(nan=0.0))


def _area(low: Tensor, high: Tensor, offset: int, smallest_side: float | None = None) -> Tensor:
    sides = high - low + offset
    if smallest_side is not None:
        sides = sides.clamp(min=smallest_side)
    # Not prod(-1), which is several times slower over so short an axis.
    return sides[..., 0] * sides[..., 1]
