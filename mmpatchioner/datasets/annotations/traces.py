"""Mouse traces with captions, in the schema of the published trace captioning benchmark."""

from __future__ import annotations

from collections import Counter

from mmpatchioner.datasets.annotations.base import (
    AnnotatedImage,
    AnnotationError,
    CaptionedRegion,
)
from mmpatchioner.datasets.annotations.documents import Document
from mmpatchioner.datasets.annotations.entities import split_captions
from mmpatchioner.datasets.annotations.fields import as_list, as_object, as_point, as_text, take
from mmpatchioner.datasets.annotations.image_names import are_coco_ids, image_name

_COCO_NAMES = 'val2017/{number:012d}.jpg'


def is_traces(document: Document) -> bool:
    """Whether the file is an object of ``{"captions", "traces"}`` by image id."""
    first = document.first
    if document.is_list or not isinstance(first, dict) or not first:
        return False
    samples = next(iter(first.values()))
    return isinstance(samples, dict) and {'captions', 'traces'} <= set(samples)


def read_traces(
    document: Document, image_names: str | None = None
) -> tuple[list[AnnotatedImage], Counter[str]]:
    r"""Read ``{"image_id": {"captions": [...], "traces": [[{"x", "y", "t"}, ...], ...]}}``.

    The lists are parallel: each caption and its trace are a sample. A caption may be several references, joined by
    newlines. x and y are shares of the image; points outside of [0, 1] are kept.

    Args:
        document: The file.
        image_names: File names of the images; see :func:`image_name`. None takes COCO 2017's where all ids can be
            COCO's, and else ``ID.jpg``.

    Returns:
        Images and an empty count.

    Raises:
        AnnotationError: if a value is of another form, or there are more captions than traces or fewer.
    """
    content = as_object(document.value, document.name)
    template = image_names or (_COCO_NAMES if are_coco_ids(content) else '{id}.jpg')
    images = []
    for image_id, samples in content.items():
        where = f'{document.name}, image {image_id}'
        captions = take(samples, 'captions', as_list, where)
        traces = take(samples, 'traces', as_list, where)
        if len(captions) != len(traces):
            raise AnnotationError(
                f'{where}: expected one trace for each caption, got {len(captions)} captions and {len(traces)} traces.'
            )
        regions = tuple(
            CaptionedRegion(
                split_captions(as_text(caption, where)),
                points=tuple(as_point(point, where) for point in as_list(trace, where)),
            )
            for caption, trace in zip(captions, traces, strict=True)
        )
        images.append(AnnotatedImage(image_id, image_name(image_id, template), regions))
    return images, Counter()
