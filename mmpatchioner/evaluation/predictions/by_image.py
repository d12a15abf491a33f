"""The simplest prediction file: an object of captions by image id."""

from __future__ import annotations

from typing import Any

from mmpatchioner.datasets.annotations import Task
from mmpatchioner.datasets.annotations.documents import Document
from mmpatchioner.datasets.annotations.fields import (
    as_box,
    as_number,
    as_object,
    as_text,
    shorten,
    take,
)
from mmpatchioner.evaluation.predictions.base import (
    PredictedCaption,
    PredictedImage,
    PredictionError,
)


def is_by_image(document: Document) -> bool:
    """Whether the file is an object of captions, or of lists of captions or of objects."""
    first = document.first
    return (
        not document.is_list
        and isinstance(first, dict)
        and 'images' not in first  # of annotations
        and all(
            isinstance(value, str)
            or (isinstance(value, list) and all(isinstance(item, (dict, str)) for item in value))
            for value in first.values()
        )
    )


def read_by_image(document: Document, task: Task) -> list[PredictedImage]:
    """Read ``{"image_id": [{"bbox": [x1, y1, x2, y2], "caption", "score"}]}``.

    For other tasks than ``'dense'`` only the captions are read, which may be texts in place of objects; one text need
    be no list.

    Args:
        document: The file.
        task: What was captioned.

    Raises:
        AnnotationError: if a value is missing or of another form.
        PredictionError: if an image has something else.
    """
    images = []
    for image_id, entries in as_object(document.value, document.name).items():
        where = f'{document.name}, image {image_id}'
        if isinstance(entries, str):
            entries = [entries]
        if not isinstance(entries, list):
            raise PredictionError(f'{where}: expected a list of captions, got {shorten(entries)}.')
        captions = tuple(
            read_caption(entry, task, f'{where}, caption {index}')
            for index, entry in enumerate(entries)
        )
        images.append(PredictedImage(image_id, captions))
    return images


def read_caption(entry: Any, task: Task, where: str) -> PredictedCaption:
    """Read ``{"caption", "score"?, "bbox"}``, or a text for tasks without boxes.

    Raises:
        AnnotationError: if a value is missing or of another form.
    """
    if task != 'dense' and isinstance(entry, str):
        return PredictedCaption(as_text(entry, where))
    caption = take(entry, 'caption', as_text, where)
    score = None if entry.get('score') is None else take(entry, 'score', as_number, where)
    bbox = take(entry, 'bbox', as_box, where) if task == 'dense' else None
    return PredictedCaption(caption, score, bbox)
