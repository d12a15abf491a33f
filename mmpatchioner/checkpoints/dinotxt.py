"""DINO.txt's published vision head and text tower as weights of ours.

They are the files ``dinov2_vitl14_reg4_dinotxt_tet1280d20h24l_{vision_head,text_encoder}.pth`` of DINOv2's repository;
the backbone below the head is DINOv2's own and comes from elsewhere.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping

from torch import Tensor

from mmpatchioner.checkpoints.conversion import (
    Converted,
    Move,
    check_names,
    check_shapes,
    provenance,
    size_of,
)
from mmpatchioner.checkpoints.loading import load_state_dict

_HEAD_BLOCK = {
    'norm1.weight': 'norm1.weight',
    'norm1.bias': 'norm1.bias',
    'attn.qkv.weight': 'attention.qkv.weight',
    'attn.proj.weight': 'attention.proj.weight',
    'attn.proj.bias': 'attention.proj.bias',
    'ls1.gamma': 'scale1',
    'norm2.weight': 'norm2.weight',
    'norm2.bias': 'norm2.bias',
    'mlp.w1.weight': 'gate.weight',
    'mlp.w1.bias': 'gate.bias',
    'mlp.w2.weight': 'up.weight',
    'mlp.w2.bias': 'up.bias',
    'mlp.w3.weight': 'down.weight',
    'mlp.w3.bias': 'down.bias',
    'ls2.gamma': 'scale2',
}
_HEAD_OUTER = {'ln_final.weight': 'norm.weight', 'ln_final.bias': 'norm.bias'}
_TEXT_BLOCK = {
    'attention_norm.weight': 'norm1.weight',
    'attention_norm.bias': 'norm1.bias',
    'attention.qkv.weight': 'attention.qkv.weight',
    'attention.proj.weight': 'attention.proj.weight',
    'attention.proj.bias': 'attention.proj.bias',
    'ffn_norm.weight': 'norm2.weight',
    'ffn_norm.bias': 'norm2.bias',
    'feed_forward.fc1.weight': 'fc1.weight',
    'feed_forward.fc1.bias': 'fc1.bias',
    'feed_forward.fc2.weight': 'fc2.weight',
    'feed_forward.fc2.bias': 'fc2.bias',
}
_TOKENS = 'backbone.token_embedding.weight'
_POSITIONS = 'backbone.positional_embedding'
_PROJECTION = 'head.linear_projection.weight'
_TEXT_OUTER = {
    _TOKENS: 'token_embedding.weight',
    _POSITIONS: 'position_embedding',
    'backbone.ln_final.weight': 'norm.weight',
    'backbone.ln_final.bias': 'norm.bias',
    _PROJECTION: 'projection.weight',
}


def vision_head_names(num_blocks: int) -> dict[str, str]:
    """Published name to ours of every tensor of the vision head.

    Example:
        >>> vision_head_names(num_blocks=2)['block_list.1.mlp.w3.weight']
        'blocks.1.down.weight'
    """
    return _names('block_list', _HEAD_BLOCK, num_blocks) | _HEAD_OUTER


def text_tower_names(num_layers: int) -> dict[str, str]:
    """Published name to ours of every tensor of the text tower.

    Example:
        >>> text_tower_names(num_layers=24)['backbone.blocks.23.feed_forward.fc2.bias']
        'blocks.23.fc2.bias'
    """
    return _names('backbone.blocks', _TEXT_BLOCK, num_layers) | _TEXT_OUTER


def is_text_tower(names: Iterable[str]) -> bool:
    """Whether names are those of the text tower's file, not of the vision head's."""
    return _TOKENS in names


def convert_vision_head(path: str | os.PathLike[str]) -> Converted:
    """Convert the published vision head.

    Args:
        path: The ``.pth`` file, read as tensors alone.

    Returns:
        Weights of :class:`mmpatchioner.models.necks.DINOTxtVisionHead`.

    Raises:
        CheckpointError: if the file cannot be read safely, or a tensor is missing, unknown or of another shape.
    """
    source = str(path)
    state = load_state_dict(path)
    names = vision_head_names(_count(state, 'block_list'))
    check_names(state, names, source, "the tensors of DINO.txt's vision head")
    dims = size_of(state, 'ln_final.weight', 0, source)
    hidden = size_of(state, 'block_list.0.mlp.w1.weight', 0, source)
    shapes: dict[str, tuple[int, ...]] = {
        'attn.qkv.weight': (3 * dims, dims),
        'attn.proj.weight': (dims, dims),
        'mlp.w1.weight': (hidden, dims),
        'mlp.w1.bias': (hidden,),
        'mlp.w2.weight': (hidden, dims),
        'mlp.w2.bias': (hidden,),
        'mlp.w3.weight': (dims, hidden),
    }
    return _convert(path, state, names, shapes, (dims,), 'mmpatchioner.dinotxt_vision_head')


def convert_text_tower(path: str | os.PathLike[str]) -> Converted:
    """Convert the published text tower.

    Args:
        path: The ``.pth`` file, read as tensors alone.

    Returns:
        Weights of :class:`mmpatchioner.models.text_encoders.DINOTxtTextTower`.

    Raises:
        CheckpointError: if the file cannot be read safely, or a tensor is missing, unknown or of another shape.
    """
    source = str(path)
    state = load_state_dict(path)
    names = text_tower_names(_count(state, 'backbone.blocks'))
    check_names(state, names, source, "the tensors of DINO.txt's text tower")
    dims = size_of(state, _TOKENS, 1, source)
    shapes: dict[str, tuple[int, ...]] = {
        _TOKENS: (size_of(state, _TOKENS, 0, source), dims),
        _POSITIONS: (size_of(state, _POSITIONS, 0, source), dims),
        _PROJECTION: (size_of(state, _PROJECTION, 0, source), dims),
        'attention.qkv.weight': (3 * dims, dims),
        'attention.proj.weight': (dims, dims),
        'feed_forward.fc1.weight': (4 * dims, dims),
        'feed_forward.fc1.bias': (4 * dims,),
        'feed_forward.fc2.weight': (dims, 4 * dims),
    }
    return _convert(path, state, names, shapes, (dims,), 'mmpatchioner.dinotxt_text_tower')


def _names(stack: str, block: Mapping[str, str], count: int) -> dict[str, str]:
    return {
        f'{stack}.{index}.{theirs}': f'blocks.{index}.{ours}'
        for index in range(count)
        for theirs, ours in block.items()
    }


def _count(state: Mapping[str, Tensor], stack: str) -> int:
    """Blocks of a stack; at least one, so that a file without any is refused by its missing names."""
    pattern = re.compile(re.escape(stack) + r'\.(\d+)\.')
    return max(1, len({match[1] for name in state if (match := pattern.match(name))}))


def _convert(
    path: str | os.PathLike[str],
    state: Mapping[str, Tensor],
    names: Mapping[str, str],
    shapes: Mapping[str, tuple[int, ...]],
    other_shape: tuple[int, ...],
    file_format: str,
) -> Converted:
    """Check the shapes, given by whole names or those within a block, and rename."""
    expected = {
        theirs: shapes.get(theirs, shapes.get(_within_block(theirs), other_shape))
        for theirs in names
    }
    check_shapes(state, expected, str(path))
    moves = [Move(theirs, ours, expected[theirs]) for theirs, ours in names.items()]
    metadata = {'format': file_format, **provenance(path)}
    tensors = {ours: state[theirs].float().contiguous() for theirs, ours in names.items()}
    return Converted(tensors, moves, metadata)


def _within_block(name: str) -> str:
    return re.sub(r'^.*?\.\d+\.', '', name)
