"""AlphaCLIP's published image towers as weights of ``AlphaCLIPNeck``.

A file holds the image tower in OpenAI's naming, with ``conv1_alpha`` beside ``conv1`` and the attention's matrix under
``attn.in_proj.weight``, with or without a leading ``visual.``; the text tower is CLIP's own and not in it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from torch import Tensor

from mmpatchioner.checkpoints.conversion import (
    Converted,
    Move,
    check_names,
    check_shapes,
    provenance,
    size_of,
)
from mmpatchioner.checkpoints.errors import CheckpointError
from mmpatchioner.checkpoints.loading import load_state_dict
from mmpatchioner.checkpoints.openai_clip import convert_tensor, image_tower_shapes, num_blocks

_ALPHA = 'conv1_alpha.weight'


def convert_alphaclip(path: str | os.PathLike[str]) -> Converted:
    """Convert a published AlphaCLIP ViT, e.g. ``clip_b16_grit1m_fultune_8xe.pth``.

    Args:
        path: The ``.pth`` file, read as tensors alone.

    Returns:
        Weights of :class:`mmpatchioner.models.necks.AlphaCLIPNeck`.

    Raises:
        CheckpointError: if the file cannot be read safely, has no alpha convolution, or a tensor is missing, unknown
            or of another shape.
    """
    source = str(path)
    published = load_state_dict(path, strip_prefix='module.')
    names = {name: _openai_name(name) for name in published}
    if len(set(names.values())) != len(names):
        raise CheckpointError(f'{source}: holds some tensors twice, with and without `visual.`.')
    state = {plain: published[theirs] for theirs, plain in names.items()}
    if _ALPHA not in state:
        raise CheckpointError(
            f'{source}: expected an image tower with {_ALPHA}, found none among {len(state)} tensors. This is no '
            'AlphaCLIP; without that convolution no mask has an effect.'
        )
    dims, patch_size = (size_of(state, _ALPHA, dim, source) for dim in (0, 3))
    shapes = {
        _ALPHA: (dims, 1, patch_size, patch_size),
        **image_tower_shapes(state, dims, patch_size),
    }
    check_names(state, shapes, source, f'an AlphaCLIP image tower with {num_blocks(state)} blocks')
    check_shapes(state, shapes, source)
    tensors, moves = {}, []
    for theirs, plain in names.items():
        for ours, tensor, note in _moved(plain, state[plain], source):
            tensors[ours] = tensor
            moves.append(Move(theirs, ours, tuple(tensor.shape), note))
    metadata = {'format': 'mmpatchioner.alphaclip', **provenance(path)}
    return Converted(tensors, moves, metadata)


def _openai_name(name: str) -> str:
    return re.sub(r'(\.attn\.in_proj)\.(weight|bias)$', r'\1_\2', name.removeprefix('visual.'))


def _moved(name: str, tensor: Tensor, source: str) -> Iterator[tuple[str, Tensor, str]]:
    """What a tensor becomes: names and values here, and what was done."""
    if name == _ALPHA:
        yield 'alpha_embedding.weight', tensor.float().contiguous(), ''
        return
    renamed, note = convert_tensor(f'visual.{name}', tensor, source)
    for ours, part in renamed.items():
        yield f'backbone.{ours}', part, note
