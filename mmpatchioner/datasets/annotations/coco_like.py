"""Files with a list of ``images`` and a list of ``annotations``, as COCO has them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from mmpatchioner.datasets.annotations.base import (
    AnnotatedImage,
    AnnotationError,
    CaptionedRegion,
)
from mmpatchioner.datasets.annotations.boxes import xywh_to_xyxy
from mmpatchioner.datasets.annotations.documents import Document
from mmpatchioner.datasets.annotations.fields import as_box, as_id, as_list, as_size, as_text, take

Record = dict[str, Any]


def first_annotation(document: Document) -> Record | None:
    """An annotation of a file with ``images`` and ``annotations``, to tell its format by; None for other files.

    A file without annotations gives an empty one.
    """
    first = document.first
    if document.is_list or not isinstance(first, dict) or 'images' not in first:
        return None
    annotations = first.get('annotations') or [{}]
    if not isinstance(annotations, list) or not isinstance(annotations[0], dict):
        return None
    return annotations[0]


def grouped(content: Any, name: str) -> Iterator[tuple[str, Record, list[Record]]]:
    """Images with their annotations, both in the order of the file.

    Args:
        content: Value of the file.
        name: Of the file, for messages.

    Yields:
        Where the image stands, for messages; its record; the records of its annotations.

    Raises:
        AnnotationError: if a list is missing, or an annotation belongs to no image of the file.
    """
    images = take(content, 'images', as_list, name)
    by_image: dict[str, list[Record]] = {take(image, 'id', as_id, name): [] for image in images}
    for index, annotation in enumerate(take(content, 'annotations', as_list, name)):
        where = f'{name}, annotation {index}'
        image_id = take(annotation, 'image_id', as_id, where)
        if image_id not in by_image:
            raise AnnotationError(
                f"{where}: expected the id of one of the file's {len(images):,} images, got {image_id!r}."
            )
        by_image[image_id].append(annotation)
    for image in images:
        image_id = str(image['id'])
        yield f'{name}, image {image_id}', image, by_image[image_id]


def read_boxed_captions(
    document: Document, *, is_xywh: bool
) -> tuple[list[AnnotatedImage], Counter[str]]:
    """Read annotations that each have a ``bbox`` and a ``caption``.

    Args:
        document: The file.
        is_xywh: Whether ``bbox`` is [x, y, width, height] and not [x1, y1, x2, y2].

    Returns:
        Images that have a box, boxes xyxy; and how many were left out because they have none.

    Raises:
        AnnotationError: if a value is missing or of another form.
    """
    images: list[AnnotatedImage] = []
    counts: Counter[str] = Counter()
    for where, image, records in grouped(document.value, document.name):
        regions = []
        for index, annotation in enumerate(records):
            place = f'{where}, annotation {index}'
            box = take(annotation, 'bbox', as_box, place)
            captions = (take(annotation, 'caption', as_text, place),)
            regions.append(CaptionedRegion(captions, bbox=xywh_to_xyxy(box) if is_xywh else box))
        if regions:
            images.append(make_image(image, tuple(regions), where))
        else:
            counts['images without annotation left out'] += 1
    return images, counts


def make_image(image: Record, regions: tuple[CaptionedRegion, ...], where: str) -> AnnotatedImage:
    """An image of its record; without a file name it is called after its id.

    Raises:
        AnnotationError: if name or size are of another form.
    """
    image_id = as_id(image['id'], where)
    file_name = as_text(image.get('file_name', f'{image_id}.jpg'), f"{where}, 'file_name'")
    width, height = as_size(image, where)
    return AnnotatedImage(image_id, file_name, regions, width, height)
