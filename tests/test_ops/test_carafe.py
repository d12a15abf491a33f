from __future__ import annotations

import itertools

import torch
from mmcv.ops import carafe, carafe_naive
from torch import Tensor

KERNEL, GROUPS, SCALE = 3, 2, 2


def inputs() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 4, 3, 4, generator=generator, dtype=torch.float64)
    masks = torch.randn(2, GROUPS * KERNEL**2, 6, 8, generator=generator, dtype=torch.float64)
    return features, masks


def plain_carafe(features: Tensor, masks: Tensor) -> Tensor:
    batch, channels, height, width = features.shape
    output = features.new_zeros(batch, channels, height * SCALE, width * SCALE)
    for n, c, y, x in itertools.product(*map(range, output.shape)):
        group = c // (channels // GROUPS)
        for i, j in itertools.product(range(KERNEL), repeat=2):
            row, column = y // SCALE + i - KERNEL // 2, x // SCALE + j - KERNEL // 2
            if 0 <= row < height and 0 <= column < width:
                factor = masks[n, group * KERNEL**2 + i * KERNEL + j, y, x]
                output[n, c, y, x] += factor * features[n, c, row, column]
    return output


def test_both_versions_equal_the_plain_loop() -> None:
    features, masks = inputs()
    expected = plain_carafe(features, masks)
    torch.testing.assert_close(carafe(features, masks, KERNEL, GROUPS, SCALE), expected)
    torch.testing.assert_close(carafe_naive(features, masks, KERNEL, GROUPS, SCALE), expected)


def test_gradients_equal_finite_differences(portable_extension) -> None:
    features, masks = (tensor.requires_grad_() for tensor in inputs())
    assert torch.autograd.gradcheck(
        lambda *tensors: carafe(*tensors, KERNEL, GROUPS, SCALE), [features, masks], fast_mode=True
    )
    # mmcv's wrapper of the naive version refuses a backward on CPU: compare the operators.
    output = carafe(features, masks, KERNEL, GROUPS, SCALE)
    gradient = torch.ones_like(output)
    expected = torch.autograd.grad(output, [features, masks], gradient)
    found = [torch.zeros_like(features), torch.zeros_like(masks)]
    with torch.no_grad():
        portable_extension.carafe_naive_backward(
            gradient, features, masks, *found, KERNEL, GROUPS, SCALE
        )
    for actual, wanted in zip(found, expected, strict=True):
        torch.testing.assert_close(actual, wanted)
