"""Soft non-maximum suppression: overlapping boxes lose score instead of being removed."""

from __future__ import annotations

import torch
from torch import Tensor

from mmpatchioner.ops.boxes import overlaps

NAIVE, LINEAR, GAUSSIAN = 0, 1, 2


def softnms(
    boxes: Tensor,
    scores: Tensor,
    dets: Tensor,
    iou_threshold: float,
    sigma: float,
    min_score: float,
    method: int,
    offset: int,
) -> Tensor:
    """Take the best box, lower the scores of those that overlap it, and so on.

    Rules of Bodla et al., Soft-NMS, 2017, section 3. Every step depends on the one before: the loop
    is over boxes, each step is vectorised over all that are left.

    Args:
        boxes: Shape (N, 4), xyxy.
        scores: Shape (N,).
        dets: Output, shape (N, 5): the first K rows become the boxes and their lowered scores, in
            the order taken.
        iou_threshold: Overlap from which on ``NAIVE`` and ``LINEAR`` lower a score.
        sigma: Width of the ``GAUSSIAN`` rule.
        min_score: A box whose score falls below it is dropped; the first box taken is never
            dropped.
        method: ``NAIVE`` (0) sets the score to zero, ``LINEAR`` (1) multiplies it by 1 - IoU,
            ``GAUSSIAN`` (2) by exp(-IoU^2 / sigma).
        offset: 0 or 1, added to widths and heights.

    Returns:
        Indices of the K boxes taken, in the order taken.
    """
    taken: list[Tensor] = []
    left = torch.arange(len(boxes), device=boxes.device)
    scores = scores.clone()
    while len(left):
        position = scores[left].argmax()
        best = left[position]
        dets[len(taken), :4] = boxes[best]
        dets[len(taken), 4] = scores[best]
        taken.append(best)
        left = torch.cat([left[:position], left[position + 1 :]])
        iou = overlaps(boxes[best], boxes[left], offset)
        scores[left] *= _weights(iou, iou_threshold, sigma, method)
        left = left[~(scores[left] < min_score)]
    return torch.stack(taken) if taken else left


def _weights(iou: Tensor, iou_threshold: float, sigma: float, method: int) -> Tensor:
    if method == GAUSSIAN:
        return torch.exp(-iou.square() / sigma)
    lowered = 1 - iou if method == LINEAR else torch.zeros_like(iou)
    return torch.where(iou >= iou_threshold, lowered, torch.ones_like(iou))
