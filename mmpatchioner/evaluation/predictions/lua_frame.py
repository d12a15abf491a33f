"""Rows as the original evaluator of dense captioning sees them, in images whose longest side is 720 pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmpatchioner.evaluation.functional.densecap_lua_data import lua_ground_truth, lua_predictions
from mmpatchioner.evaluation.functional.rows import PredictedRegion, ReferenceRegion, Row
from mmpatchioner.evaluation.predictions.base import PredictionError


def to_lua_frame(rows: Sequence[Row]) -> list[Row]:
    """Rows of Visual Genome with their boxes and phrases prepared as Johnson et al. do it.

    See :func:`.lua_ground_truth` and :func:`.lua_predictions`. The words that are rare in the training set are kept.

    Args:
        rows: Of the task ``'dense'``, with the annotations of ``region_descriptions.json`` as they are: boxes [x, y,
            x + width, y + height], phrases with their punctuation.

    Raises:
        PredictionError: if the size of an image is unknown, or a box can not be prepared.
    """
    return [_prepared(row) for row in rows]


def _prepared(row: Row) -> Row:
    width, height = row['width'], row['height']
    if width is None or height is None:
        raise PredictionError(
            f'image {row["image_id"]}: expected its width and height, which the data of the original evaluator needs.'
        )
    truth, predictions = row['ground_truth'], row['predictions']
    corners = _boxes([region['bbox'] for region in truth])
    first, size = corners[:, :2], corners[:, 2:] - corners[:, :2]
    phrases = [region['captions'][0] for region in truth]
    try:
        boxes, captions = lua_ground_truth(np.hstack([first, size]), phrases, height, width)
        predicted = lua_predictions(
            _boxes([region['bbox'] for region in predictions]), height, width
        )
    except ValueError as error:
        raise PredictionError(f'image {row["image_id"]}: {error}') from error
    references: list[ReferenceRegion] = [
        {'captions': [caption], 'bbox': box}
        for caption, box in zip(captions, boxes.tolist(), strict=True)
    ]
    moved: list[PredictedRegion] = [
        {**region, 'bbox': box} for region, box in zip(predictions, predicted.tolist(), strict=True)
    ]
    return {
        'image_id': row['image_id'],
        'file_name': row['file_name'],
        'height': None,  # the boxes are no longer in pixels of this image
        'width': None,
        'predictions': moved,
        'ground_truth': references,
    }


def _boxes(boxes: Sequence[Sequence[float]]) -> np.ndarray:
    return np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
