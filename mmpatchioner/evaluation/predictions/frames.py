"""Finding out that predicted and annotated boxes are not of one form or in one frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmpatchioner.datasets.annotations.boxes import BoxFormatError, check_box_format, readings
from mmpatchioner.evaluation.functional.densecap_boxes import box_iou
from mmpatchioner.evaluation.functional.rows import Row

_MAX_IMAGES = 500
_MIN_IOU = 0.5
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
        [(row['width'], row['height']) for row in rows],
        source,
        'Predicted boxes are [x1, y1, x2, y2] in pixels of the original image.',
    )
    compared = [row for row in rows if row['predictions'] and row['ground_truth']][:_MAX_IMAGES]
    if not compared:
        return
    met = _share_met(compared, None)
    for name in readings():
        met_otherwise = _share_met(compared, name)
        if met_otherwise > 2 * met + _MARGIN:
            raise BoxFormatError(
                f'{source}: {met:.0%} of the boxes meet an annotated box, but {met_otherwise:.0%} if they are read as '
                f'{name}. Both files have to have [x1, y1, x2, y2] in pixels of the original image.'
            )


def _share_met(rows: Sequence[Row], reading: str | None) -> float:
    """Share of the predicted boxes that have an IoU of one half with an annotated one."""
    met = total = 0
    for row in rows:
        boxes = np.array([region['bbox'] for region in row['predictions']], dtype=np.float64)
        truth = np.array([region['bbox'] for region in row['ground_truth']], dtype=np.float64)
        if reading is not None:
            boxes = readings()[reading](boxes, np.broadcast_to(_size(row, truth), (len(boxes), 2)))
        met += int((box_iou(boxes, truth).max(axis=1) >= _MIN_IOU).sum())
        total += len(boxes)
    return met / total


def _size(row: Row, truth: np.ndarray) -> np.ndarray:
    """(width, height) of the image, or as far as the annotated boxes reach."""
    width, height = row['width'], row['height']
    if width is None or height is None:
        return truth[:, 2:].max(axis=0)
    return np.array([width, height], dtype=np.float64)


def _box(values: Sequence[float]) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = values
    return x1, y1, x2, y2
