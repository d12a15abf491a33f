"""Result files of ``tools/image_demo.py`` and of the inferencer, see :class:`mmpatchioner.apis.CaptionResult`."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

from mmpatchioner.datasets.annotations import Task
from mmpatchioner.datasets.annotations.documents import Document
from mmpatchioner.datasets.annotations.fields import (
    as_box,
    as_list,
    as_number,
    as_object,
    as_size,
    as_text,
    take,
)
from mmpatchioner.evaluation.predictions.base import (
    PredictedCaption,
    PredictedImage,
    PredictionError,
)

ScoreMode = Literal['caption', 'detection', 'product']
SCORE_MODES: tuple[str, ...] = get_args(ScoreMode)
_NO_TOKEN = -1e9  # ranks a caption without a token last, and is finite
_KINDS: dict[Task, tuple[str, ...]] = {
    'dense': ('box', 'mask'),
    'region_set': ('set',),
    'trace': ('trace',),
    'image': ('image',),
}


def is_results(document: Document) -> bool:
    """Whether the file has objects with ``image`` and ``regions`` that have a ``kind``."""
    first = document.first
    return (
        isinstance(first, dict)
        and 'image' in first
        and isinstance(first.get('regions'), list)
        and all(isinstance(region, dict) and 'kind' in region for region in first['regions'])
    )


def read_results(
    document: Document, task: Task, score_mode: ScoreMode = 'caption'
) -> list[PredictedImage]:
    """Read ``{"image", "width", "height", "regions": [{"kind", "bbox", "caption", "caption_score"}]}``.

    The file has one of them, a list of them, or one on each line. Regions of other kinds than the task's are left out.

    Args:
        document: The file.
        task: What was captioned.
        score_mode: What captions are ranked by: ``'caption'``, ``'detection'``, or ``'product'``, the detection score
            times the caption's mean probability of a token.

    Raises:
        AnnotationError: if a value is missing or of another form.
        PredictionError: if ``score_mode`` is unknown.
    """
    if score_mode not in SCORE_MODES:
        raise PredictionError(
            f'score_mode: expected one of {", ".join(SCORE_MODES)}, got {score_mode!r}.'
        )
    images = []
    for where, entry in document.items():
        width, height = as_size(as_object(entry, where), where)
        captions = tuple(
            _read_region(region, task, score_mode, where)
            for region in take(entry, 'regions', as_list, where)
            if as_object(region, where).get('kind') in _KINDS[task]
        )
        image_id = take(entry, 'image', as_text, where)
        images.append(PredictedImage(image_id, captions, width, height))
    return images


def _read_region(
    region: dict[str, Any], task: Task, score_mode: ScoreMode, where: str
) -> PredictedCaption:
    caption = take(region, 'caption', as_text, where)
    if task != 'dense':
        return PredictedCaption(caption)
    score = _ranking_score(region, score_mode, where)
    return PredictedCaption(caption, score, take(region, 'bbox', as_box, where))


def _ranking_score(region: dict[str, Any], score_mode: ScoreMode, where: str) -> float:
    if score_mode == 'detection':
        return take(region, 'detection_score', as_number, where)
    if region.get('caption_score') is None:  # no token, no probability
        return _NO_TOKEN if score_mode == 'caption' else 0.0
    score = take(region, 'caption_score', as_number, where)
    if score_mode == 'product':
        return take(region, 'detection_score', as_number, where) * math.exp(score)
    return score
