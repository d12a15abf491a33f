"""Published ViECap decoders (also MeaCap's, which has the same network) as weights of ``ViECapDecoder``."""

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

_MODEL, _MAPPER = 'gpt.', 'mapping_network.'
_LINEAR = 'mapping_network.linear.weight'
_LEARNED = 'mapping_network.prefix_const'


def mapper_shapes(
    prefix_dims: int, dims: int, num_inputs: int, num_outputs: int, num_layers: int
) -> dict[str, tuple[int, ...]]:
    """Published names and shapes of the network that makes the soft prompt.

    Example:
        >>> shapes = mapper_shapes(768, 768, 10, 10, num_layers=8)
        >>> len(shapes), shapes['mapping_network.transformer.layers.7.attn.to_keys_values.weight']
        (99, (1536, 768))
    """
    shapes: dict[str, tuple[int, ...]] = {
        _LEARNED: (num_outputs, dims),
        _LINEAR: (num_inputs * dims, prefix_dims),
        'mapping_network.linear.bias': (num_inputs * dims,),
    }
    layer = {
        'norm1.weight': (dims,),
        'norm1.bias': (dims,),
        'attn.to_queries.weight': (dims, dims),
        'attn.to_keys_values.weight': (2 * dims, dims),
        'attn.project.weight': (dims, dims),
        'attn.project.bias': (dims,),
        'norm2.weight': (dims,),
        'norm2.bias': (dims,),
        'mlp.fc1.weight': (2 * dims, dims),
        'mlp.fc1.bias': (2 * dims,),
        'mlp.fc2.weight': (dims, 2 * dims),
        'mlp.fc2.bias': (dims,),
    }
    for index in range(num_layers):
        for name, shape in layer.items():
            shapes[f'mapping_network.transformer.layers.{index}.{name}'] = shape
    return shapes


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
    source = str(path)
    state, moves = without_masks(load_state_dict(path, strip_prefix='module.'), _MODEL)
    language_model = [*gpt2_names(num_layers, _MODEL), head_name(_MODEL)]
    mapper = mapper_shapes(1, 1, 1, 1, mapper_layers)
    what = f'GPT-2 with {num_layers} blocks and a mapping network with {mapper_layers}'
    check_names(state, [*language_model, *mapper], source, f'the tensors of ViECap, {what}')
    tensors, model_moves = convert_gpt2(state, num_layers, _MODEL, 'transformer.', source)
    dims = tensors['transformer.token_embedding.weight'].shape[1]
    found = size_of(state, _LINEAR, 1, source)
    num_inputs = size_of(state, _LINEAR, 0, source) // dims
    num_outputs = size_of(state, _LEARNED, 0, source)
    shapes = mapper_shapes(found, dims, num_inputs, num_outputs, mapper_layers)
    check_shapes(state, shapes, source)
    if prefix_dims is not None and found != prefix_dims:
        raise CheckpointError(
            f'{source}: the decoder reads vectors of {found} dimensions, {prefix_dims} were expected. '
            'It is of another model.'
        )
    for name, shape in shapes.items():
        target = 'soft_prompt.' + name.removeprefix(_MAPPER)
        tensors[target] = state[name].float().contiguous()
        moves.append(Move(name, target, shape))
    metadata = {
        'format': 'mmpatchioner.decoder',
        'converted_from': resolve_file(path).name,
        'source_sha256': sha256_of(resolve_file(path)),
    }
    return Converted(tensors, moves + model_moves, metadata)


def viecap_arguments(converted: Converted) -> dict[str, object]:
    """Arguments of ``ViECapDecoder`` that the sizes of converted weights call for; heads leave no trace in them."""
    tensors = converted.tensors
    vocab_size, dims = tensors['transformer.token_embedding.weight'].shape
    inputs, prefix_dims = tensors['soft_prompt.linear.weight'].shape
    sizes = {
        'num_outputs': len(tensors['soft_prompt.prefix_const']),
        'num_inputs': inputs // dims,
        'num_layers': sum(name.endswith('attn.to_queries.weight') for name in tensors),
    }
    return {
        'prefix_dims': prefix_dims,
        'hidden_dims': dims,
        'num_layers': sum(
            name.startswith('transformer.') and name.endswith('fc1.weight') for name in tensors
        ),
        'vocab_size': vocab_size,
        'max_positions': len(tensors['transformer.position_embedding.weight']),
        'soft_prompt': sizes,
    }
