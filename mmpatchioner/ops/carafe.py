"""CARAFE upsampling (Wang et al., 2019, equation 2).

Every output cell is a weighted sum of the cells around its source, with weights of its own.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mmpatchioner.ops.gradients import vector_jacobian


def reassemble(
    features: Tensor, masks: Tensor, kernel_size: int, group_size: int, scale_factor: int
) -> Tensor:
    """Upsample feature maps with a kernel of its own for every output cell.

    Args:
        features: Shape (N, C, H, W).
        masks: Kernels, shape (N, group_size * kernel_size^2, H * scale_factor, W * scale_factor).
        kernel_size: Odd.
        group_size: Groups of channels that share a kernel.
        scale_factor: Whole number.

    Returns:
        Shape (N, C, H * scale_factor, W * scale_factor).
    """
    batch, channels, height, width = features.shape
    taps = kernel_size * kernel_size
    around = F.unfold(features, kernel_size, padding=kernel_size // 2)
    around = around.view(batch, group_size, channels // group_size, taps, height, width)
    kernels = masks.view(batch, group_size, taps, height, scale_factor, width, scale_factor)
    output = torch.einsum('ngckhw,ngkhiwj->ngchiwj', around, kernels)
    return output.reshape(batch, channels, height * scale_factor, width * scale_factor)


def carafe_naive_forward(
    features: Tensor,
    masks: Tensor,
    output: Tensor,
    kernel_size: int,
    group_size: int,
    scale_factor: int,
) -> None:
    """Fill ``output``; see :func:`reassemble`."""
    output.copy_(reassemble(features, masks, kernel_size, group_size, scale_factor))


def carafe_naive_backward(
    top_grad: Tensor,
    features: Tensor,
    masks: Tensor,
    bottom_grad: Tensor,
    mask_grad: Tensor,
    kernel_size: int,
    group_size: int,
    scale_factor: int,
) -> None:
    """Fill the gradients of the features (``bottom_grad``) and of the kernels (``mask_grad``)."""
    of_features, of_masks = vector_jacobian(
        lambda maps, kernels: reassemble(maps, kernels, kernel_size, group_size, scale_factor),
        [features, masks],
        top_grad,
    )
    bottom_grad.copy_(of_features)
    mask_grad.copy_(of_masks)


def carafe_forward(
    features: Tensor,
    masks: Tensor,
    rfeatures: Tensor,
    routput: Tensor,  # noqa: ARG001 (scratch space of the compiled kernel)
    rmasks: Tensor,  # noqa: ARG001
    output: Tensor,
    kernel_size: int,
    group_size: int,
    scale_factor: int,
) -> None:
    """Fill ``output``, and ``rfeatures``, which the backward is given for the features."""
    rfeatures.copy_(features)
    carafe_naive_forward(features, masks, output, kernel_size, group_size, scale_factor)


def carafe_backward(
    top_grad: Tensor,
    rfeatures: Tensor,
    masks: Tensor,
    rtop_grad: Tensor,  # noqa: ARG001
    rbottom_grad_hs: Tensor,  # noqa: ARG001
    rbottom_grad: Tensor,  # noqa: ARG001
    rmask_grad: Tensor,  # noqa: ARG001
    bottom_grad: Tensor,
    mask_grad: Tensor,
    kernel_size: int,
    group_size: int,
    scale_factor: int,
) -> None:
    """Fill the gradients as :func:`carafe_naive_backward` does."""
    carafe_naive_backward(
        top_grad, rfeatures, masks, bottom_grad, mask_grad, kernel_size, group_size, scale_factor
    )
