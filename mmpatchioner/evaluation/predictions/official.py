"""Prediction files of the authors of Patch-ioner: parallel lists, an entry for each sample."""

from __future__ import annotations

import re
from typing import Any

from mmpatchioner.datasets.annotations import Task
from mmpatchioner.datasets.annotations.boxes import xywh_to_xyxy
from mmpatchioner.datasets.annotations.documents import Document
from mmpatchioner.datasets.annotations.fields import as_box, as_list, as_number, as_text, take
from mmpatchioner.evaluation.predictions.base import (
    PredictedCaption,
    PredictedImage,
    PredictionError,
)

_MARKS = re.compile(r'<\|startoftext\|>|<\|endoftext\|>')


def is_official(document: Document) -> bool:
    """Whether the file has the lists ``predictions`` and ``img_paths``."""
    first = document.first
    return isinstance(first, dict) and {'predictions', 'img_paths'} <= set(first)


def read_official(document: Document, task: Task) -> list[PredictedImage]:
    """Read ``{"predictions": [...], "img_paths": [...], "bboxes": [...], ...}``, samples of an image one after another.

    ``bboxes`` are **[x, y, width, height]** and are read for the task ``'dense'`` only, where the list ``scores`` may
    tell what the captions are ranked by. The captions are cleaned as the authors do it.

    Args:
        document: The file.
        task: What was captioned.

    Raises:
        AnnotationError: if a value is missing or of another form.
        PredictionError: if the lists are not equally long.
    """
    name, content = document.name, document.value
    texts = take(content, 'predictions', as_list, name)
    columns = {'img_paths': take(content, 'img_paths', as_list, name)}
    if task == 'dense':
        columns['bboxes'] = take(content, 'bboxes', as_list, name)
        if 'scores' in content:
            columns['scores'] = take(content, 'scores', as_list, name)
    for key, values in columns.items():
        if len(values) != len(texts):
            raise PredictionError(
                f"{name}: expected {key!r} as long as 'predictions', got {len(values):,} and {len(texts):,}."
            )
    captions: dict[str, list[PredictedCaption]] = {}
    for index, (text, *values) in enumerate(zip(texts, *columns.values(), strict=True)):
        where = f'{name}, prediction {index}'
        sample = dict(zip(columns, values, strict=True))
        path = take(sample, 'img_paths', as_text, where)
        captions.setdefault(path, []).append(_read_sample(text, sample, where))
    return [PredictedImage(path, tuple(samples)) for path, samples in captions.items()]


def clean_caption(text: str) -> str:
    """A caption as the authors clean it before scoring.

    Example:
        >>> clean_caption('<|startoftext|> a dog runs . <|endoftext|>')
        'a dog runs'
    """
    return _MARKS.sub('', text).strip(' .')


def _read_sample(text: Any, sample: dict[str, Any], where: str) -> PredictedCaption:
    caption = clean_caption(as_text(text, where))
    score = take(sample, 'scores', as_number, where) if 'scores' in sample else None
    if 'bboxes' not in sample:
        return PredictedCaption(caption, score)
    return PredictedCaption(caption, score, xywh_to_xyxy(take(sample, 'bboxes', as_box, where)))
