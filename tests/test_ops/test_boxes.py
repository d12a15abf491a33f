from __future__ import annotations

import pytest
import torch
from mmcv.ops import bbox_overlaps


def plain_overlap(a: list[float], b: list[float], offset: int, mode: str) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]) + offset)
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]) + offset)
    area_a = (a[2] - a[0] + offset) * (a[3] - a[1] + offset)
    area_b = (b[2] - b[0] + offset) * (b[3] - b[1] + offset)
    base = area_a if mode == 'iof' else area_a + area_b - width * height
    return width * height / base if base else 0.0


@pytest.mark.parametrize('mode', ['iou', 'iof'])
@pytest.mark.parametrize('offset', [0, 1])
def test_every_pair_equals_the_plain_formula(mode: str, offset: int) -> None:
    corners = torch.randint(0, 6, (12, 2, 2), generator=torch.Generator().manual_seed(0)).float()
    boxes = torch.cat([corners.amin(1), corners.amax(1)], 1)
    first, second = boxes[:5], boxes[5:]
    expected = [
        [plain_overlap(a, b, offset, mode) for b in second.tolist()] for a in first.tolist()
    ]
    torch.testing.assert_close(
        bbox_overlaps(first, second, mode, offset=offset), torch.tensor(expected)
    )
    torch.testing.assert_close(
        bbox_overlaps(first, second[:5], mode, aligned=True, offset=offset),
        torch.tensor(expected)[:, :5].diagonal(),
    )


def test_boxes_without_area_overlap_nothing() -> None:
    point = torch.tensor([[3.0, 3.0, 3.0, 3.0]])
    assert bbox_overlaps(point, point).item() == 0.0
