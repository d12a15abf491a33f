"""What necks check of their options and inputs."""

from __future__ import annotations

import torch
from torch import Tensor

AUTOCAST = {'bf16': torch.bfloat16, 'fp16': torch.float16}


def check_autocast(autocast: str | None) -> None:
    """Refuse an unknown type of arithmetic.

    Raises:
        ValueError: if it is neither None nor one of ``AUTOCAST``.
    """
    if autocast is not None and autocast not in AUTOCAST:
        raise ValueError(
            f'neck.autocast: expected one of {sorted(AUTOCAST)} or None, got {autocast!r}.'
        )


def is_official(compat: str | None) -> bool:
    """Whether a neck shall follow the released code where it is at fault.

    Raises:
        ValueError: if ``compat`` is none of None, ``'paper'`` and ``'official'``.
    """
    if compat not in (None, 'paper', 'official'):
        raise ValueError(f"neck.compat: expected None, 'paper' or 'official', got {compat!r}.")
    return compat == 'official'


def check_patch_inputs(patch_inputs: Tensor, patch_size: int) -> tuple[int, int]:
    """Rows and columns of the patch grid of a batch (B, 3, h, w).

    Raises:
        ValueError: if the batch is of another shape, or its images are not made of whole patches.
    """
    if patch_inputs.ndim != 4 or patch_inputs.shape[1] != 3:
        raise ValueError(f'patch_inputs: expected (B, 3, h, w), got {tuple(patch_inputs.shape)}.')
    height, width = patch_inputs.shape[-2:]
    if height % patch_size or width % patch_size or not height or not width:
        raise ValueError(
            f'patch_inputs: expected height and width in multiples of the patch size {patch_size}, '
            f'got {height} x {width}; set `size` of AddPatchView accordingly.'
        )
    return height // patch_size, width // patch_size
