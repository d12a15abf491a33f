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
    bridges = {f'caption_head.{name}': getattr(head, name, None) for name in _MEMORIES}
    decoder = getattr(head, 'decoder', None)
    spaces = {'neck.feature_transform': _transform_space(neck)}
    spaces |= {name: getattr(bridge, 'space', None) for name, bridge in bridges.items()}
    widths = {'neck': getattr(neck, 'embed_dims', None)}
    widths |= {name: _width(bridge) for name, bridge in bridges.items()}
    # A bridge may lead into another space; the decoder then belongs to that one.
    leading = {f'{name} (output)': b for name, b in bridges.items() if hasattr(b, 'out_dims')}
    out_spaces = {name: getattr(bridge, 'out_space', None) for name, bridge in leading.items()}
    out_widths = {name: getattr(bridge, 'out_dims', None) for name, bridge in leading.items()}
    decoder_space = {'caption_head.decoder': getattr(decoder, 'space', None)}
    decoder_width = {'caption_head.decoder': _width(decoder)}
    _compare(spaces, 'is of the space')
    _compare((out_spaces or spaces) | decoder_space, 'is of the space')
    _compare(widths, 'has vectors of width')
    _compare((out_widths or widths) | decoder_width, 'has vectors of width')


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
