"""RegionCLIP's published checkpoints, of detectron2, as weights of ours.

A file holds a whole detector in training. Two groups of it are taken: ``backbone.*``, the image tower, and
``lang_encoder.*``, CLIP's text tower. What belongs to finding regions and to the teacher is left out by name.
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
    select_group,
    sha256_of,
    size_of,
)
from mmpatchioner.checkpoints.errors import CheckpointError
from mmpatchioner.checkpoints.loading import load_state_dict, resolve_file
from mmpatchioner.checkpoints.openai_clip import convert_tensor, text_tower_shapes

IGNORED_GROUPS = {
    'concept_emb': 'embeddings of the training concepts',
    'offline_backbone': 'backbone of the region proposals',
    'offline_pixel_mean': 'statistics of the region proposals',
    'offline_pixel_std': 'statistics of the region proposals',
    'offline_proposal_generator': 'region proposals',
    'pixel_mean': 'statistics of the images, which the view has',
    'pixel_std': 'statistics of the images, which the view has',
    'proposal_generator': 'region proposals',
    'roi_heads': 'heads of the detector',
    'teacher_backbone': 'teacher of the training',
    'teacher_concept_emb': 'embeddings of the training concepts',
    'teacher_roi_heads': 'teacher of the training',
}
"""Groups of a published file that captions do not need, and what they are."""

_TOWERS = ('backbone', 'lang_encoder')
_CONV = ('weight',)
_NORM = ('weight', 'bias', 'running_mean', 'running_var')
_BLOCK = re.compile(r'layer(\d+)\.(\d+)\.')
_COUNTER = 'num_batches_tracked'


def convert_image_tower(path: str | os.PathLike[str]) -> Converted:
    """Convert the image tower of a published file, e.g. ``regionclip_pretrained-cc_rn50.pth``.

    Args:
        path: The ``.pth`` file, read as tensors alone.

    Returns:
        Weights of :class:`mmpatchioner.models.necks.RegionCLIPNeck`.

    Raises:
        CheckpointError: if the file cannot be read safely, holds a group that is not known, or a tensor of the image
            tower is missing, unknown or of another shape.
    """
    state, moves = _group(path, 'backbone')
    source = str(path)
    counters = [name for name in state if name.endswith(_COUNTER)]
    for name in counters:
        moves.append(Move(f'backbone.{name}', None, (), 'counter, left out'))
        del state[name]
    names = _image_names(state)
    check_names(state, names, source, "the tensors of CLIP's ResNet under `backbone.`")
    check_shapes(state, _image_shapes(state, source), source)
    tensors = {}
    for theirs, ours in names.items():
        tensors[f'backbone.{ours}'] = state[theirs].float().contiguous()
        moves.append(Move(f'backbone.{theirs}', f'backbone.{ours}', tuple(state[theirs].shape)))
    return Converted(tensors, moves, _metadata(path, 'mmpatchioner.regionclip_image_tower'))


def convert_text_tower(path: str | os.PathLike[str]) -> Converted:
    """Convert the text tower of a published file.

    Args:
        path: The ``.pth`` file, read as tensors alone.

    Returns:
        Weights of :class:`mmpatchioner.models.text_encoders.CLIPTextTower`.

    Raises:
        CheckpointError: if the file cannot be read safely, holds a group that is not known, or a tensor of the text
            tower is missing, unknown or of another shape.
    """
    state, moves = _group(path, 'lang_encoder')
    source = str(path)
    if 'token_embedding.weight' not in state:
        raise CheckpointError(
            f'{source}: expected lang_encoder.token_embedding.weight, found none.'
        )
    tokens, dims = (size_of(state, 'token_embedding.weight', dim, source) for dim in (0, 1))
    shapes = text_tower_shapes(state, tokens, dims)
    check_names(state, shapes, source, "the tensors of CLIP's text tower under `lang_encoder.`")
    check_shapes(state, shapes, source)
    tensors = {}
    for theirs, tensor in state.items():
        renamed, note = convert_tensor(theirs, tensor, source)
        for ours, part in renamed.items():
            tensors[f'model.{ours}'] = part
            moves.append(Move(f'lang_encoder.{theirs}', f'model.{ours}', tuple(part.shape), note))
    return Converted(tensors, moves, _metadata(path, 'mmpatchioner.regionclip_text_tower'))


def _group(path: str | os.PathLike[str], wanted: str) -> tuple[dict[str, Tensor], list[Move]]:
    """Tensors of one tower without the name of its group, and the way of all others."""
    published = load_state_dict(path, strip_prefix='module.')
    others = {**IGNORED_GROUPS, **dict.fromkeys(_TOWERS, 'the other tower')}
    del others[wanted]
    return select_group(published, wanted, others, str(path))


def _blocks(state: Iterable[str]) -> list[tuple[int, int]]:
    """Stage and number of every block that a ResNet must have to hold the last ones that are there."""
    counts: dict[int, int] = {1: 1}
    for stage, index in (match.groups() for name in state if (match := _BLOCK.match(name))):
        counts[int(stage)] = max(counts.get(int(stage), 0), int(index) + 1)
    stages = range(1, max(counts) + 1)
    return [(stage, index) for stage in stages for index in range(counts.get(stage, 1))]


def _image_names(state: Iterable[str]) -> dict[str, str]:
    """Published name to ours of every tensor of a ResNet."""
    stem = ['conv1', 'bn1', 'conv2', 'bn2', 'conv3', 'bn3']
    modules = {module: module for module in stem}
    for stage, index in _blocks(state):
        block = f'layer{stage}.{index}'
        modules |= {f'{block}.{module}': f'{block}.{module}' for module in stem}
        if index == 0:
            modules[f'{block}.downsample.0'] = f'{block}.shortcut.conv'
            modules[f'{block}.downsample.1'] = f'{block}.shortcut.norm'
    names: dict[str, str] = {}
    for theirs, ours in modules.items():
        is_norm = 'bn' in ours or ours.endswith('norm')
        names |= {f'{theirs}.{kind}': f'{ours}.{kind}' for kind in (_NORM if is_norm else _CONV)}
    pool = ['positional_embedding']
    pool += [f'{letter}_proj.{kind}' for letter in 'qkvc' for kind in ('weight', 'bias')]
    return names | {f'attnpool.{name}': f'attnpool.{name}' for name in pool}


def _image_shapes(state: Mapping[str, Tensor], source: str) -> dict[str, tuple[int, ...]]:
    width = size_of(state, 'conv3.weight', 0, source)
    outputs = size_of(state, 'attnpool.c_proj.weight', 0, source)
    channels: dict[str, tuple[int, int, int]] = {  # out, in, kernel
        'conv1': (width // 2, 3, 3),
        'conv2': (width // 2, width // 2, 3),
        'conv3': (width, width // 2, 3),
    }
    inputs = width
    for stage, index in _blocks(state):
        inner = width * 2 ** (stage - 1)
        block = f'layer{stage}.{index}'
        channels[f'{block}.conv1'] = (inner, inputs, 1)
        channels[f'{block}.conv2'] = (inner, inner, 3)
        channels[f'{block}.conv3'] = (4 * inner, inner, 1)
        if index == 0:
            channels[f'{block}.downsample.0'] = (4 * inner, inputs, 1)
        inputs = 4 * inner
    shapes: dict[str, tuple[int, ...]] = {}
    for conv, (out, into, kernel) in channels.items():
        shapes[f'{conv}.weight'] = (out, into, kernel, kernel)
        norm = conv.replace('conv', 'bn').replace('downsample.0', 'downsample.1')
        shapes |= {f'{norm}.{kind}': (out,) for kind in _NORM}
    positions = size_of(state, 'attnpool.positional_embedding', 0, source)
    shapes['attnpool.positional_embedding'] = (positions, inputs)
    for letter, out in (('q', inputs), ('k', inputs), ('v', inputs), ('c', outputs)):
        shapes[f'attnpool.{letter}_proj.weight'] = (out, inputs)
        shapes[f'attnpool.{letter}_proj.bias'] = (out,)
    return shapes


def _metadata(path: str | os.PathLike[str], file_format: str) -> dict[str, str]:
    return {
        'format': file_format,
        'converted_from': resolve_file(path).name,
        'source_sha256': sha256_of(resolve_file(path)),
    }
