"""Vectors of different spaces must not meet: backbone, memory and decoder of a captioner belong together."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from torch import nn

from mmpatchioner.checkpoints import CheckpointError
from mmpatchioner.models.necks.feature_transform import FeatureTransform

_BRIDGES = ('bridge', 'image_bridge')
_WIDTHS = ('embed_dims', 'prefix_dims')  # of the vectors that a part reads


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
    decoder = getattr(head, 'decoder', None)
    bridges = {f'caption_head.{name}': getattr(head, name, None) for name in _BRIDGES}
    decoders = {
        'caption_head.decoder': decoder,
        'caption_head.decoder.hard_prompt': getattr(decoder, 'hard_prompt', None),
    }
    # A bridge may lead into another space; the decoder then belongs to that one.
    leading = {f'{name} (output)': b for name, b in bridges.items() if hasattr(b, 'out_dims')}
    spaces = {'neck.feature_transform': _transform_space(neck), **_each(bridges, 'space')}
    widths = {'neck': getattr(neck, 'embed_dims', None), **_each(bridges, *_WIDTHS)}
    if (suffix := getattr(neck, 'class_space_suffix', None)) is not None:
        feature = getattr(head, 'region_feature', 'patches')
        _check_half(feature, suffix, spaces | _each(decoders, 'space'))
    _compare(spaces, 'is of the space')
    _compare((_each(leading, 'out_space') or spaces) | _each(decoders, 'space'), 'is of the space')
    _compare(widths, 'has vectors of width')
    _compare(
        (_each(leading, 'out_dims') or widths) | _each(decoders, *_WIDTHS), 'has vectors of width'
    )


def _each(parts: dict[str, nn.Module | None], *attributes: str) -> dict[str, Any]:
    """The first of the attributes that a part has, by its name; None where it has none."""
    return {
        name: next((getattr(part, key) for key in attributes if hasattr(part, key)), None)
        for name, part in parts.items()
    }


def _check_half(feature: str, suffix: str, spaces: dict[str, str | None]) -> None:
    """Refuse texts that belong to the class token beside patches, and the other way round."""
    for name, space in spaces.items():
        if space is not None and space.endswith(suffix) != (feature == 'cls'):
            half = 'class' if feature == 'cls' else 'patches'
            raise CheckpointError(
                f'model: {name} is of the space {space!r}, which does not belong to '
                f"caption_head.region_feature={feature!r}; build it with the text encoder's half={half!r}."
            )


def _transform_space(neck: nn.Module | None) -> str | None:
    modules = neck.modules() if neck is not None else ()
    return next((part.space for part in modules if isinstance(part, FeatureTransform)), None)


def _compare(values: dict[str, Any], relation: str) -> None:
    named = [(name, value) for name, value in values.items() if value is not None]
    for (first, wanted), (second, found) in pairwise(named):
        if found != wanted:
            raise CheckpointError(
                f'model: {first} {relation} {wanted!r} and {second} of {found!r}; they do not belong together. Name '
                'files of one space in the config: build the memory with the text encoder of that space '
                '(tools/build_memory.py), or convert the file that belongs to it (--space names the space).'
            )
