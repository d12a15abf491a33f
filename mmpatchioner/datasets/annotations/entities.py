"""Sets of regions: COCO Entities and Flickr30k Entities, as the authors of Patch-ioner publish them."""

from __future__ import annotations

from collections import Counter

from mmpatchioner.datasets.annotations.base import AnnotatedImage, CaptionedRegion
from mmpatchioner.datasets.annotations.documents import Document
from mmpatchioner.datasets.annotations.fields import as_box, as_list, as_object
from mmpatchioner.datasets.annotations.image_names import are_coco_ids, image_name

_COCO_NAMES = 'COCO_val2014_{number:012d}.jpg'


def is_entities(document: Document) -> bool:
    """Whether the file is an object of objects by image id, whose values are lists of boxes."""
    first = document.first
    if document.is_list or not isinstance(first, dict) or not first:
        return False
    samples = next(iter(first.values()))
    return (
        isinstance(samples, dict)
        and bool(samples)
        and not {'captions', 'traces'} <= set(samples)
        and all(isinstance(boxes, list) for boxes in samples.values())
    )


def read_entities(
    document: Document, image_names: str | None = None
) -> tuple[list[AnnotatedImage], Counter[str]]:
    r"""Read ``{"image_id": {"caption\nanother caption": [[x1, y1, x2, y2], ...]}}``.

    Each key is a sample; its lines are the references. A list of boxes may be empty, and may have a box twice.

    Args:
        document: The file.
        image_names: File names of the images; see :func:`image_name`. None takes COCO 2014's where all ids can be
            COCO's, and else ``ID.jpg``.

    Returns:
        Images and an empty count.

    Raises:
        AnnotationError: if a value is of another form.
    """
    content = as_object(document.value, document.name)
    template = image_names or (_COCO_NAMES if are_coco_ids(content) else '{id}.jpg')
    images = []
    for image_id, samples in content.items():
        where = f'{document.name}, image {image_id}'
        regions = tuple(
            CaptionedRegion(
                split_captions(captions),
                bboxes=tuple(as_box(box, where) for box in as_list(boxes, where)),
            )
            for captions, boxes in as_object(samples, where).items()
        )
        images.append(AnnotatedImage(image_id, image_name(image_id, template), regions))
    return images, Counter()


def split_captions(text: str) -> tuple[str, ...]:
    r"""References that were joined by newlines.

    Example:
        >>> split_captions('a man rides\na rider on a horse .')
        ('a man rides', 'a rider on a horse .')
    """
    return tuple(line.strip() for line in text.split('\n'))
