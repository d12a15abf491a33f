"""Annotated regions as drawings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmpatchioner.visualization.shapes import RegionShape


def reference_shapes(
    regions: Sequence[dict[str, Any]], size: tuple[int, int], all_captions: bool = False
) -> list[RegionShape]:
    """Shapes of the regions that a dataset annotates.

    Args:
        regions: Each with ``captions`` and, by task, ``bbox`` (xyxy, pixels), ``bboxes`` or ``points`` (shares of width
            and height).
        size: (height, width) of the image.
        all_captions: Write all captions of a region, not the first and how many more there are.

    Example:
        >>> reference_shapes([{'bbox': [0, 0, 9, 9], 'captions': ['a dog', 'a brown dog']}], (20, 20))[0].text
        'a dog (+1)'
    """
    return [_shape(region, size, _label(region['captions'], all_captions)) for region in regions]


def _shape(region: dict[str, Any], size: tuple[int, int], text: str) -> RegionShape:
    height, width = size
    if 'bbox' in region:
        return RegionShape('box', text, boxes=np.array([region['bbox']]))
    if region.get('bboxes'):
        return RegionShape('set', text, boxes=np.array(region['bboxes']))
    if region.get('points'):
        return RegionShape('trace', text, points=np.array(region['points']) * (width, height))
    return RegionShape('image', text)


def _label(captions: Sequence[str], all_captions: bool) -> str:
    shown = captions if all_captions else captions[:1]
    more = len(captions) - len(shown)
    text = ' / '.join(caption or '(empty)' for caption in shown)
    return f'{text} (+{more})' if more else text
