"""Published DeCap decoders (a GPT-2 of transformers behind a linear map) as weights of ``PrefixDecoder``.

Names and shapes are those that transformers gives a ``GPT2LMHeadModel``; matrices of its ``Conv1D`` layers are
stored (in, out), ours (out, in).
"""

from __future__ import annotations

import os
import re

import torch

from mmpatchioner.checkpoints.conversion import (
    Converted,
    Move,
    check_names,
    check_shapes,
    sha256_of,
    size_of,
)
from mmpatchioner.checkpoints.errors import CheckpointError
from mmpatchioner.checkpoints.loading import load_state_dict, resolve_file

# Causal masks that old versions of transformers stored with the weights.
_MASKS = re.compile(r'decoder\.transformer\.h\.\d+\.attn\.(masked_)?bias')
_HEAD = 'decoder.lm_head.weight'
_TOKENS = 'decoder.transformer.wte.weight'
_POSITIONS = 'decoder.transformer.wpe.weight'
_PREFIX = 'clip_project.model.0.weight'
_OUTER = {
    _TOKENS: 'transformer.token_embedding.weight',
    _POSITIONS: 'transformer.position_embedding.weight',
    'decoder.transformer.ln_f.weight': 'transformer.norm.weight',
    'decoder.transformer.ln_f.bias': 'transformer.norm.bias',
    _PREFIX: 'prefix.weight',
    'clip_project.model.0.bias': 'prefix.bias',
}
_BLOCK = {
    'ln_1': 'norm1',
    'attn.c_attn': 'attention.qkv',
    'attn.c_proj': 'attention.proj',
    'ln_2': 'norm2',
    'mlp.c_fc': 'fc1',
    'mlp.c_proj': 'fc2',
}


def decap_names(num_layers: int) -> dict[str, str]:
    """Published name to ours, for every tensor that is kept.

    Example:
        >>> names = decap_names(num_layers=4)
        >>> len(names)  # and the output matrix, which is the token embedding: 55 in a published file
        54
        >>> names['decoder.transformer.h.3.mlp.c_fc.weight']
        'transformer.blocks.3.fc1.weight'
    """
    names = dict(_OUTER)
    for layer in range(num_layers):
        for theirs, ours in _BLOCK.items():
            for kind in ('weight', 'bias'):
                source = f'decoder.transformer.h.{layer}.{theirs}.{kind}'
                names[source] = f'transformer.blocks.{layer}.{ours}.{kind}'
    return names


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
    masks = sorted(name for name in state if _MASKS.fullmatch(name))
    moves = [Move(name, None, tuple(state[name].shape), 'causal mask, left out') for name in masks]
    state = {name: tensor for name, tensor in state.items() if name not in masks}
    names = decap_names(num_layers)
    what = f'the {len(names) + 1} tensors of a DeCap decoder with {num_layers} blocks'
    check_names(state, [*names, _HEAD], source, what)
    shapes = _shapes(
        num_layers,
        vocab_size=size_of(state, _TOKENS, 0, source),
        positions=size_of(state, _POSITIONS, 0, source),
        dims=size_of(state, _TOKENS, 1, source),
        prefix_dims=size_of(state, _PREFIX, 1, source),
    )
    check_shapes(state, shapes, source)
    if not torch.equal(state[_HEAD], state[_TOKENS]):
        raise CheckpointError(
            f'{source}: expected {_HEAD} to equal {_TOKENS} (tied), got other numbers. This is not a DeCap decoder.'
        )
    found = state[_PREFIX].shape[1]
    if prefix_dims is not None and found != prefix_dims:
        raise CheckpointError(
            f'{source}: the decoder reads vectors of {found} dimensions, the memory holds {prefix_dims}. '
            'They are of different models.'
        )
    tensors = {}
    for theirs, ours in names.items():
        matrix = state[theirs]
        transposed = re.search(r'\.c_\w+\.weight$', theirs) is not None
        tensors[ours] = (matrix.T if transposed else matrix).float().contiguous()
        note = 'transposed' if transposed else ''
        moves.append(Move(theirs, ours, tuple(tensors[ours].shape), note))
    moves.append(Move(_HEAD, None, shapes[_HEAD], 'is the token embedding, left out'))
    metadata = {
        'format': 'mmpatchioner.decoder',
        'converted_from': resolve_file(path).name,
        'source_sha256': sha256_of(resolve_file(path)),
    }
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


def _shapes(
    num_layers: int, vocab_size: int, positions: int, dims: int, prefix_dims: int
) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        _TOKENS: (vocab_size, dims),
        _HEAD: (vocab_size, dims),
        _POSITIONS: (positions, dims),
        'decoder.transformer.ln_f.weight': (dims,),
        'decoder.transformer.ln_f.bias': (dims,),
        _PREFIX: (dims, prefix_dims),
        'clip_project.model.0.bias': (dims,),
    }
    matrices = {
        'attn.c_attn': (dims, 3 * dims),
        'attn.c_proj': (dims, dims),
        'mlp.c_fc': (dims, 4 * dims),
        'mlp.c_proj': (4 * dims, dims),
    }
    for layer in range(num_layers):
        block = f'decoder.transformer.h.{layer}.'
        for norm in ('ln_1', 'ln_2'):
            shapes[f'{block}{norm}.weight'] = shapes[f'{block}{norm}.bias'] = (dims,)
        for name, shape in matrices.items():
            shapes[f'{block}{name}.weight'] = shape
            shapes[f'{block}{name}.bias'] = shape[1:]
    return shapes
