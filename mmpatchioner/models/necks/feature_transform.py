"""A linear map of patch features into a space aligned with text."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmpatchioner.checkpoints.loading import load_space, load_state_dict


class FeatureTransform(nn.Module):
    """``v -> (v - mean) @ whiten``: centring and whitening as buffers.

    Spaces that are aligned by this project's own training (``AlignmentTrainer``) are whitened first, which removes
    the few directions that all patches share.

    Args:
        checkpoint: safetensors file with ``mean`` (D,) and ``whiten`` (D, D').

    Attributes:
        space: Name of the space that it maps to, if the file tells.

    Raises:
        ValueError: if the file does not hold these two tensors in matching shapes.
    """

    mean: Tensor
    whiten: Tensor

    def __init__(self, checkpoint: str) -> None:
        super().__init__()
        state = load_state_dict(checkpoint)
        missing = {'mean', 'whiten'} - state.keys()
        if missing:
            raise ValueError(
                f'feature_transform {checkpoint}: expected the tensors `mean` (D,) and `whiten` (D, D), '
                f'got {sorted(state)}.'
            )
        mean, whiten = state['mean'].float(), state['whiten'].float()
        if mean.ndim != 1 or whiten.ndim != 2 or whiten.shape[0] != mean.shape[0]:
            raise ValueError(
                f'feature_transform {checkpoint}: expected `mean` (D,) and `whiten` (D, D), '
                f'got {tuple(mean.shape)} and {tuple(whiten.shape)}.'
            )
        self.space = load_space(checkpoint)
        self.register_buffer('mean', mean, persistent=False)
        self.register_buffer('whiten', whiten, persistent=False)

    @property
    def in_dims(self) -> int:
        """Width of the features that it takes."""
        return self.whiten.shape[0]

    @property
    def out_dims(self) -> int:
        """Width of the features that it gives."""
        return self.whiten.shape[1]

    def forward(self, tokens: Tensor) -> Tensor:
        """Transform tokens (..., D) to (..., D')."""
        return torch.matmul(tokens - self.mean, self.whiten)
