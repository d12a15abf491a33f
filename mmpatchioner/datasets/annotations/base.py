"""What every annotation file of captioned regions is read into."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal, get_args

Task = Literal['dense', 'region_set', 'trace', 'image']
TASKS: tuple[str, ...] = get_args(Task)


class AnnotationError(ValueError):
    """An annotation file can not be used; the message names the file, what was expected and what was found."""


@dataclass(frozen=True)
class CaptionedRegion:
    """One thing that is captioned, with what people wrote of it.

    Attributes:
        captions: References, in the order of the file; an empty text stands for a region described by nothing.
        bbox: Box of the task ``'dense'``, xyxy in original pixels.
        bboxes: Boxes of the task ``'region_set'``, likewise; empty if the file names none.
        points: Mouse trace of the task ``'trace'``, x and y as shares of the image's width and height. Points outside
            of [0, 1] are kept as they are.
    """

    captions: tuple[str, ...]
    bbox: tuple[float, float, float, float] | None = None
    bboxes: tuple[tuple[float, float, float, float], ...] | None = None
    points: tuple[tuple[float, float], ...] | None = None


@dataclass(frozen=True)
class AnnotatedImage:
    """An image with the regions that are captioned in it.

    Attributes:
        image_id: As text, whatever the file has, without leading zeros added or taken away.
        file_name: Below the folder of the images.
        regions: In the order of the file; for the task ``'image'`` exactly one, which has no coordinates.
        width: Pixels, None if the file does not tell.
        height: Likewise.
    """

    image_id: str
    file_name: str
    regions: tuple[CaptionedRegion, ...]
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True)
class Annotations:
    """All images of a file, in its order.

    Attributes:
        task: What is captioned.
        source_format: Name of the format that the file was found to have.
        images: In the order of the file.
        counts: What was noticed and how often, in words for a log, e.g. ``{'boxes reach over the image': 12}``.
    """

    task: Task
    source_format: str
    images: tuple[AnnotatedImage, ...]
    counts: Counter[str] = field(default_factory=Counter)
