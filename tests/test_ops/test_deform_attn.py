from __future__ import annotations

import math

import torch
from mmcv.ops.multi_scale_deform_attn import (
    MultiScaleDeformableAttnFunction,
    multi_scale_deformable_attn_pytorch,
)
from torch import Tensor

SIZES = [(3, 4), (2, 2), (1, 5)]


def inputs() -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = torch.tensor(SIZES)
    cells = shapes.prod(1)
    value = torch.randn(2, int(cells.sum()), 3, 2, generator=generator, dtype=torch.float64)
    # A few samples fall beyond the border.
    locations = torch.rand(2, 4, 3, 3, 2, 2, generator=generator, dtype=torch.float64) * 1.6 - 0.3
    weights = torch.rand(2, 4, 3, 3, 2, generator=generator, dtype=torch.float64)
    return value, shapes, cells.cumsum(0) - cells, locations, weights


def sample(cells: list[float], size: tuple[int, int], y: float, x: float) -> float:
    total = 0.0
    for row in (math.floor(y), math.floor(y) + 1):
        for column in (math.floor(x), math.floor(x) + 1):
            if 0 <= row < size[0] and 0 <= column < size[1]:
                share = (1 - abs(y - row)) * (1 - abs(x - column))
                total += share * cells[row * size[1] + column]
    return total


def plain_attention(value: Tensor, starts: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
    batch, queries, heads, levels, points = weights.shape
    output = torch.zeros(batch, queries, heads, value.shape[3], dtype=value.dtype)
    for b, q, h, level, p in torch.cartesian_prod(
        *[torch.arange(n) for n in (batch, queries, heads, levels, points)]
    ).tolist():
        height, width = SIZES[level]
        x, y = locations[b, q, h, level, p].tolist()
        start = int(starts[level])
        for d in range(value.shape[3]):
            cells = value[b, start : start + height * width, h, d].tolist()
            sampled = sample(cells, (height, width), y * height - 0.5, x * width - 0.5)
            output[b, q, h, d] += weights[b, q, h, level, p] * sampled
    return output.flatten(2)


def test_equals_the_plain_loop_and_mmcvs_own_fallback() -> None:
    value, shapes, starts, locations, weights = inputs()
    output = MultiScaleDeformableAttnFunction.apply(value, shapes, starts, locations, weights, 64)
    torch.testing.assert_close(output, plain_attention(value, starts, locations, weights))
    torch.testing.assert_close(
        output, multi_scale_deformable_attn_pytorch(value, shapes, locations, weights)
    )


def test_gradients_equal_finite_differences() -> None:
    value, shapes, starts, locations, weights = inputs()
    leaves = [tensor.requires_grad_() for tensor in (value, locations, weights)]
    assert torch.autograd.gradcheck(
        lambda v, at, w: MultiScaleDeformableAttnFunction.apply(v, shapes, starts, at, w, 64),
        leaves,
        fast_mode=True,
    )
