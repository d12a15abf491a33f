"""Vectors of different spaces must not meet: backbone, memory and decoder of a captioner belong together."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from mmpatchioner.checkpoints import CheckpointError
from mmpatchioner.models.necks.feature_transform import FeatureTransform

_MEMORIES = ('bridge', 'image_bridge')


def check_spaces(captioner: nn.Module) -> None:
    """Refuse a captioner whose parts were made for different vector spaces.

    Files of this project name their space in their metadata. Two parts are compared where both name one; widths are
    compared always. A mix of equal widths would caption, badly, without an error.

    Args:
        captioner: A model with ``patch_neck`` and ``caption_head``, with its weights. Parts that it lacks, or that have
            neither space nor width, are not compared.

    Raises:
        CheckpointError: naming both parts, their spaces or widths, and the remedy.
    """
    head = getattr(captioner, 'caption_head', None)
    neck = getattr(captioner, 'patch_neck', None)
    parts = {f'caption_head.{name}': getattr(head, name, None) for name in (*_MEMORIES, 'decoder')}
    spaces = {'neck.feature_transform': _transform_space(neck)}
    spaces |= {name: getattr(part, 'space', None) for name, part in parts.items()}
    _compare(spaces, 'is of the space')
    widths = {'neck': getattr(neck, 'embed_dims', None)}
    widths |= {name: _width(part) for name, part in parts.items()}
    _compare(widths, 'has vectors of width')


def _transform_space(neck: nn.Module | None) -> str | None:
    modules = neck.modules() if neck is not None else ()
    return next((part.space for part in modules if isinstance(part, FeatureTransform)), None)


def _width(part: nn.Module | None) -> int | None:
    """Width of the vectors that a bridge or decoder reads."""
    return getattr(part, 'embed_dims', getattr(part, 'prefix_dims', None))


def _compare(values: dict[str, str | None] | dict[str, int | None], relation: str) -> None:
    named = [(name, value) for name, value in values.items() if value is not None]
    for (first, wanted), (second, found) in pairwise(named):
        if found != wanted:
            raise CheckpointError(
                f'model: {first} {relation} {wanted!r} and {second} of {found!r}; they do not belong together. Name '
                'files of one space in the config: build the memory with the text encoder of that space '
                '(tools/build_memory.py), or convert the file that belongs to it (--space names the space).'
            )
