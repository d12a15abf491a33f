"""Published decoders of ViECap, and of MeaCap and CapDec, which have its network, as weights of ``ViECapDecoder``."""

from __future__ import annotations

import os

from mmpatchioner.checkpoints.conversion import Converted
from mmpatchioner.checkpoints.prompt_networks import (
    MappingTransformer,
    convert_prompted,
    language_model_arguments,
    mapper_arguments,
)

_TARGET = 'soft_prompt.'
_NAMES = ('mapping_network.', 'clip_project.')  # CapDec calls it as ClipCap does


def convert_viecap(
    path: str | os.PathLike[str],
    num_layers: int = 12,
    mapper_layers: int = 8,
    prefix_dims: int | None = None,
) -> Converted:
    """Convert a published decoder.

    Args:
        path: The ``.pt`` file, read as tensors alone; a ``module.`` before every name is removed.
        num_layers: Blocks of GPT-2.
        mapper_layers: Blocks of the network that makes the soft prompt.
        prefix_dims: Width of the vectors that it must read; None takes any.

    Returns:
        Weights of :class:`mmpatchioner.models.decoders.ViECapDecoder`.

    Raises:
        CheckpointError: if the file cannot be read safely, a tensor is missing, unknown or of another shape, or the
            prefix is of another width.
    """
    networks = [MappingTransformer(name, _TARGET, mapper_layers) for name in _NAMES]
    return convert_prompted(path, networks, num_layers, prefix_dims)


def viecap_arguments(converted: Converted) -> dict[str, object]:
    """Arguments of ``ViECapDecoder`` that the sizes of converted weights call for; heads leave no trace in them."""
    return {
        'prefix_dims': converted.tensors['soft_prompt.linear.weight'].shape[1],
        **language_model_arguments(converted.tensors),
        'soft_prompt': mapper_arguments(converted.tensors, _TARGET),
    }
