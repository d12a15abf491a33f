"""Published Talk2DINO projections as weights of ``TextProjection``."""

from __future__ import annotations

import os
import re

from mmpatchioner.checkpoints.conversion import (
    Converted,
    Move,
    check_names,
    check_shapes,
    provenance,
    sha256_of,
    size_of,
)
from mmpatchioner.checkpoints.errors import CheckpointError
from mmpatchioner.checkpoints.loading import load_space, load_state_dict, resolve_file

PATCHIONER_SPACE = 'talk2dino-vitb14-reg'
"""Of the projection in the Patch-ioner repository, and so of the decoders, memories and vocabularies there."""

# Two projections are published under one name, with equal shapes and different numbers: vectors of one do not belong
# to memories and decoders of the other (mean cosine 0.9). Told apart by the beginning of the file's SHA-256.
_ORIGINS = {
    '5f6efcc5': ('Talk2DINO repository', 'talk2dino-vitb14-reg-original'),
    '5db3e85d': ('Patch-ioner repository', PATCHIONER_SPACE),
}
_UNKNOWN = ('unknown', None)
_HIDDEN = re.compile(r'hidden_layers\.(\d+)\.(?:weight|bias)')
_LEGACY = ('linear_layer2.', 'hidden_layers.0.')


def talk2dino_origin(sha256: str) -> str:
    """Which published ``vitb_mlp_infonce.pth`` a hash belongs to.

    Example:
        >>> talk2dino_origin('5db3e85d8745a621')
        'Patch-ioner repository'
    """
    return _ORIGINS.get(sha256[:8], _UNKNOWN)[0]


def talk2dino_space(path: str | os.PathLike[str]) -> str | None:
    """Name of the space that a projection maps texts into; None if the file tells none.

    Args:
        path: A converted file, which names it, or a published one, which is recognised by its hash.

    Raises:
        CheckpointError: if the file is missing or damaged.
    """
    return load_space(path) or _ORIGINS.get(sha256_of(resolve_file(path))[:8], _UNKNOWN)[1]


def convert_talk2dino(path: str | os.PathLike[str], space: str | None = None) -> Converted:
    """Convert a published projection of CLIP text vectors into a space of DINO patches.

    Args:
        path: The ``.pth`` file, read as tensors alone. The second layer may have its old name ``linear_layer2``.
        space: Name of the space that it maps into; None is that of a file that is recognised.

    Returns:
        Weights of :class:`mmpatchioner.models.text_encoders.TextProjection`, with ``origin``, ``source_sha256`` and,
        where it is known, ``space`` in the metadata.

    Raises:
        CheckpointError: if the file cannot be read safely, its tensors are not a chain of linear layers, or it is
            recognised as one of another space.
    """
    source = str(path)
    state = load_state_dict(path, strip_prefix='module.')
    names = {
        name: name.replace(*_LEGACY) if name.startswith(_LEGACY[0]) else name for name in state
    }
    if len(set(names.values())) != len(names):
        raise CheckpointError(
            f'{source}: holds the second layer twice, as {_LEGACY[0]}* and as {_LEGACY[1]}*.'
        )
    tensors = {ours: state[theirs] for theirs, ours in names.items()}
    hidden = {found[1] for name in tensors if (found := _HIDDEN.fullmatch(name))}
    chain = ['linear_layer', *(f'hidden_layers.{index}' for index in range(len(hidden)))]
    expected = [f'{layer}.{kind}' for layer in chain for kind in ('weight', 'bias')]
    check_names(tensors, expected, source, 'the linear layers of a Talk2DINO projection')
    shapes: dict[str, tuple[int, ...]] = {}
    width = size_of(tensors, 'linear_layer.weight', 1, source)
    for layer in chain:
        outputs = size_of(tensors, f'{layer}.weight', 0, source)
        shapes[f'{layer}.weight'], shapes[f'{layer}.bias'] = (outputs, width), (outputs,)
        width = outputs
    check_shapes(tensors, shapes, source)
    record = provenance(path)
    origin, own_space = _ORIGINS.get(record['source_sha256'][:8], _UNKNOWN)
    if None not in (space, own_space) and space != own_space:
        raise CheckpointError(
            f'{source}: is the file of the {origin}, of the space {own_space!r}; it can not be named {space!r}, which '
            'would let it meet memories and decoders that do not belong to it. Leave the space out.'
        )
    space = space or own_space
    moves = [
        Move(theirs, ours, shapes[ours], '' if theirs == ours else 'old name')
        for theirs, ours in names.items()
    ]
    metadata = {
        'format': 'mmpatchioner.projection',
        **record,
        'origin': origin,
        **({'space': space} if space else {}),
    }
    return Converted({name: tensors[name].float() for name in expected}, moves, metadata)
