from __future__ import annotations

import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from mmcv.ops import (
    DeformConv2dPack,
    ModulatedDeformConv2dPack,
    deform_conv2d,
    modulated_deform_conv2d,
)
from torch import Tensor

STRIDE, PADDING, DILATION, GROUPS, DEFORM_GROUPS = (2, 1), (1, 2), (1, 2), 2, 2
KERNEL = (2, 3)


def inputs() -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Input, offsets, factors, weight and bias; many taps reach beyond the border."""
    generator = torch.Generator().manual_seed(0)

    def randn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    taps = DEFORM_GROUPS * KERNEL[0] * KERNEL[1]
    size = (3, 4)  # of the output of a (4, 4) input
    offset = 2 * randn(2, 2 * taps, *size)
    return randn(2, 4, 4, 4), offset, randn(2, taps, *size), randn(6, 2, *KERNEL), randn(6)


def sample(plane: Tensor, y: float, x: float) -> float:
    total = 0.0
    for row, column in itertools.product(
        (math.floor(y), math.floor(y) + 1), (math.floor(x), math.floor(x) + 1)
    ):
        if 0 <= row < plane.shape[0] and 0 <= column < plane.shape[1]:
            share = (1 - abs(y - row)) * (1 - abs(x - column))
            total += share * plane[row, column].item()
    return total


def plain_convolution(image: Tensor, offset: Tensor, weight: Tensor, mask: Tensor) -> Tensor:
    taps = KERNEL[0] * KERNEL[1]
    output = image.new_zeros(len(image), len(weight), *offset.shape[2:])
    for n, out, row, column in itertools.product(*map(range, output.shape)):
        for c, i, j in itertools.product(
            range(weight.shape[1]), range(KERNEL[0]), range(KERNEL[1])
        ):
            channel = out // (len(weight) // GROUPS) * weight.shape[1] + c
            tap = channel // (image.shape[1] // DEFORM_GROUPS) * taps + i * KERNEL[1] + j
            dy, dx = offset[n, 2 * tap : 2 * tap + 2, row, column].tolist()
            y = row * STRIDE[0] - PADDING[0] + i * DILATION[0] + dy
            x = column * STRIDE[1] - PADDING[1] + j * DILATION[1] + dx
            factor = weight[out, c, i, j] * mask[n, tap, row, column]
            output[n, out, row, column] += factor * sample(image[n, channel], y, x)
    return output


def test_plain_version_equals_the_loop() -> None:
    image, offset, mask, weight, _ = inputs()
    output = deform_conv2d(image, offset, weight, STRIDE, PADDING, DILATION, GROUPS, DEFORM_GROUPS)
    torch.testing.assert_close(
        output, plain_convolution(image, offset, weight, torch.ones_like(mask))
    )


def test_modulated_version_equals_the_loop() -> None:
    image, offset, mask, weight, bias = inputs()
    output = modulated_deform_conv2d(
        image, offset, mask, weight, bias, STRIDE, PADDING, DILATION, GROUPS, DEFORM_GROUPS
    )
    expected = plain_convolution(image, offset, weight, mask) + bias[:, None, None]
    torch.testing.assert_close(output, expected)


def test_plain_gradients_equal_finite_differences() -> None:
    image, offset, _, weight, _ = inputs()
    assert torch.autograd.gradcheck(
        lambda *tensors: deform_conv2d(*tensors, STRIDE, PADDING, DILATION, GROUPS, DEFORM_GROUPS),
        [tensor.requires_grad_() for tensor in (image, offset, weight)],
        fast_mode=True,
    )


@pytest.mark.parametrize('with_bias', [True, False])
def test_modulated_gradients_equal_finite_differences(with_bias: bool) -> None:
    tensors = [tensor.requires_grad_() for tensor in inputs()][: 5 if with_bias else 4]

    def convolve(*leaves: Tensor) -> Tensor:
        image, offset, mask, weight = leaves[:4]
        bias = leaves[4] if with_bias else None
        return modulated_deform_conv2d(
            image, offset, mask, weight, bias, STRIDE, PADDING, DILATION, GROUPS, DEFORM_GROUPS
        )

    assert torch.autograd.gradcheck(convolve, tensors, fast_mode=True)


@pytest.mark.parametrize('packed', [DeformConv2dPack, ModulatedDeformConv2dPack])
def test_without_displacement_it_is_a_convolution(packed: type) -> None:
    torch.manual_seed(0)
    layer = packed(4, 6, 3, padding=1, bias=False)
    image = torch.randn(3, 4, 7, 5)
    # The modulated layer starts with factors of one half.
    factor = 0.5 if packed is ModulatedDeformConv2dPack else 1.0
    torch.testing.assert_close(
        layer(image), factor * F.conv2d(image, layer.weight, padding=1), rtol=1e-4, atol=1e-5
    )
