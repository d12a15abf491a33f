"""Visual Genome as ControlCap's converter writes it: the ground truth of the paper's dense captioning."""

from __future__ import annotations

from collections import Counter

from mmpatchioner.datasets.annotations.base import AnnotatedImage
from mmpatchioner.datasets.annotations.coco_like import first_annotation, read_boxed_captions
from mmpatchioner.datasets.annotations.documents import Document


def is_controlcap(document: Document) -> bool:
    """Whether the file has ``images`` and ``annotations`` with ``bbox`` and ``caption``, but without categories."""
    annotation = first_annotation(document)
    return annotation is not None and {'bbox', 'caption'} <= set(annotation)


def read_controlcap(document: Document) -> tuple[list[AnnotatedImage], Counter[str]]:
    """Read ``{"images": [...], "annotations": [{"image_id", "caption", "bbox"}]}``.

    The file looks like COCO's, but ``bbox`` is **[x1, y1, x2, y2]**, in pixels of the original image.

    Args:
        document: The file.

    Returns:
        Images that have a region, and how many were left out.

    Raises:
        AnnotationError: if a value is missing or of another form.
    """
    return read_boxed_captions(document, is_xywh=False)
