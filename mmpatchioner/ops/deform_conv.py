"""Deformable convolution, plain (Dai et al., 2017) and modulated (Zhu et al., 2019)."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from mmpatchioner.ops.gradients import vector_jacobian


class Geometry(NamedTuple):
    """Where a kernel stands; pairs are (along y, along x)."""

    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int
    deform_groups: int


def deformable_conv2d(
    input: Tensor, offset: Tensor, weight: Tensor, mask: Tensor | None, geometry: Geometry
) -> Tensor:
    """Convolve with a kernel whose taps are displaced; outside of its border the input is zero.

    Args:
        input: Shape (N, C, H, W).
        offset: Displacement of every tap, in cells, shape (N, deform_groups * kh * kw * 2, H', W');
            (dy, dx) one after the other.
        weight: Shape (C', C / groups, kh, kw).
        mask: Factor of every tap, shape (N, deform_groups * kh * kw, H', W'), or None for 1.
        geometry: Stride, padding, dilation, groups of channels and of offsets.

    Returns:
        Shape (N, C', H', W').
    """
    batch, channels, height, width = input.shape
    kernel = weight.shape[2], weight.shape[3]
    size = offset.shape[2], offset.shape[3]
    taps, positions = kernel[0] * kernel[1], size[0] * size[1]
    parts = batch * geometry.deform_groups
    # In at least fp32: a coordinate in half precision is off by whole cells.
    dtype = torch.promote_types(offset.dtype, torch.float32)
    displaced = offset.to(dtype).reshape(parts, taps, 2, *size)
    y, x = _tap_positions(kernel, size, geometry, displaced)
    y, x = displaced[:, :, 0] + y, displaced[:, :, 1] + x
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], -1)
    maps = input.reshape(parts, channels // geometry.deform_groups, height, width)
    samples = F.grid_sample(maps.to(dtype), grid.flatten(1, 2), align_corners=False)
    columns = samples.view(parts, -1, taps, positions)
    if mask is not None:
        columns = columns * mask.reshape(parts, 1, taps, positions)
    columns = columns.reshape(batch, geometry.groups, -1, positions).to(input.dtype)
    kernels = weight.reshape(geometry.groups, weight.shape[0] // geometry.groups, -1)
    return torch.matmul(kernels, columns).reshape(batch, weight.shape[0], *size)


def deform_conv_forward(
    input: Tensor,
    weight: Tensor,
    offset: Tensor,
    output: Tensor,
    columns: Tensor,  # noqa: ARG001 (scratch space of the compiled kernel)
    ones: Tensor,  # noqa: ARG001
    **geometry: int,
) -> None:
    """Fill ``output``; shapes as in :func:`deformable_conv2d`."""
    numbers = _geometry_v1(**geometry)
    for part in _images(len(input)):
        output[part] = deformable_conv2d(input[part], offset[part], weight, None, numbers)


def deform_conv_backward_input(
    input: Tensor,
    offset: Tensor,
    grad_output: Tensor,
    grad_input: Tensor,
    grad_offset: Tensor,
    weight: Tensor,
    columns: Tensor,  # noqa: ARG001
    **geometry: int,
) -> None:
    """Fill the gradients of the input and of the offsets."""
    numbers = _geometry_v1(**geometry)
    for part in _images(len(input)):
        grad_input[part], grad_offset[part] = vector_jacobian(
            lambda maps, shifts: deformable_conv2d(maps, shifts, weight, None, numbers),
            [input[part], offset[part]],
            grad_output[part],
        )


def deform_conv_backward_parameters(
    input: Tensor,
    offset: Tensor,
    grad_output: Tensor,
    grad_weight: Tensor,
    columns: Tensor,  # noqa: ARG001
    ones: Tensor,  # noqa: ARG001
    scale: float,
    **geometry: int,
) -> None:
    """Add ``scale`` times the gradient of the weight to ``grad_weight``."""
    numbers = _geometry_v1(**geometry)
    for part in _images(len(input)):
        maps, shifts = input[part], offset[part]
        (gradient,) = vector_jacobian(
            lambda kernels, maps=maps, shifts=shifts: deformable_conv2d(
                maps, shifts, kernels, None, numbers
            ),
            [grad_weight],
            grad_output[part],
        )
        grad_weight.add_(gradient, alpha=scale)


def modulated_deform_conv_forward(
    input: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,  # noqa: ARG001
    offset: Tensor,
    mask: Tensor,
    output: Tensor,
    columns: Tensor,  # noqa: ARG001
    with_bias: bool,
    **geometry: int,
) -> None:
    """Fill ``output``; shapes as in :func:`deformable_conv2d`."""
    numbers = _geometry_v2(**geometry)
    for part in _images(len(input)):
        output[part] = deformable_conv2d(input[part], offset[part], weight, mask[part], numbers)
    if with_bias:
        output.add_(bias[:, None, None])


def modulated_deform_conv_backward(
    input: Tensor,
    weight: Tensor,
    bias: Tensor,  # noqa: ARG001
    ones: Tensor,  # noqa: ARG001
    offset: Tensor,
    mask: Tensor,
    columns: Tensor,  # noqa: ARG001
    grad_input: Tensor,
    grad_weight: Tensor,
    grad_bias: Tensor,
    grad_offset: Tensor,
    grad_mask: Tensor,
    grad_output: Tensor,
    with_bias: bool,
    **geometry: int,
) -> None:
    """Fill the gradients of input, offset and mask, and add those of weight and bias."""
    numbers = _geometry_v2(**geometry)
    for part in _images(len(input)):
        grad_input[part], grad_offset[part], grad_mask[part], of_weight = vector_jacobian(
            lambda maps, shifts, factors, kernels: deformable_conv2d(
                maps, shifts, kernels, factors, numbers
            ),
            [input[part], offset[part], mask[part], weight],
            grad_output[part],
        )
        grad_weight.add_(of_weight)
    if with_bias:
        grad_bias.add_(grad_output.sum((0, 2, 3)))


def _geometry_v1(
    *,
    kW: int,  # noqa: ARG001, N803 (mmcv's names; the kernel's size is that of the weight)
    kH: int,  # noqa: ARG001, N803
    dW: int,  # noqa: N803
    dH: int,  # noqa: N803
    padW: int,  # noqa: N803
    padH: int,  # noqa: N803
    dilationW: int,  # noqa: N803
    dilationH: int,  # noqa: N803
    group: int,
    deformable_group: int,
    im2col_step: int,  # noqa: ARG001
) -> Geometry:
    return Geometry((dH, dW), (padH, padW), (dilationH, dilationW), group, deformable_group)


def _geometry_v2(
    *,
    kernel_h: int,  # noqa: ARG001
    kernel_w: int,  # noqa: ARG001
    stride_h: int,
    stride_w: int,
    pad_h: int,
    pad_w: int,
    dilation_h: int,
    dilation_w: int,
    group: int,
    deformable_group: int,
) -> Geometry:
    return Geometry(
        (stride_h, stride_w), (pad_h, pad_w), (dilation_h, dilation_w), group, deformable_group
    )


def _tap_positions(
    kernel: tuple[int, int], size: tuple[int, int], geometry: Geometry, like: Tensor
) -> tuple[Tensor, Tensor]:
    """Undisplaced y and x of every tap, shapes (taps, H', 1) and (taps, 1, W'), of a type."""
    positions = []
    for axis in (0, 1):
        starts = torch.arange(size[axis]).to(like) * geometry.stride[axis] - geometry.padding[axis]
        taps = torch.arange(kernel[axis]).to(like) * geometry.dilation[axis]
        positions.append(taps[:, None] + starts)
    y = positions[0].repeat_interleave(kernel[1], 0)
    x = positions[1].repeat(kernel[0], 1)
    return y[:, :, None], x[:, None, :]


def _images(batch: int) -> list[slice]:
    """One image at a time: the sampled columns are as large as kh * kw inputs."""
    return [slice(index, index + 1) for index in range(batch)]
