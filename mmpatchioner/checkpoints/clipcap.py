"""Published ClipCap decoders as weights of ``ClipCapDecoder``."""

from __future__ import annotations

import os

from mmpatchioner.checkpoints.conversion import Converted
from mmpatchioner.checkpoints.prompt_networks import (
    MappingTransformer,
    TwoLayers,
    convert_prompted,
    language_model_arguments,
    mapper_arguments,
)

_TARGET = 'prefix.'


def convert_clipcap(
    path: str | os.PathLike[str],
    num_layers: int = 12,
    mapper_layers: int = 8,
    prefix_dims: int | None = None,
) -> Converted:
    """Convert a published decoder, whether two layers or a transformer make its prefix.

    Args:
        path: The ``.pt`` file, read as tensors alone; a ``module.`` before every name is removed.
        num_layers: Blocks of GPT-2.
        mapper_layers: Blocks of the transformer that makes the prefix, where it is one.
        prefix_dims: Width of the vectors that it must read; None takes any.

    Returns:
        Weights of :class:`mmpatchioner.models.decoders.ClipCapDecoder`.

    Raises:
        CheckpointError: if the file cannot be read safely, a tensor is missing, unknown or of another shape, or the
            prefix is of another width.
    """
    networks = [
        TwoLayers('clip_project.model.', _TARGET),
        MappingTransformer('clip_project.', _TARGET, mapper_layers),
    ]
    return convert_prompted(path, networks, num_layers, prefix_dims)


def clipcap_arguments(converted: Converted) -> dict[str, object]:
    """Arguments of ``ClipCapDecoder`` that the sizes of converted weights call for; heads leave no trace in them."""
    tensors = converted.tensors
    language_model = language_model_arguments(tensors)
    if 'prefix.prefix_const' in tensors:
        transformer = mapper_arguments(tensors, _TARGET)
        prefix_dims = tensors['prefix.linear.weight'].shape[1]
        return {'prefix_dims': prefix_dims, **language_model, 'transformer': transformer}
    dims = tensors['transformer.token_embedding.weight'].shape[1]
    return {
        'prefix_dims': tensors['prefix.0.weight'].shape[1],
        'prefix_length': len(tensors['prefix.2.weight']) // dims,
        **language_model,
    }
