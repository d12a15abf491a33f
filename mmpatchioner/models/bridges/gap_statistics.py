"""How images lie from their texts: what noise that imitates the gap is drawn with."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from mmpatchioner.checkpoints import CheckpointError, save_safetensors
from mmpatchioner.checkpoints.loading import load_metadata, load_state_dict, resolve_file

_FORMAT = 'mmpatchioner.gap'
_HOW_TO_MAKE = 'Make one with tools/analysis_tools/modality_gap.py --encoder.'


@dataclass(frozen=True, eq=False)
class GapStatistics:
    """Mean and covariance of the differences between unit vectors of images and of their texts.

    Attributes:
        mean: (D,) fp32, what brings a text to where images are on average.
        covariance: (D, D) fp32.
        space: Name of the vector space, '' if unknown.
    """

    mean: Tensor
    covariance: Tensor
    space: str = ''

    @classmethod
    def from_pairs(cls, images: Tensor, texts: Tensor, space: str = '') -> GapStatistics:
        """Measure pairs.

        Args:
            images: (P, D) vectors of any length but zero, at least two.
            texts: (P, D), the text of each.
            space: Name of the vector space.

        Raises:
            ValueError: if the shapes differ or there are too few pairs.

        Example:
            >>> images, texts = torch.tensor([[0.0, 2.0], [0.0, 3.0]]), torch.tensor([[5.0, 0.0], [1.0, 0.0]])
            >>> GapStatistics.from_pairs(images, texts).mean
            tensor([-1.,  1.])
        """
        if images.shape != texts.shape or images.ndim != 2 or len(images) < 2:
            raise ValueError(
                f'images and texts: expected two or more pairs of one width, got {tuple(images.shape)} and '
                f'{tuple(texts.shape)}.'
            )
        differences = F.normalize(images.double(), dim=1) - F.normalize(texts.double(), dim=1)
        return cls(differences.mean(dim=0).float(), differences.T.cov().float(), space)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a safetensors file."""
        metadata = {'format': _FORMAT, 'space': self.space}
        save_safetensors({'mean': self.mean, 'covariance': self.covariance}, path, metadata)


def load_gap_statistics(path: str | os.PathLike[str]) -> GapStatistics:
    """Read a file of :meth:`GapStatistics.save`.

    Raises:
        CheckpointError: if the file is missing, another one, or its tensors have shapes that do not fit.
    """
    file = resolve_file(path)
    tensors = load_state_dict(file)
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    width = tensors['mean'].numel() if 'mean' in tensors else 0
    if shapes != {'mean': (width,), 'covariance': (width, width)}:
        raise CheckpointError(
            f'{path}: expected the tensors mean (D,) and covariance (D, D) of a modality gap, got {shapes}. '
            f'{_HOW_TO_MAKE}'
        )
    if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
        raise CheckpointError(f'{path}: the statistics are not finite. {_HOW_TO_MAKE}')
    return GapStatistics(
        tensors['mean'].float(),
        tensors['covariance'].float(),
        load_metadata(file).get('space', ''),
    )
