from __future__ import annotations

import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmcv.ops import roi_pool
from torch import Tensor

HEIGHT, WIDTH = 6, 9
# Quarters: the edges of bins are exact, so that rounding cannot move one across a cell.
coordinates = st.integers(-20, 60).map(lambda value: value / 4)
regions = st.lists(st.tuples(st.integers(0, 1), *[coordinates] * 4), max_size=6)


def maps() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 3, HEIGHT, WIDTH, generator=generator, dtype=torch.float64)


def plain_roi_pool(features: Tensor, rois: Tensor, size: tuple[int, int], scale: float) -> Tensor:
    output = features.new_zeros(len(rois), features.shape[1], *size)
    for index, (image, x1, y1, x2, y2) in enumerate(rois.tolist()):
        low, high = (y1 * scale, x1 * scale), ((y2 + 1) * scale, (x2 + 1) * scale)
        extent = [end - start for start, end in zip(low, high, strict=True)]
        if min(extent) <= 0:
            continue
        for row in range(size[0]):
            for column in range(size[1]):
                (top, bottom), (left, right) = (
                    (
                        min(max(math.floor(start + cell * length / num), 0), limit),
                        min(max(math.ceil(start + (cell + 1) * length / num), 0), limit),
                    )
                    for cell, start, length, num, limit in zip(
                        (row, column), low, extent, size, (HEIGHT, WIDTH), strict=True
                    )
                )
                cells = features[int(image), :, top:bottom, left:right]
                if cells.numel():
                    output[index, :, row, column] = cells.amax((1, 2))
    return output


@given(regions, st.sampled_from([1.0, 0.5]))
@settings(max_examples=60, deadline=None)
def test_equals_the_plain_loop(rows: list[tuple], scale: float) -> None:
    rois = torch.tensor(rows, dtype=torch.float64).reshape(-1, 5)
    pooled = roi_pool(maps(), rois, (2, 4), scale)
    assert torch.equal(pooled, plain_roi_pool(maps(), rois, (2, 4), scale))


def test_gradient_equals_finite_differences() -> None:
    rois = torch.tensor([[0, 0, 0, 3, 2], [1, 2, 1, 8, 5], [1, 30, 30, 40, 40], [0, 5, 5, 1, 1]])
    assert torch.autograd.gradcheck(
        lambda values: roi_pool(values, rois.double(), (2, 3), 1.0), [maps().requires_grad_()]
    )


def test_no_regions_and_boxes_that_are_not_numbers() -> None:
    assert roi_pool(maps(), torch.zeros(0, 5).double(), 2, 1.0).shape == (0, 3, 2, 2)
    broken = torch.tensor([[0, float('nan'), 0, 3, 3], [0, 0, 0, float('inf'), 3]]).double()
    assert roi_pool(maps(), broken, 2, 1.0).isfinite().all()
