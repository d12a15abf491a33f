from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmcv.ops import RoIAlign, roi_align
from torch import Tensor

from mmpatchioner.ops import windows

HEIGHT, WIDTH = 6, 9
coordinates = st.floats(-6, 24, allow_nan=False).map(lambda value: round(value, 3))
regions = st.lists(
    st.tuples(st.integers(0, 1), coordinates, coordinates, st.floats(0, 25), st.floats(0, 25)),
    max_size=5,
)


def maps(channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, channels, HEIGHT, WIDTH, generator=generator, dtype=torch.float64)


def rois_of(rows: list[tuple]) -> Tensor:
    table = torch.tensor(rows, dtype=torch.float64).reshape(-1, 5)
    return torch.cat([table[:, :3], table[:, 1:3] + table[:, 3:]], 1)


def bilinear(plane: list[list[float]], y: float, x: float) -> float:
    height, width = len(plane), len(plane[0])
    if y < -1 or y > height or x < -1 or x > width:
        return 0.0
    y, x = min(max(y, 0.0), height - 1.0), min(max(x, 0.0), width - 1.0)
    y0, x0 = int(y), int(x)
    y1, x1 = min(y0 + 1, height - 1), min(x0 + 1, width - 1)
    top = plane[y0][x0] * (1 - (x - x0)) + plane[y0][x1] * (x - x0)
    bottom = plane[y1][x0] * (1 - (x - x0)) + plane[y1][x1] * (x - x0)
    return top * (1 - (y - y0)) + bottom * (y - y0)


def bin_samples(
    plane: list[list[float]],
    box: list[float],
    size: tuple[int, int],
    scale: float,
    ratio: int,
    aligned: bool,
) -> Iterator[list[float]]:
    """The samples of every bin, row by row, as the paper describes them."""
    x1, y1, x2, y2 = (value * scale - (0.5 if aligned else 0.0) for value in box)
    extents = (y2 - y1, x2 - x1) if aligned else (max(y2 - y1, 1.0), max(x2 - x1, 1.0))
    bins = [extent / num for extent, num in zip(extents, size, strict=True)]
    counts = [ratio if ratio > 0 else math.ceil(extent) for extent in bins]
    for row in range(size[0]):
        for column in range(size[1]):
            yield [
                bilinear(
                    plane,
                    y1 + (row + (i + 0.5) / counts[0]) * bins[0],
                    x1 + (column + (j + 0.5) / counts[1]) * bins[1],
                )
                for i in range(counts[0])
                for j in range(counts[1])
            ]


def plain_roi_align(
    features: Tensor,
    rois: Tensor,
    size: tuple[int, int],
    scale: float,
    ratio: int,
    mode: str,
    aligned: bool,
) -> Tensor:
    output = features.new_zeros(len(rois), features.shape[1], *size)
    for index, (image, *box) in enumerate(rois.tolist()):
        for channel in range(features.shape[1]):
            plane = features[int(image), channel].tolist()
            values = [
                (max(samples) if mode == 'max' else sum(samples) / len(samples)) if samples else 0.0
                for samples in bin_samples(plane, box, size, scale, ratio, aligned)
            ]
            output[index, channel] = output.new_tensor(values).view(size)
    return output


@pytest.mark.parametrize('mode', ['avg', 'max'])
@pytest.mark.parametrize('ratio', [0, 2])
@pytest.mark.parametrize('aligned', [True, False])
@given(rows=regions, scale=st.sampled_from([1.0, 0.5]))
@settings(max_examples=12, deadline=None)
def test_equals_the_plain_loop(
    rows: list[tuple], scale: float, ratio: int, mode: str, aligned: bool
) -> None:
    rois = rois_of(rows)
    pooled = roi_align(maps(), rois, (2, 3), scale, ratio, mode, aligned)
    expected = plain_roi_align(maps(), rois, (2, 3), scale, ratio, mode, aligned)
    torch.testing.assert_close(pooled, expected, atol=1e-9, rtol=1e-9)


FIXED = rois_of([(0, 0.3, 0.8, 3.1, 2.2), (1, 2.2, 1.1, 4.7, 3.9), (1, -1.4, 3.3, 11.3, 5.7)])


@pytest.mark.parametrize('mode', ['avg', 'max'])
@pytest.mark.parametrize('ratio', [0, 2])
@pytest.mark.parametrize('aligned', [True, False])
def test_gradient_equals_finite_differences(ratio: int, mode: str, aligned: bool) -> None:
    features = maps(2).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda values: roi_align(values, FIXED, (2, 3), 0.7, ratio, mode, aligned),
        [features],
        fast_mode=True,
    )


@pytest.mark.parametrize('mode', ['avg', 'max'])
def test_memory_bound_changes_nothing(monkeypatch, mode: str) -> None:
    generator = torch.Generator().manual_seed(1)
    low = torch.rand(40, 2, generator=generator) * 8
    size = torch.rand(40, 2, generator=generator) * 6
    image = torch.randint(0, 2, (40, 1), generator=generator)
    rois = torch.cat([image, low, low + size], 1).double()
    whole = maps().requires_grad_()
    pooled = roi_align(whole, rois, 3, 1.0, 0, mode)
    pooled.square().sum().backward()
    monkeypatch.setattr(windows, 'BUDGET', 1)
    single = maps().requires_grad_()
    again = roi_align(single, rois, 3, 1.0, 0, mode)
    again.square().sum().backward()
    torch.testing.assert_close(again, pooled, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(single.grad, whole.grad, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize('mode', ['avg', 'max'])
def test_no_regions(mode: str) -> None:
    features = maps().requires_grad_()
    pooled = roi_align(features, torch.zeros(0, 5, dtype=torch.float64), 7, 1.0, 0, mode)
    pooled.sum().backward()
    assert pooled.shape == (0, 3, 7, 7)
    assert not features.grad.any()


@pytest.mark.parametrize('mode', ['avg', 'max'])
@pytest.mark.parametrize('ratio', [0, 2])
@pytest.mark.parametrize('aligned', [True, False])
def test_regions_that_are_no_boxes_give_finite_values(ratio: int, mode: str, aligned: bool) -> None:
    nan, inf = float('nan'), float('inf')
    rows = [[0, nan, nan, nan, nan], [0, 0, 0, inf, inf], [1, -inf, 2, 3, 4], [0, 0, 0, 1e9, 1e9]]
    features = maps().requires_grad_()
    pooled = roi_align(
        features, torch.tensor(rows, dtype=torch.float64), 2, 1.0, ratio, mode, aligned
    )
    pooled.sum().backward()
    assert pooled.isfinite().all()
    assert features.grad.isfinite().all()


def test_constant_map_gives_the_constant() -> None:
    pooled = RoIAlign(7, 0.25, 0)(
        torch.full((1, 4, 32, 32), 2.5), torch.tensor([[0, 9.0, 7, 77, 99]])
    )
    torch.testing.assert_close(pooled, torch.full((1, 4, 7, 7), 2.5))


def test_half_precision_is_summed_in_single() -> None:
    features = maps(2).half()
    pooled = roi_align(features, FIXED.half(), 2, 1.0, 0)
    expected = roi_align(features.double(), FIXED.half().double(), 2, 1.0, 0)
    assert pooled.dtype == torch.half
    torch.testing.assert_close(pooled, expected.half(), rtol=0, atol=1e-3)


def test_autocast_does_not_lower_the_precision() -> None:
    features, rois = maps().float(), FIXED.float()
    expected = roi_align(features, rois, 3)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert torch.equal(roi_align(features, rois, 3), expected)
