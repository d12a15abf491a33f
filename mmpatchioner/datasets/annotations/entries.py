"""Regions as our own files write them: an object with coordinates and captions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmpatchioner.datasets.annotations.base import AnnotationError, CaptionedRegion, Task
from mmpatchioner.datasets.annotations.fields import (
    as_box,
    as_list,
    as_object,
    as_point,
    as_texts,
    names,
    take,
)

_CAPTION_KEYS = ('captions', 'caption', 'phrases')
GEOMETRY: dict[Task, str | None] = {
    'dense': 'bbox',
    'region_set': 'bboxes',
    'trace': 'points',
    'image': None,
}
"""The key of a region's coordinates, by task."""


def read_region(entry: Any, task: Task, where: str) -> CaptionedRegion:
    """Read ``{"bbox" | "bboxes" | "points", "captions" | "caption" | "phrases"}``.

    Args:
        entry: The object.
        task: Decides which coordinates are needed; those of other tasks are left out.
        where: File and place, for messages.

    Raises:
        AnnotationError: if coordinates or captions are missing or of another form.

    Example:
        >>> read_region({'bbox': [0, 0, 9, 9], 'caption': 'a cat'}, 'dense', 'my.json')
        CaptionedRegion(captions=('a cat',), bbox=(0.0, 0.0, 9.0, 9.0), bboxes=None, points=None)
    """
    captions = read_captions(as_object(entry, where), where)
    key = GEOMETRY[task]
    if key is None:
        return CaptionedRegion(captions)
    if key not in entry:
        raise AnnotationError(
            f'{where}: expected the key {key!r} for the task {task!r}, got {names(entry)}.'
        )
    if task == 'dense':
        return CaptionedRegion(captions, bbox=take(entry, key, as_box, where))
    values = take(entry, key, as_list, where)
    if task == 'region_set':
        return CaptionedRegion(captions, bboxes=tuple(as_box(box, where) for box in values))
    return CaptionedRegion(captions, points=tuple(as_point(point, where) for point in values))


def read_captions(entry: Mapping[str, Any], where: str) -> tuple[str, ...]:
    """The captions of an object, stripped.

    Raises:
        AnnotationError: if it has none.
    """
    key = next((key for key in _CAPTION_KEYS if key in entry), None)
    captions = () if key is None else as_texts(entry[key], f'{where}, {key!r}')
    if not captions:
        raise AnnotationError(
            f"{where}: expected captions under 'captions', 'caption' or 'phrases', got {names(entry)}."
        )
    return captions
