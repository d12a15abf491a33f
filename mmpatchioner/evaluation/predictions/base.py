"""What every prediction file is read into."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from mmpatchioner.datasets.annotations import Task

Box = tuple[float, float, float, float]


class PredictionError(ValueError):
    """A prediction file can not be used; the message names the file, what was expected and what was found."""


@dataclass(frozen=True)
class PredictedCaption:
    """A caption of a region or an image.

    Attributes:
        caption: The text.
        score: What captions are ranked by, higher is better; None if the file does not tell.
        bbox: Box of the task ``'dense'``, xyxy; in original pixels unless the file's ``longest_side`` says otherwise.
    """

    caption: str
    score: float | None = None
    bbox: Box | None = None


@dataclass(frozen=True)
class PredictedImage:
    """The captions of an image.

    Attributes:
        image_id: Id, file name or path, as the file has it.
        captions: In the order of the file.
        width: Pixels, None if the file does not tell.
        height: Likewise.
    """

    image_id: str
    captions: tuple[PredictedCaption, ...]
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True)
class Predictions:
    """All images of a prediction file, in its order.

    Attributes:
        task: What was captioned.
        source_format: Name of the format that the file was found to have.
        name: Of the file, for messages.
        images: Each of them once.
        longest_side: Pixels of the longest side of the resized images that the boxes belong to; None if the boxes are
            in pixels of the original images.
        counts: What was noticed and how often, in words for a log.
    """

    task: Task
    source_format: str
    name: str
    images: tuple[PredictedImage, ...]
    longest_side: int | None = None
    counts: Counter[str] = field(default_factory=Counter)
