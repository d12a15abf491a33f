"""Multi-scale deformable attention (Zhu et al., Deformable DETR, 2021, equation 3)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from mmpatchioner.ops.gradients import vector_jacobian


def attend(
    value: Tensor, level_sizes: list[tuple[int, int]], locations: Tensor, weights: Tensor
) -> Tensor:
    """Weighted sum of bilinear samples of several feature maps; zero outside of a map.

    Args:
        value: Cells of all levels one after another, shape (B, sum of H * W, heads, D).
        level_sizes: Height and width of every level.
        locations: Where to sample, (x, y) in [0, 1] of a level, shape (B, Q, heads, levels, points,
            2).
        weights: Shape (B, Q, heads, levels, points).

    Returns:
        Shape (B, Q, heads * D).
    """
    batch, queries, heads = weights.shape[:3]
    dims = value.shape[3]
    # grid_sample takes one map per batch entry and coordinates in [-1, 1].
    maps = value.permute(0, 2, 3, 1).flatten(0, 1)  # (B * heads, D, cells)
    grids = (2 * locations - 1).transpose(1, 2).flatten(0, 1)  # (B * heads, Q, levels, points, 2)
    weights = weights.transpose(1, 2).flatten(0, 1)  # (B * heads, Q, levels, points)
    output = value.new_zeros(batch * heads, dims, queries)
    levels = maps.split([height * width for height, width in level_sizes], dim=2)
    for level, (cells, size) in enumerate(zip(levels, level_sizes, strict=True)):
        samples = F.grid_sample(cells.unflatten(2, size), grids[:, :, level], align_corners=False)
        output = output + (samples * weights[:, None, :, level]).sum(3)
    return output.view(batch, heads * dims, queries).transpose(1, 2).contiguous()


def ms_deform_attn_forward(
    value: Tensor,
    value_spatial_shapes: Tensor,
    value_level_start_index: Tensor,  # noqa: ARG001 (follows from the shapes)
    sampling_locations: Tensor,
    attention_weights: Tensor,
    im2col_step: int,  # noqa: ARG001 (a matter of the compiled kernel's memory)
) -> Tensor:
    """Attend, with mmcv's names of the arguments; see :func:`attend`.

    Args:
        value: Shape (B, cells, heads, D).
        value_spatial_shapes: Height and width of every level, shape (levels, 2).
        value_level_start_index: First cell of every level, shape (levels,).
        sampling_locations: Shape (B, Q, heads, levels, points, 2).
        attention_weights: Shape (B, Q, heads, levels, points).
        im2col_step: Images handled at a time.

    Returns:
        Shape (B, Q, heads * D).
    """
    return attend(value, _sizes(value_spatial_shapes), sampling_locations, attention_weights)


def ms_deform_attn_backward(
    value: Tensor,
    value_spatial_shapes: Tensor,
    value_level_start_index: Tensor,  # noqa: ARG001
    sampling_locations: Tensor,
    attention_weights: Tensor,
    grad_output: Tensor,
    grad_value: Tensor,
    grad_sampling_loc: Tensor,
    grad_attn_weight: Tensor,
    im2col_step: int,  # noqa: ARG001
) -> None:
    """Fill the three gradients; arguments as in :func:`ms_deform_attn_forward`."""
    sizes = _sizes(value_spatial_shapes)
    gradients = vector_jacobian(
        lambda values, locations, weights: attend(values, sizes, locations, weights),
        [value, sampling_locations, attention_weights],
        grad_output,
    )
    outputs = (grad_value, grad_sampling_loc, grad_attn_weight)
    for output, gradient in zip(outputs, gradients, strict=True):
        output.copy_(gradient)


def _sizes(value_spatial_shapes: Tensor) -> list[tuple[int, int]]:
    return [(height, width) for height, width in value_spatial_shapes.tolist()]
