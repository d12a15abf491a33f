"""DenseCLIP's published segmentors as weights of ours.

A file, of mmsegmentation, holds a whole segmentor. Two groups of it are taken: ``backbone.*``, CLIP's image tower
without the feature pyramid in it, and ``text_encoder.*``, CLIP's text tower. The rest is left out by name.
"""

from __future__ import annotations

import os
import re

import torch
from torch import Tensor

from mmpatchioner.checkpoints.conversion import (
    Converted,
    Move,
    check_names,
    check_shapes,
    provenance,
    select_group,
    size_of,
)
from mmpatchioner.checkpoints.errors import CheckpointError
from mmpatchioner.checkpoints.loading import load_state_dict
from mmpatchioner.checkpoints.openai_clip import (
    convert_tensor,
    image_tower_shapes,
    text_tower_shapes,
)

IGNORED_GROUPS = {
    'auxiliary_head': 'head of the segmentation',
    'context_decoder': 'what images do to the names of classes',
    'contexts': 'learnt words around the names of classes',
    'decode_head': 'head of the segmentation',
    'gamma': 'what images do to the names of classes',
    'identity_head': 'head of the segmentation',
    'neck': 'feature pyramid',
}
"""Groups of a published file that captions do not need, and what they are."""

_IMAGE, _TEXT = 'backbone', 'text_encoder'
_PYRAMID = re.compile(r'fpn[1-4]\.')
_ENDS = ('ln_post.weight', 'ln_post.bias', 'proj')  # of the way into the space of the texts
_POSITIONS = 'positional_embedding'
# The text tower was trained with a learning rate of zero: its positions are CLIP's, but for half precision.
_SAME_POSITIONS = 1e-3


def convert_image_tower(path: str | os.PathLike[str]) -> Converted:
    """Convert the image tower of a published file, e.g. ``ViT-B-DenseCLIP.pth``.

    Args:
        path: The ``.pth`` file, read as tensors alone.

    Returns:
        Weights of :class:`mmpatchioner.models.necks.DenseCLIPNeck`.

    Raises:
        CheckpointError: if the file cannot be read safely, holds a group that is not known, or a tensor of the image
            tower is missing, unknown or of another shape.
    """
    source = str(path)
    group, moves = _group(path, _IMAGE)
    state = {name: tensor for name, tensor in group.items() if not _PYRAMID.match(name)}
    moves += [
        Move(f'{_IMAGE}.{name}', None, tuple(tensor.shape), 'feature pyramid')
        for name, tensor in group.items()
        if name not in state
    ]
    missing = [f'{_IMAGE}.{name}' for name in _ENDS if name not in state]
    if missing:
        raise CheckpointError(
            f'{source}: expected the final LayerNorm and the projection into the space of the texts, found no '
            f'{", ".join(missing)}. A DenseCLIP without embeddings (get_embeddings=False) cannot caption; drawing '
            'them at random, as the released code does, would not help.'
        )
    if 'conv1.weight' not in state:
        raise CheckpointError(f'{source}: expected {_IMAGE}.conv1.weight, found none.')
    dims, patch_size = (size_of(state, 'conv1.weight', dim, source) for dim in (0, 3))
    shapes = image_tower_shapes(state, dims, patch_size)
    check_names(state, shapes, source, f"the tensors of CLIP's image tower under `{_IMAGE}.`")
    check_shapes(state, shapes, source)
    tensors = {}
    for theirs, tensor in state.items():
        renamed, note = convert_tensor(f'visual.{theirs}', tensor, source)
        for ours, part in renamed.items():
            tensors[f'backbone.{ours}'] = part
            moves.append(Move(f'{_IMAGE}.{theirs}', f'backbone.{ours}', tuple(part.shape), note))
    return Converted(
        tensors, moves, {'format': 'mmpatchioner.denseclip_image_tower', **provenance(path)}
    )


def convert_text_tower(
    path: str | os.PathLike[str], long_positions: Tensor | None = None
) -> Converted:
    """Convert the text tower of a published file.

    The published file has 13 positions, enough for names of classes and too few for most captions. DenseCLIP trains
    with a learning rate of 0 for this tower, so that they are the first of CLIP's.

    Args:
        path: The ``.pth`` file, read as tensors alone.
        long_positions: (77, C) position embeddings of the CLIP that DenseCLIP began with, to continue those of the
            file; None leaves them as they are.

    Returns:
        Weights of :class:`mmpatchioner.models.text_encoders.CLIPTextTower`.

    Raises:
        CheckpointError: if the file cannot be read safely, holds a group that is not known, a tensor of the text tower
            is missing, unknown or of another shape, or the long positions do not begin with those of the file.
    """
    source = str(path)
    state, moves = _group(path, _TEXT)
    if 'token_embedding.weight' not in state:
        raise CheckpointError(f'{source}: expected {_TEXT}.token_embedding.weight, found none.')
    tokens, dims = (size_of(state, 'token_embedding.weight', dim, source) for dim in (0, 1))
    shapes = text_tower_shapes(state, tokens, dims)
    check_names(state, shapes, source, f"the tensors of CLIP's text tower under `{_TEXT}.`")
    check_shapes(state, shapes, source)
    lengthened = ''
    if long_positions is not None:
        own = state[_POSITIONS]
        _check_positions(own, long_positions, source)
        lengthened = f'{len(own)} positions, followed by those of CLIP'
        state[_POSITIONS] = torch.cat([own.float(), long_positions[len(own) :].float()])
    tensors = {}
    for theirs, tensor in state.items():
        renamed, note = convert_tensor(theirs, tensor, source)
        note = lengthened if theirs == _POSITIONS else note
        for ours, part in renamed.items():
            tensors[f'model.{ours}'] = part
            moves.append(Move(f'{_TEXT}.{theirs}', f'model.{ours}', tuple(part.shape), note))
    return Converted(
        tensors, moves, {'format': 'mmpatchioner.denseclip_text_tower', **provenance(path)}
    )


def _check_positions(own: Tensor, long: Tensor, source: str) -> None:
    if long.ndim != 2 or long.shape[1] != own.shape[1] or len(long) < len(own):
        raise CheckpointError(
            f'{source}: expected at least {len(own)} positions of width {own.shape[1]} to continue with, got '
            f'{tuple(long.shape)}. They belong to another CLIP.'
        )
    furthest = (own.float() - long[: len(own)].float()).abs().max().item()
    if furthest > _SAME_POSITIONS:
        raise CheckpointError(
            f'{source}: its {len(own)} positions are up to {furthest:.3g} from the first of CLIP, which would '
            'continue them; they must be the same. The file began with another CLIP, or its text tower was trained.'
        )


def _group(path: str | os.PathLike[str], wanted: str) -> tuple[dict[str, Tensor], list[Move]]:
    """Tensors of one tower without the name of its group, and the way of all others."""
    published = load_state_dict(path, strip_prefix='module.')
    others = {**IGNORED_GROUPS, _IMAGE: 'the other tower', _TEXT: 'the other tower'}
    del others[wanted]
    return select_group(published, wanted, others, str(path))
