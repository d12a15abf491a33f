"""Visual Genome as GRiT has it: LVIS's format with captions."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from mmpatchioner.datasets.annotations.base import AnnotatedImage, AnnotationError
from mmpatchioner.datasets.annotations.coco_like import first_annotation, read_boxed_captions
from mmpatchioner.datasets.annotations.documents import Document


def is_grit(document: Document) -> bool:
    """Whether the file has annotations with ``bbox``, ``caption`` and a category."""
    annotation = first_annotation(document)
    return annotation is not None and {'bbox', 'caption', 'category_id'} <= set(annotation)


def read_grit(
    document: Document, longest_side: int | None = None
) -> tuple[list[AnnotatedImage], Counter[str]]:
    """Read LVIS's format with a ``caption`` in each annotation; ``bbox`` is **[x, y, width, height]**.

    Args:
        document: The file.
        longest_side: Pixels of the longest side of the images that the boxes belong to, where these were resized: 720
            for files made for the original evaluator. None if the boxes are in pixels of the original images.

    Returns:
        Images that have a region, boxes xyxy in original pixels, and how many were left out.

    Raises:
        AnnotationError: if a value is missing or of another form.
    """
    images, counts = read_boxed_captions(document, is_xywh=True)
    if longest_side is None:
        return images, counts
    return [_at_original_size(image, longest_side, document.name) for image in images], counts


def _at_original_size(image: AnnotatedImage, longest_side: int, name: str) -> AnnotatedImage:
    if image.width is None or image.height is None:
        raise AnnotationError(
            f"{name}, image {image.image_id}: expected 'width' and 'height', which longest_side={longest_side} needs."
        )
    scale = max(image.width, image.height) / longest_side
    regions = []
    for region in image.regions:
        x1, y1, x2, y2 = (value * scale for value in region.bbox or ())
        regions.append(replace(region, bbox=(x1, y1, x2, y2)))
    return replace(image, regions=tuple(regions))
