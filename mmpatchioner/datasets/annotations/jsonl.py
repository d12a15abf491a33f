"""Users' own annotations: JSON Lines, an image on each line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from mmpatchioner.datasets.annotations.base import (
    AnnotatedImage,
    AnnotationError,
    CaptionedRegion,
    Task,
)
from mmpatchioner.datasets.annotations.documents import Document
from mmpatchioner.datasets.annotations.entries import GEOMETRY, read_captions, read_region
from mmpatchioner.datasets.annotations.fields import as_id, as_list, as_size, as_text, names, take


def is_jsonl(document: Document) -> bool:
    """Whether the file has an object with ``image`` on each line."""
    first = document.first
    return (
        not document.is_list
        and isinstance(first, dict)
        and 'image' in first
        and not {'regions', 'captions', 'caption'}.isdisjoint(first)
    )


def read_jsonl(
    document: Document, task: Task, splits: Iterable[str] | None = None
) -> tuple[list[AnnotatedImage], Counter[str]]:
    """Read lines of ``{"image", "width"?, "height"?, "split"?, "regions": [...]}``.

    A region is ``{"bbox" | "bboxes" | "points", "captions" | "caption" | "phrases"}``. For the task ``'image'`` a line
    has ``captions`` in place of ``regions``. The name of the image is its id, unless there is an ``image_id``.

    Args:
        document: The file.
        task: What is captioned.
        splits: Keep the images of these splits; None keeps all.

    Returns:
        Images and how many were left out.

    Raises:
        AnnotationError: if a line is of another form, or no image is left.
    """
    wanted = None if splits is None else {splits} if isinstance(splits, str) else set(splits)
    images: list[AnnotatedImage] = []
    counts: Counter[str] = Counter()
    seen: set[str] = set()
    for where, entry in document.items():
        file_name = take(entry, 'image', as_text, where)
        split = entry.get('split')
        seen.add(str(split))
        if wanted is not None and split not in wanted:
            counts['images of other splits'] += 1
            continue
        image_id = take(entry, 'image_id', as_id, where) if 'image_id' in entry else file_name
        width, height = as_size(entry, where)
        regions = _read_regions(entry, task, where)
        images.append(AnnotatedImage(image_id, file_name, regions, width, height))
    if wanted and not images:
        raise AnnotationError(
            f'{document.name}: expected images of the splits {sorted(wanted)}, it has {sorted(seen)}.'
        )
    return images, counts


def _read_regions(entry: dict[str, Any], task: Task, where: str) -> tuple[CaptionedRegion, ...]:
    if task == 'image':
        if 'captions' not in entry and 'caption' not in entry:
            raise AnnotationError(
                f"{where}: expected 'captions' for the task 'image', got {names(entry)}."
            )
        return (CaptionedRegion(read_captions(entry, where)),)
    if 'regions' not in entry:
        raise AnnotationError(
            f"{where}: expected 'regions', each with {GEOMETRY[task]!r}, for the task {task!r}, got {names(entry)}."
        )
    regions = take(entry, 'regions', as_list, where)
    return tuple(
        read_region(region, task, f'{where}, region {index}')
        for index, region in enumerate(regions)
    )
