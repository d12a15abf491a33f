"""The simplest file of annotations: an object of lists by image id."""

from __future__ import annotations

from collections import Counter
from typing import Any

from mmpatchioner.datasets.annotations.base import (
    AnnotatedImage,
    AnnotationError,
    CaptionedRegion,
    Task,
)
from mmpatchioner.datasets.annotations.documents import Document
from mmpatchioner.datasets.annotations.entries import read_region
from mmpatchioner.datasets.annotations.fields import as_list, as_object, as_text
from mmpatchioner.datasets.annotations.image_names import image_name


def is_simple(document: Document) -> bool:
    """Whether the file is an object of lists of objects (or of texts) by image id."""
    first = document.first
    if document.is_list or not isinstance(first, dict) or not first or 'images' in first:
        return False
    return all(
        isinstance(value, list) and all(isinstance(item, (dict, str)) for item in value[:1])
        for value in first.values()
    )


def read_simple(
    document: Document, task: Task, image_names: str = '{id}.jpg'
) -> tuple[list[AnnotatedImage], Counter[str]]:
    """Read ``{"image_id": [{"bbox": [x1, y1, x2, y2], "caption": ...}]}``, boxes in original pixels.

    Other tasks have ``bboxes`` or ``points`` in place of ``bbox``; for the task ``'image'`` the lists may hold the
    captions themselves.

    Args:
        document: The file.
        task: What is captioned.
        image_names: File names of the images; see :func:`image_name`. Ids with a suffix are names already.

    Returns:
        Images and an empty count.

    Raises:
        AnnotationError: if a value is of another form.
    """
    content = as_object(document.value, document.name)
    images = []
    for image_id, entries in content.items():
        where = f'{document.name}, image {image_id}'
        as_list(entries, where)
        regions = (
            _image_captions(entries, where) if task == 'image' else _regions(entries, task, where)
        )
        images.append(AnnotatedImage(image_id, image_name(image_id, image_names), regions))
    return images, Counter()


def _regions(entries: list[Any], task: Task, where: str) -> tuple[CaptionedRegion, ...]:
    return tuple(
        read_region(entry, task, f'{where}, region {index}') for index, entry in enumerate(entries)
    )


def _image_captions(entries: list[Any], where: str) -> tuple[CaptionedRegion, ...]:
    captions: list[str] = []
    for entry in entries:
        if isinstance(entry, str):
            captions.append(as_text(entry, where))
        else:
            captions.extend(read_region(entry, 'image', where).captions)
    if not captions:
        raise AnnotationError(f'{where}: expected at least one caption, got an empty list.')
    return (CaptionedRegion(tuple(captions)),)
