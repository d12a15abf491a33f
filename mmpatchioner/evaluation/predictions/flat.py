"""Lists with an entry for each caption: COCO's caption results, detections, and GRiT's results."""

from __future__ import annotations

from mmpatchioner.datasets.annotations import Task
from mmpatchioner.datasets.annotations.boxes import xywh_to_xyxy
from mmpatchioner.datasets.annotations.documents import Document
from mmpatchioner.datasets.annotations.fields import (
    as_box,
    as_id,
    as_number,
    as_texts,
    take,
)
from mmpatchioner.evaluation.predictions.base import PredictedCaption, PredictedImage
from mmpatchioner.evaluation.predictions.by_image import read_caption


def is_grit(document: Document) -> bool:
    """Whether the file is a list of objects with ``object_descriptions``."""
    return _has_keys(document, {'image_id', 'object_descriptions'})


def is_flat(document: Document) -> bool:
    """Whether the file is a list of objects with ``image_id`` and ``caption``."""
    return _has_keys(document, {'image_id', 'caption'})


def read_grit(document: Document) -> list[PredictedImage]:
    """Read GRiT's ``vg_instances_results.json``.

    An entry is ``{"image_id", "bbox", "score", "object_descriptions"}``; ``bbox`` is **[x, y, width, height]** in an
    image whose longest side is 720 pixels.

    Args:
        document: The file.

    Raises:
        AnnotationError: if a value is missing or of another form.
    """
    captions: dict[str, list[PredictedCaption]] = {}
    for where, entry in document.items():
        image_id = take(entry, 'image_id', as_id, where)
        caption = PredictedCaption(
            ' '.join(take(entry, 'object_descriptions', as_texts, where)),
            take(entry, 'score', as_number, where),
            xywh_to_xyxy(take(entry, 'bbox', as_box, where)),
        )
        captions.setdefault(image_id, []).append(caption)
    return _images(captions)


def read_flat(document: Document, task: Task) -> list[PredictedImage]:
    """Read a list of ``{"image_id", "caption"}``; for the task ``'dense'`` with ``bbox``, xyxy, and ``score``.

    Args:
        document: The file.
        task: What was captioned.

    Raises:
        AnnotationError: if a value is missing or of another form.
    """
    captions: dict[str, list[PredictedCaption]] = {}
    for where, entry in document.items():
        image_id = take(entry, 'image_id', as_id, where)
        captions.setdefault(image_id, []).append(read_caption(entry, task, where))
    return _images(captions)


def _images(captions: dict[str, list[PredictedCaption]]) -> list[PredictedImage]:
    return [PredictedImage(image_id, tuple(group)) for image_id, group in captions.items()]


def _has_keys(document: Document, keys: set[str]) -> bool:
    first = document.first
    return document.is_list and isinstance(first, dict) and keys <= set(first)
