from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmcv.ops import box_iou_rotated, nms_rotated

from mmpatchioner.ops.boxes import overlaps

Point = tuple[float, float]
sides = st.floats(0.5, 8)
boxes = st.tuples(st.floats(-4, 4), st.floats(-4, 4), sides, sides, st.floats(-4, 4))


def corners(box: tuple[float, ...]) -> list[Point]:
    x, y, w, h, angle = box
    cos, sin = math.cos(angle), math.sin(angle)
    signs = ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))
    return [(x + a * w * cos - b * h * sin, y + a * w * sin + b * h * cos) for a, b in signs]


def clip(subject: list[Point], a: Point, b: Point) -> list[Point]:
    """Part of a convex polygon on the left of the line from a to b (Sutherland and Hodgman)."""

    def side(p: Point) -> float:
        return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])

    result = []
    for start, end in zip(subject, subject[1:] + subject[:1], strict=True):
        s, e = side(start), side(end)
        if s >= 0:
            result.append(start)
        if s * e < 0:
            t = s / (s - e)
            result.append((start[0] + t * (end[0] - start[0]), start[1] + t * (end[1] - start[1])))
    return result


def plain_iou(first: tuple[float, ...], second: tuple[float, ...]) -> float:
    polygon, frame = corners(first), corners(second)
    for a, b in zip(frame, frame[1:] + frame[:1], strict=True):
        polygon = clip(polygon, a, b)
    ends = polygon[1:] + polygon[:1]
    area = abs(sum(p[0] * q[1] - p[1] * q[0] for p, q in zip(polygon, ends, strict=True))) / 2
    return area / (first[2] * first[3] + second[2] * second[3] - area)


@given(boxes, boxes)
@settings(max_examples=150, deadline=None)
def test_equals_polygon_clipping(first: tuple, second: tuple) -> None:
    a, b = (torch.tensor([box], dtype=torch.float64) for box in (first, second))
    expected = plain_iou(first, second)
    assert box_iou_rotated(a, b).item() == pytest.approx(expected, abs=1e-6)
    assert box_iou_rotated(b, a, aligned=True).item() == pytest.approx(expected, abs=1e-6)


def test_no_angle_is_an_upright_box() -> None:
    generator = torch.Generator().manual_seed(0)
    centres, size = (
        torch.rand(40, 2, generator=generator) * 9,
        torch.rand(40, 2, generator=generator) * 5,
    )
    upright = torch.cat([centres - size / 2, centres + size / 2], 1)
    rotated = torch.cat([centres, size, torch.zeros(40, 1)], 1)
    torch.testing.assert_close(
        box_iou_rotated(rotated, rotated), overlaps(upright[:, None], upright)
    )
    torch.testing.assert_close(
        box_iou_rotated(rotated, rotated, mode='iof'),
        overlaps(upright[:, None], upright, over_first=True),
    )


def test_a_box_and_itself_and_one_without_area() -> None:
    box = torch.tensor([[100.0, 200.0, 30.0, 40.0, 0.7]])
    assert box_iou_rotated(box, box).item() == pytest.approx(1)
    assert box_iou_rotated(box, box * torch.tensor([1.0, 1, 0, 1, 1])).item() == 0


def test_clockwise_turns_the_other_way() -> None:
    a, b = torch.tensor([[0.0, 0, 4, 1, 0.3]]), torch.tensor([[0.0, 0, 4, 1, -0.3]])
    flipped = torch.tensor([1.0, 1, 1, 1, -1])
    torch.testing.assert_close(
        box_iou_rotated(a, b + 0.1, clockwise=False),
        box_iou_rotated(a * flipped, (b + 0.1) * flipped),
    )


def test_nms_of_rotated_boxes_and_labels() -> None:
    dets = torch.tensor([[0.0, 0, 4, 4, 0.1], [0, 0, 4, 4, 0.2], [9, 9, 2, 2, 0]])
    scores = torch.tensor([0.5, 0.9, 0.1])
    _, kept = nms_rotated(dets, scores, 0.5)
    assert kept.tolist() == [1, 2]
    _, kept = nms_rotated(dets, scores, 0.5, labels=torch.tensor([0.0, 1, 0]))
    assert kept.tolist() == [1, 0, 2]
