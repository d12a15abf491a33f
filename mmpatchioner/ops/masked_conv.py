"""The two halves of a convolution at some positions only (guided anchoring uses it)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def masked_im2col_forward(
    im: Tensor,
    mask_h_idx: Tensor,
    mask_w_idx: Tensor,
    col: Tensor,
    kernel_h: int,
    kernel_w: int,
    pad_h: int,
    pad_w: int,
) -> None:
    """Fill ``col`` with the cells under the kernel at the given positions.

    Args:
        im: One feature map, shape (1, C, H, W).
        mask_h_idx: Rows of the positions, shape (K,).
        mask_w_idx: Columns of the positions, shape (K,).
        col: Output, shape (C * kernel_h * kernel_w, K).
        kernel_h: Height of the kernel.
        kernel_w: Width of the kernel.
        pad_h: Rows of zeros added above and below.
        pad_w: Columns of zeros added on both sides.
    """
    # A position whose kernel reaches past the padding sees zeros there, too.
    padded = F.pad(im[0], (pad_w, pad_w + kernel_w, pad_h, pad_h + kernel_h))
    rows = mask_h_idx + torch.arange(kernel_h, device=im.device)[:, None]
    columns = mask_w_idx + torch.arange(kernel_w, device=im.device)[:, None]
    # (C, kernel_h, kernel_w, K)
    col.copy_(padded[:, rows[:, None], columns[None]].flatten(0, 2))


def masked_col2im_forward(
    col: Tensor,
    mask_h_idx: Tensor,
    mask_w_idx: Tensor,
    im: Tensor,
    height: int,  # noqa: ARG001 (the size of im)
    width: int,  # noqa: ARG001
    channels: int,  # noqa: ARG001
) -> None:
    """Write the columns (C, K) to their positions in ``im`` (1, C, H, W); the other cells stay."""
    im[0, :, mask_h_idx, mask_w_idx] = col
