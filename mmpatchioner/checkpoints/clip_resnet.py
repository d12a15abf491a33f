"""CLIP's ResNets, as OpenAI's code and open_clip name their tensors, as weights of ours."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping

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
from mmpatchioner.checkpoints.loading import load_state_dict

IGNORED_GROUPS = {
    'context_length': 'a size',
    'input_resolution': 'a size',
    'ln_final': 'the text tower',
    'logit_scale': 'temperature of the training',
    'positional_embedding': 'the text tower',
    'text_projection': 'the text tower',
    'token_embedding': 'the text tower',
    'transformer': 'the text tower',
    'vocab_size': 'a size',
}
"""Groups of a whole CLIP that captions do not need, and what they are."""

_CONV = ('weight',)
_NORM = ('weight', 'bias', 'running_mean', 'running_var')
_BLOCK = re.compile(r'layer(\d+)\.(\d+)\.')
_COUNTER = 'num_batches_tracked'


def convert_clip_resnet(path: str | os.PathLike[str]) -> Converted:
    """Convert the image tower of a whole CLIP, e.g. open_clip's ``open_clip_model.safetensors`` of RN50x4.

    Args:
        path: The file, read as tensors alone.

    Returns:
        Weights of :class:`mmpatchioner.models.necks.CLIPResNetNeck`.

    Raises:
        CheckpointError: if the file cannot be read safely, holds a group that is not known, or a tensor of the image
            tower is missing, unknown or of another shape.
    """
    published = load_state_dict(path, strip_prefix='module.')
    state, moves = select_group(published, 'visual', IGNORED_GROUPS, str(path))
    tensors, tower_moves = convert_resnet(state, 'visual', str(path))
    metadata = {'format': 'mmpatchioner.clip_resnet', **provenance(path)}
    return Converted(tensors, [*moves, *tower_moves], metadata)


def convert_resnet(
    state: Mapping[str, Tensor], group: str, source: str
) -> tuple[dict[str, Tensor], list[Move]]:
    """Convert the tensors of one ResNet.

    Args:
        state: The tensors, without the name of their group.
        group: That name, for the report.
        source: The file, for messages.

    Returns:
        Tensors named as in :class:`mmpatchioner.models.necks.CLIPResNetNeck`, and their way.

    Raises:
        CheckpointError: if a tensor is missing, unknown or of another shape.
    """
    counters = [name for name in state if name.endswith(_COUNTER)]
    moves = [Move(f'{group}.{name}', None, (), 'counter, left out') for name in counters]
    weights = {name: tensor for name, tensor in state.items() if name not in counters}
    names = _names(weights)
    check_names(weights, names, source, f"the tensors of CLIP's ResNet under `{group}.`")
    check_shapes(weights, _shapes(weights, source), source)
    tensors = {}
    for theirs, ours in names.items():
        tensors[f'backbone.{ours}'] = weights[theirs].float().contiguous()
        moves.append(Move(f'{group}.{theirs}', f'backbone.{ours}', tuple(weights[theirs].shape)))
    return tensors, moves


def clip_resnet_arguments(converted: Converted) -> dict[str, object]:
    """Arguments of ``ModifiedResNet`` that the sizes of converted weights call for."""
    state = {name.removeprefix('backbone.'): t for name, t in converted.tensors.items()}
    positions = len(state['attnpool.positional_embedding'])
    counts = Counter(stage for stage, _ in _blocks(state))
    return {
        'layers': tuple(counts.values()),
        'width': len(state['conv3.weight']),
        'out_dims': len(state['attnpool.c_proj.weight']),
        'side': round((positions - 1) ** 0.5),
    }


def _blocks(state: Iterable[str]) -> list[tuple[int, int]]:
    """Stage and number of every block that a ResNet must have to hold the last ones that are there."""
    counts: dict[int, int] = {1: 1}
    for stage, index in (match.groups() for name in state if (match := _BLOCK.match(name))):
        counts[int(stage)] = max(counts.get(int(stage), 0), int(index) + 1)
    stages = range(1, max(counts) + 1)
    return [(stage, index) for stage in stages for index in range(counts.get(stage, 1))]


def _names(state: Iterable[str]) -> dict[str, str]:
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


def _shapes(state: Mapping[str, Tensor], source: str) -> dict[str, tuple[int, ...]]:
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
