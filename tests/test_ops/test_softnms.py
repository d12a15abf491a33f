from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmcv.ops import soft_nms

rows_of_boxes = st.lists(
    st.tuples(*[st.integers(0, 9)] * 2, *[st.integers(1, 8)] * 2), min_size=1, max_size=15
)


def plain_soft_nms(
    boxes: list[list[float]],
    scores: list[float],
    threshold: float,
    sigma: float,
    min_score: float,
    method: str,
    offset: int,
) -> list[tuple[int, float]]:
    left = dict(enumerate(scores))
    taken = []
    while left:
        best = max(left, key=lambda i: left[i])
        taken.append((best, left.pop(best)))
        for other in list(left):
            a, b = boxes[best], boxes[other]
            width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]) + offset)
            height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]) + offset)
            areas = [(x[2] - x[0] + offset) * (x[3] - x[1] + offset) for x in (a, b)]
            iou = width * height / (sum(areas) - width * height)
            if method == 'gaussian':
                left[other] *= math.exp(-iou * iou / sigma)
            elif iou >= threshold:
                left[other] *= 1 - iou if method == 'linear' else 0
            if left[other] < min_score:
                del left[other]
    return taken


@given(rows_of_boxes, st.sampled_from(['naive', 'linear', 'gaussian']), st.sampled_from([0, 1]))
@settings(max_examples=60, deadline=None)
def test_equals_the_plain_loop(rows: list[tuple], method: str, offset: int) -> None:
    boxes = torch.tensor([[x, y, x + w, y + h] for x, y, w, h in rows], dtype=torch.float32)
    # Different scores, so that rounding cannot change the order.
    scores = torch.linspace(0.95, 0.11, len(rows))[torch.arange(len(rows)) * 7 % len(rows)]
    scores = scores + torch.arange(len(rows)) * 1e-3
    dets, kept = soft_nms(boxes, scores, 0.31, 0.5, 0.05, method, offset)
    expected = plain_soft_nms(boxes.tolist(), scores.tolist(), 0.31, 0.5, 0.05, method, offset)
    assert kept.tolist() == [index for index, _ in expected]
    assert torch.equal(dets[:, :4], boxes[kept])
    assert dets[:, 4].tolist() == pytest.approx([score for _, score in expected], abs=1e-5)


def test_inputs_stay_and_nothing_gives_nothing() -> None:
    boxes, scores = torch.tensor([[0.0, 0, 4, 4], [0, 0, 4, 5]]), torch.tensor([0.5, 0.9])
    soft_nms(boxes, scores)
    assert scores.tolist() == pytest.approx([0.5, 0.9])
    dets, kept = soft_nms(boxes[:0], scores[:0])
    assert dets.shape == (0, 5)
    assert len(kept) == 0


def test_the_first_box_stays_whatever_its_score() -> None:
    _, kept = soft_nms(torch.tensor([[0.0, 0, 4, 4]]), torch.tensor([1e-6]))
    assert kept.tolist() == [0]
