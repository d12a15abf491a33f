"""RegionCLIP's published checkpoints, of detectron2, as weights of ours.

A file holds a whole detector in training. Two groups of it are taken: ``backbone.*``, the image tower, and
``lang_encoder.*``, CLIP's text tower. What belongs to finding regions and to the teacher is left out by name.
"""

from __future__ import annotations

import os

from torch import Tensor

from mmpatchioner.checkpoints.clip_resnet import convert_resnet
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
    tensors, tower_moves = convert_resnet(state, 'backbone', str(path))
    metadata = {'format': 'mmpatchioner.regionclip_image_tower', **provenance(path)}
    return Converted(tensors, [*moves, *tower_moves], metadata)


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
    return Converted(
        tensors, moves, {'format': 'mmpatchioner.regionclip_text_tower', **provenance(path)}
    )


def _group(path: str | os.PathLike[str], wanted: str) -> tuple[dict[str, Tensor], list[Move]]:
    """Tensors of one tower without the name of its group, and the way of all others."""
    published = load_state_dict(path, strip_prefix='module.')
    others = {**IGNORED_GROUPS, **dict.fromkeys(_TOWERS, 'the other tower')}
    del others[wanted]
    return select_group(published, wanted, others, str(path))
