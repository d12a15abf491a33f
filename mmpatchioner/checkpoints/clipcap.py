"""Published ClipCap decoders as weights of ``ClipCapDecoder``."""

from __future__ import annotations

import os

from mmpatchioner.checkpoints.conversion import (
    Converted,
    Move,
    check_names,
    check_shapes,
    sha256_of,
    size_of,
)
from mmpatchioner.checkpoints.errors import CheckpointError
from mmpatchioner.checkpoints.gpt2 import convert_gpt2, gpt2_names, head_name, without_masks
from mmpatchioner.checkpoints.loading import load_state_dict, resolve_file

_MODEL, _PREFIX = 'gpt.', 'clip_project.model.'
_INNER, _OUTER = f'{_PREFIX}0', f'{_PREFIX}2'


def convert_clipcap(
    path: str | os.PathLike[str], num_layers: int = 12, prefix_dims: int | None = None
) -> Converted:
    """Convert a published decoder whose prefix is made by a network of two layers.

    Args:
        path: The ``.pt`` file, read as tensors alone; a ``module.`` before every name is removed.
        num_layers: Blocks of GPT-2.
        prefix_dims: Width of the vectors that it must read; None takes any.

    Returns:
        Weights of :class:`mmpatchioner.models.decoders.ClipCapDecoder`.

    Raises:
        CheckpointError: if the file cannot be read safely, a tensor is missing, unknown or of another shape, or the
            prefix is of another width.
    """
    source = str(path)
    state, moves = without_masks(load_state_dict(path, strip_prefix='module.'), _MODEL)
    network = [f'{layer}.{kind}' for layer in (_INNER, _OUTER) for kind in ('weight', 'bias')]
    expected = [*gpt2_names(num_layers, _MODEL), head_name(_MODEL), *network]
    what = f'GPT-2 with {num_layers} blocks and a network of two layers'
    check_names(state, expected, source, f'the tensors of ClipCap, {what}')
    tensors, model_moves = convert_gpt2(state, num_layers, _MODEL, 'transformer.', source)
    dims = tensors['transformer.token_embedding.weight'].shape[1]
    found = size_of(state, f'{_INNER}.weight', 1, source)
    width = size_of(state, f'{_OUTER}.weight', 0, source) // dims * dims
    shapes: dict[str, tuple[int, ...]] = {
        f'{_INNER}.weight': (width // 2, found),
        f'{_INNER}.bias': (width // 2,),
        f'{_OUTER}.weight': (width, width // 2),
        f'{_OUTER}.bias': (width,),
    }
    check_shapes(state, shapes, source)
    if prefix_dims is not None and found != prefix_dims:
        raise CheckpointError(
            f'{source}: the decoder reads vectors of {found} dimensions, {prefix_dims} were expected. '
            'It is of another model.'
        )
    for name, shape in shapes.items():
        target = 'prefix.' + name.removeprefix(_PREFIX)
        tensors[target] = state[name].float().contiguous()
        moves.append(Move(name, target, shape))
    file = resolve_file(path)
    metadata = {
        'format': 'mmpatchioner.decoder',
        'converted_from': file.name,
        'source_sha256': sha256_of(file),
    }
    return Converted(tensors, moves + model_moves, metadata)


def clipcap_arguments(converted: Converted) -> dict[str, object]:
    """Arguments of ``ClipCapDecoder`` that the sizes of converted weights call for; heads leave no trace in them."""
    tensors = converted.tensors
    vocab_size, dims = tensors['transformer.token_embedding.weight'].shape
    return {
        'prefix_dims': tensors['prefix.0.weight'].shape[1],
        'prefix_length': len(tensors['prefix.2.weight']) // dims,
        'hidden_dims': dims,
        'num_layers': sum(name.endswith('fc1.weight') for name in tensors),
        'vocab_size': vocab_size,
        'max_positions': len(tensors['transformer.position_embedding.weight']),
    }
