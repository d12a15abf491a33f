"""AlphaCLIP's published image towers as weights of ``AlphaCLIPNeck``.

A file holds the image tower in OpenAI's naming, with ``conv1_alpha`` beside ``conv1`` and the attention's matrix under
``attn.in_proj.weight``, with or without a leading ``visual.``; the text tower is CLIP's own and not in it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping

from torch import Tensor

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
from mmpatchioner.checkpoints.openai_clip import convert_openai_clip

_ALPHA = 'conv1_alpha.weight'
_LAYER = re.compile(r'transformer\.resblocks\.(\d+)\.')


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
    num_layers = len({match[1] for name in state if (match := _LAYER.match(name))})
    shapes = _shapes(state, num_layers, source)
    check_names(state, shapes, source, f'an AlphaCLIP image tower with {num_layers} blocks')
    check_shapes(state, shapes, source)
    tensors, moves = {}, []
    for theirs, plain in names.items():
        for ours, tensor, note in _moved(plain, state[plain], source):
            tensors[ours] = tensor
            moves.append(Move(theirs, ours, tuple(tensor.shape), note))
    metadata = {
        'format': 'mmpatchioner.alphaclip',
        'converted_from': resolve_file(path).name,
        'source_sha256': sha256_of(resolve_file(path)),
    }
    return Converted(tensors, moves, metadata)


def _openai_name(name: str) -> str:
    return re.sub(r'(\.attn\.in_proj)\.(weight|bias)$', r'\1_\2', name.removeprefix('visual.'))


def _moved(name: str, tensor: Tensor, source: str) -> Iterator[tuple[str, Tensor, str]]:
    """What a tensor becomes: names and values here, and what was done."""
    if name == _ALPHA:
        yield 'alpha_embedding.weight', tensor.float().contiguous(), ''
        return
    renamed = convert_openai_clip({f'visual.{name}': tensor}, source)
    note = 'transposed' if name == 'proj' else 'a third of it' if len(renamed) > 1 else ''
    for ours, part in renamed.items():
        yield f'backbone.{ours}', part, note


def _shapes(
    state: Mapping[str, Tensor], num_layers: int, source: str
) -> dict[str, tuple[int, ...]]:
    """Every tensor that belongs to the tower, with the shape that the alpha convolution and `proj` call for."""
    dims = size_of(state, _ALPHA, 0, source)
    patch = size_of(state, _ALPHA, 3, source)
    norm: dict[str, tuple[int, ...]] = {'weight': (dims,), 'bias': (dims,)}
    layers: dict[str, dict[str, tuple[int, ...]]] = {
        'ln_1': norm,
        'ln_2': norm,
        'attn.out_proj': {'weight': (dims, dims), 'bias': (dims,)},
        'mlp.c_fc': {'weight': (4 * dims, dims), 'bias': (4 * dims,)},
        'mlp.c_proj': {'weight': (dims, 4 * dims), 'bias': (dims,)},
    }
    shapes: dict[str, tuple[int, ...]] = {
        _ALPHA: (dims, 1, patch, patch),
        'conv1.weight': (dims, 3, patch, patch),
        'class_embedding': (dims,),
        'positional_embedding': (len(state.get('positional_embedding', ())), dims),
        'proj': (dims, state['proj'].shape[-1] if 'proj' in state else 0),
    }
    outer = {'ln_pre': norm, 'ln_post': norm}
    for index in range(num_layers):
        block = f'transformer.resblocks.{index}'
        shapes[f'{block}.attn.in_proj_weight'] = (3 * dims, dims)
        shapes[f'{block}.attn.in_proj_bias'] = (3 * dims,)
        outer |= {f'{block}.{layer}': kinds for layer, kinds in layers.items()}
    for layer, kinds in outer.items():
        shapes |= {f'{layer}.{kind}': shape for kind, shape in kinds.items()}
    return shapes
