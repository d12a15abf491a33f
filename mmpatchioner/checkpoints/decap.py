"""Published DeCap decoders (a GPT-2 of transformers behind a linear map) as weights of ``PrefixDecoder``."""

from __future__ import annotations

import os

from mmpatchioner.checkpoints.conversion import (
    Converted,
    Move,
    check_names,
    check_shapes,
    provenance,
    size_of,
)
from mmpatchioner.checkpoints.errors import CheckpointError
from mmpatchioner.checkpoints.gpt2 import convert_gpt2, gpt2_names, head_name, without_masks
from mmpatchioner.checkpoints.loading import load_state_dict

_MODEL = 'decoder.'
_PREFIX = {
    'clip_project.model.0.weight': 'prefix.weight',
    'clip_project.model.0.bias': 'prefix.bias',
}
_MATRIX, _BIAS = _PREFIX


def decap_names(num_layers: int) -> dict[str, str]:
    """Published name to ours, for every tensor that is kept.

    Example:
        >>> names = decap_names(num_layers=4)
        >>> len(names)  # and the output matrix, which is the token embedding: 55 in a published file
        54
        >>> names['decoder.transformer.h.3.mlp.c_fc.weight']
        'transformer.blocks.3.fc1.weight'
    """
    model = {k: f'transformer.{v}' for k, v in gpt2_names(num_layers, _MODEL).items()}
    return {**model, **_PREFIX}


def convert_decap(
    path: str | os.PathLike[str], num_layers: int = 4, prefix_dims: int | None = None
) -> Converted:
    """Convert a published decoder.

    Args:
        path: The ``.pt`` file, read as tensors alone; a ``module.`` before every name is removed.
        num_layers: Blocks that it must have.
        prefix_dims: Width of the vectors that it must read, e.g. that of the memory it is used with.

    Returns:
        Weights of :class:`mmpatchioner.models.decoders.PrefixDecoder`.

    Raises:
        CheckpointError: if the file cannot be read safely, a tensor is missing, unknown or of another shape, the
            output matrix is not the token embedding, or the prefix is of another width.
    """
    source = str(path)
    state = load_state_dict(path, strip_prefix='module.')
    state, moves = without_masks(state, _MODEL)
    names = decap_names(num_layers)
    what = f'the {len(names) + 1} tensors of a DeCap decoder with {num_layers} blocks'
    check_names(state, [*names, head_name(_MODEL)], source, what)
    tensors, model_moves = convert_gpt2(state, num_layers, _MODEL, 'transformer.', source)
    found = size_of(state, _MATRIX, 1, source)
    dims = tensors['transformer.token_embedding.weight'].shape[1]
    check_shapes(state, {_MATRIX: (dims, found), _BIAS: (dims,)}, source)
    if prefix_dims is not None and found != prefix_dims:
        raise CheckpointError(
            f'{source}: the decoder reads vectors of {found} dimensions, the memory holds {prefix_dims}. '
            'They are of different models.'
        )
    for theirs, ours in _PREFIX.items():
        tensors[ours] = state[theirs].float().contiguous()
        moves.append(Move(theirs, ours, tuple(tensors[ours].shape)))
    moves += model_moves
    metadata = {'format': 'mmpatchioner.decoder', **provenance(path)}
    return Converted(tensors, moves, metadata)


def decoder_arguments(converted: Converted) -> dict[str, int]:
    """Arguments of ``PrefixDecoder`` that the sizes of converted weights call for.

    The number of heads leaves no trace in the weights; published decoders have 4.
    """
    tensors = converted.tensors
    vocab_size, hidden_dims = tensors['transformer.token_embedding.weight'].shape
    return {
        'prefix_dims': tensors['prefix.weight'].shape[1],
        'hidden_dims': hidden_dims,
        'num_layers': sum(name.endswith('.fc1.weight') for name in tensors),
        'vocab_size': vocab_size,
        'max_positions': len(tensors['transformer.position_embedding.weight']),
    }
