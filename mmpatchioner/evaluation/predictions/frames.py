"""Finding out that predicted and annotated boxes are not of one form or in one frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from mmpatchioner.datasets.annotations.boxes import (
    READINGS,
    BoxFormatError,
    Size,
    check_box_format,
)
from mmpatchioner.evaluation.functional.densecap_boxes import box_iou
from mmpatchioner.evaluation.functional.rows import Row

_MAX_IMAGES = 500
_MIN_IOU = 0.5
_FEW = 10  # boxes that may meet annotated ones in another frame by chance
_MARGIN = 0.2  # by which a reading has to meet more boxes, besides meeting twice as many


def check_frames(rows: Sequence[Row], source: str) -> None:
    """Refuse predicted boxes that fit their images, or the annotated boxes, only when they are read differently.

    Args:
        rows: Of the task ``'dense'``, as they are to be scored.
        source: Name of the prediction file.

    Raises:
        BoxFormatError: if most boxes are inverted or outside the image, or many more of them meet annotated boxes when
            they are read in another way; the message names it.
    """
    check_box_format(
        [[_box(region['bbox']) for region in row['predictions']] for row in rows],
        [_size(row) for row in rows],
        source,
        'Predicted boxes are [x1, y1, x2, y2] in pixels of the original image.',
    )
    pairs = [
        (_boxes(row['predictions']), _boxes(row['ground_truth']), _size(row))
        for row in rows
        if row['predictions'] and row['ground_truth']
    ][:_MAX_IMAGES]
    met = _share_met((boxes, truth) for boxes, truth, _ in pairs)
    few = sum(len(boxes) for boxes, _, _ in pairs) < _FEW
    for reading in READINGS:
        if few and reading.scales:
            continue
        shares = {
            'they': _share_met(
                (reading.read(boxes, _sizes(boxes, size, truth)), truth)
                for boxes, truth, size in pairs
            ),
            'the annotated ones': _share_met(
                (boxes, reading.read(truth, _sizes(truth, size, boxes)))
                for boxes, truth, size in pairs
            ),
        }
        which = max(shares, key=lambda key: shares[key])
        if shares[which] > 2 * met + _MARGIN:
            raise BoxFormatError(
                f'{source}: {met:.0%} of the boxes meet an annotated box, but {shares[which]:.0%} if {which} are read '
                f'as {reading.name}. Both files have to have [x1, y1, x2, y2] in pixels of the original image.'
            )


def _share_met(pairs: Iterable[tuple[np.ndarray, np.ndarray]]) -> float:
    """Share of the predicted boxes that have an IoU of one half with an annotated one; 0 without any."""
    best = [box_iou(boxes, truth).max(axis=1) for boxes, truth in pairs]
    return float((np.concatenate(best) >= _MIN_IOU).mean()) if best else 0.0


def _sizes(boxes: np.ndarray, size: Size, others: np.ndarray) -> np.ndarray:
    """(width, height) of the image for each box; if it is unknown, how far the boxes of the other file reach."""
    width, height = size
    if width is None or height is None:
        return np.broadcast_to(others[:, 2:].max(axis=0), (len(boxes), 2))
    return np.broadcast_to(np.array([width, height], dtype=np.float64), (len(boxes), 2))


def _boxes(regions: Sequence[Mapping[str, Any]]) -> np.ndarray:
    return np.array([region['bbox'] for region in regions], dtype=np.float64)


def _size(row: Row) -> Size:
    return row['width'], row['height']


def _box(values: Sequence[float]) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = values
    return x1, y1, x2, y2
