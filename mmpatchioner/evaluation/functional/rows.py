"""What is scored: one row for each image, with what was predicted for it and what people wrote."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypedDict

TASKS = ('dense', 'region_set', 'trace', 'image')
GEOMETRY = {'dense': 'bbox', 'region_set': 'bboxes', 'trace': 'points', 'image': None}
"""The field that holds where a region is, by task. Boxes are xyxy in original pixels, points shares of the image."""


class RowError(ValueError):
    """A row can not be scored; the message names the image and the field."""


class PredictedRegion(TypedDict, total=False):
    """A caption and, for dense captioning, its box and the score it is ranked by (higher is better)."""

    caption: str
    score: float
    bbox: list[float]
    bboxes: list[list[float]]
    points: list[list[float]]


class ReferenceRegion(TypedDict, total=False):
    """What people wrote of a region, and where it is."""

    captions: list[str]
    bbox: list[float]
    bboxes: list[list[float]]
    points: list[list[float]]


class Row(TypedDict, total=False):
    """An image. For dense captioning the two lists are independent; otherwise the i-th belong together."""

    image_id: str
    file_name: str
    height: int | None
    width: int | None
    predictions: list[PredictedRegion]
    ground_truth: list[ReferenceRegion]


def check_rows(task: str, rows: Sequence[Row]) -> None:
    """Check that rows can be scored.

    Args:
        task: One of ``TASKS``.
        rows: Of all images.

    Raises:
        RowError: if the task is unknown, there is no row, an image comes twice, or a row lacks something.
    """
    if task not in TASKS:
        raise RowError(f'task: expected one of {", ".join(TASKS)}, got {task!r}.')
    if not rows:
        raise RowError('There is nothing to score: expected at least one image, got none.')
    seen: set[str] = set()
    for row in rows:
        if row['image_id'] in seen:
            raise RowError(f'image {row["image_id"]}: expected once, got twice; drop one of them.')
        seen.add(row['image_id'])
        _check_row(task, row)


def _check_row(task: str, row: Row) -> None:
    where = f'image {row["image_id"]}'
    predictions, truth = row['predictions'], row['ground_truth']
    if task != 'dense' and len(predictions) != len(truth):
        raise RowError(
            f'{where}: expected {len(truth)} prediction{"s" * (len(truth) != 1)}, one for each annotated region, '
            f'got {len(predictions)}.'
        )
    for name, regions in (('predictions', predictions), ('ground_truth', truth)):
        for index, region in enumerate(regions):
            _check_region(task, region, f'{where}, {name}[{index}]')


def _check_region(task: str, region: Any, where: str) -> None:
    texts = region.get('captions', [region.get('caption')])
    if not texts or not all(isinstance(text, str) for text in texts):
        raise RowError(f'{where}: expected a caption as text, got {texts!r}.')
    if task != 'dense':
        return
    box = region.get('bbox')
    if box is None or len(box) != 4 or not all(map(math.isfinite, box)):
        raise RowError(
            f'{where}: expected bbox as four finite numbers [x1, y1, x2, y2], got {box!r}.'
        )
    if 'caption' in region and not math.isfinite(region.get('score', math.nan)):
        raise RowError(
            f'{where}: expected a finite score to rank the caption by, got {region.get("score")!r}; regions that were '
            "given have no detection score, rank them with caption_head.score_mode='caption'."
        )
