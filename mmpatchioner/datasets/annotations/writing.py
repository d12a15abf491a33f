"""Writing of annotations as JSON Lines, the format for one's own data."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any

from mmpatchioner.datasets.annotations.base import AnnotatedImage, CaptionedRegion
from mmpatchioner.files import replacing


def region_entry(region: CaptionedRegion) -> dict[str, Any]:
    """A region as plain lists: ``captions`` and, by task, ``bbox``, ``bboxes`` or ``points``.

    Example:
        >>> region_entry(CaptionedRegion(('a cat',), bbox=(0.0, 0.0, 9.0, 9.0)))
        {'captions': ['a cat'], 'bbox': [0.0, 0.0, 9.0, 9.0]}
    """
    entry: dict[str, Any] = {'captions': list(region.captions)}
    if region.bbox is not None:
        entry['bbox'] = list(region.bbox)
    if region.bboxes is not None:
        entry['bboxes'] = [list(box) for box in region.bboxes]
    if region.points is not None:
        entry['points'] = [list(point) for point in region.points]
    return entry


def image_entry(image: AnnotatedImage) -> dict[str, Any]:
    """The line of an image: ``image``, ``image_id`` if another, ``width`` and ``height`` if known, ``regions``."""
    entry: dict[str, Any] = {'image': image.file_name}
    if image.image_id != image.file_name:
        entry['image_id'] = image.image_id
    if image.width is not None:
        entry.update(width=image.width, height=image.height)
    return {**entry, 'regions': [region_entry(region) for region in image.regions]}


def write_lines(path: str | os.PathLike[str], entries: Iterable[dict[str, Any]]) -> int:
    """Write objects as JSON Lines, one after the other, and put the file in its place when the last is written.

    Returns:
        How many there were.
    """
    count = 0
    with replacing(path) as scratch, scratch.open('w', encoding='utf-8') as file:
        for entry in entries:
            file.write(json.dumps(entry, ensure_ascii=False) + '\n')
            count += 1
    return count
