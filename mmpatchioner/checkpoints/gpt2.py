"""The weights of transformers' ``GPT2LMHeadModel`` as those of our ``Transformer``.

Matrices of its ``Conv1D`` layers are stored (in, out), ours (out, in).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mmpatchioner.checkpoints.conversion import Move, check_shapes, size_of
from mmpatchioner.checkpoints.errors import CheckpointError
from mmpatchioner.checkpoints.hub import from_folder_or_hub
from mmpatchioner.checkpoints.loading import load_strict

# Causal masks that old versions of transformers stored with the weights.
_MASKS = r'transformer\.h\.\d+\.attn\.(masked_)?bias'
_TOKENS = 'transformer.wte.weight'
_POSITIONS = 'transformer.wpe.weight'
_HEAD = 'lm_head.weight'
_OUTER = {
    _TOKENS: 'token_embedding.weight',
    _POSITIONS: 'position_embedding.weight',
    'transformer.ln_f.weight': 'norm.weight',
    'transformer.ln_f.bias': 'norm.bias',
}
_BLOCK = {
    'ln_1': 'norm1',
    'attn.c_attn': 'attention.qkv',
    'attn.c_proj': 'attention.proj',
    'ln_2': 'norm2',
    'mlp.c_fc': 'fc1',
    'mlp.c_proj': 'fc2',
}


def gpt2_names(num_layers: int, prefix: str) -> dict[str, str]:
    """Published name to that of ``Transformer``, for every tensor that is kept.

    Args:
        num_layers: Blocks.
        prefix: Before every published name, e.g. ``'gpt.'``.

    Example:
        >>> gpt2_names(num_layers=4, prefix='gpt.')['gpt.transformer.h.3.mlp.c_fc.weight']
        'blocks.3.fc1.weight'
    """
    names = {prefix + theirs: ours for theirs, ours in _OUTER.items()}
    for layer in range(num_layers):
        for theirs, ours in _BLOCK.items():
            for kind in ('weight', 'bias'):
                source = f'{prefix}transformer.h.{layer}.{theirs}.{kind}'
                names[source] = f'blocks.{layer}.{ours}.{kind}'
    return names


def head_name(prefix: str) -> str:
    """Published name of the output matrix, which is the token embedding."""
    return prefix + _HEAD


def without_masks(state: Mapping[str, Tensor], prefix: str) -> tuple[dict[str, Tensor], list[Move]]:
    """Leave out the causal masks.

    Returns:
        The other tensors, and what was left out.
    """
    pattern = re.compile(re.escape(prefix) + _MASKS)
    masks = sorted(name for name in state if pattern.fullmatch(name))
    moves = [Move(name, None, tuple(state[name].shape), 'causal mask, left out') for name in masks]
    return {name: tensor for name, tensor in state.items() if name not in masks}, moves


def convert_gpt2(
    state: Mapping[str, Tensor], num_layers: int, prefix: str, target: str, source: str
) -> tuple[dict[str, Tensor], list[Move]]:
    """Convert a language model, whose names are known to be complete.

    Args:
        state: Published tensors, perhaps with others.
        num_layers: Blocks.
        prefix: Before every published name.
        target: Before every name of ours.
        source: The file, for messages.

    Returns:
        Our tensors, and where every published one went.

    Raises:
        CheckpointError: if a shape does not fit, or the output matrix is not the token embedding.
    """
    dims = size_of(state, prefix + _TOKENS, 1, source)
    check_shapes(state, _shapes(state, num_layers, prefix, dims, source), source)
    head, tokens = prefix + _HEAD, prefix + _TOKENS
    if not torch.equal(state[head], state[tokens]):
        raise CheckpointError(
            f'{source}: expected {head} to equal {tokens} (tied), got other numbers. This is another model.'
        )
    tensors, moves = {}, []
    for theirs, ours in gpt2_names(num_layers, prefix).items():
        transposed = re.search(r'\.c_\w+\.weight$', theirs) is not None
        matrix = state[theirs].T if transposed else state[theirs]
        tensors[target + ours] = matrix.float().contiguous()
        note = 'transposed' if transposed else ''
        moves.append(Move(theirs, target + ours, tuple(matrix.shape), note))
    moves.append(Move(head, None, tuple(state[head].shape), 'is the token embedding, left out'))
    return tensors, moves


def load_gpt2(transformer: nn.Module, model: str, field: str) -> None:
    """Load GPT-2 into a ``Transformer`` of its sizes.

    Args:
        transformer: A :class:`mmpatchioner.models.decoders.Transformer`.
        model: Folder or hub id.
        field: Config field that named it, for messages.

    Raises:
        CheckpointError: if the model cannot be read or is of other sizes.
    """
    from transformers import GPT2LMHeadModel

    state = from_folder_or_hub(GPT2LMHeadModel, model, field).state_dict()
    layers = sum(name.endswith('mlp.c_fc.weight') for name in state)
    state, _ = without_masks(state, '')
    load_strict(transformer, convert_gpt2(state, layers, '', '', model)[0], model)


def _shapes(
    state: Mapping[str, Tensor], num_layers: int, prefix: str, dims: int, source: str
) -> dict[str, tuple[int, ...]]:
    vocab_size = size_of(state, prefix + _TOKENS, 0, source)
    shapes: dict[str, tuple[int, ...]] = {
        _TOKENS: (vocab_size, dims),
        _HEAD: (vocab_size, dims),
        _POSITIONS: (size_of(state, prefix + _POSITIONS, 0, source), dims),
        'transformer.ln_f.weight': (dims,),
        'transformer.ln_f.bias': (dims,),
    }
    matrices = {
        'attn.c_attn': (dims, 3 * dims),
        'attn.c_proj': (dims, dims),
        'mlp.c_fc': (dims, 4 * dims),
        'mlp.c_proj': (4 * dims, dims),
    }
    for layer in range(num_layers):
        block = f'transformer.h.{layer}.'
        for norm in ('ln_1', 'ln_2'):
            shapes[f'{block}{norm}.weight'] = shapes[f'{block}{norm}.bias'] = (dims,)
        for name, shape in matrices.items():
            shapes[f'{block}{name}.weight'] = shape
            shapes[f'{block}{name}.bias'] = shape[1:]
    return {prefix + name: shape for name, shape in shapes.items()}
