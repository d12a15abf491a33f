"""Finding out that boxes are not what they are taken for: [x1, y1, x2, y2] in pixels of the original image.

Boxes of another form or frame give an mAP near zero and no error, a mistake that is easily made: COCO and GRiT write
[x, y, width, height], the original evaluator works on images whose longest side is 720 pixels, and others write shares
of the image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mmpatchioner.datasets.annotations.base import AnnotationError
from mmpatchioner.datasets.annotations.fields import Box

LUA_SIDE = 720
_OVERHANG = 0.05  # share of the image's side by which a box may reach over it
_CERTAIN = 0.5  # share of misplaced boxes that is an error whatever the boxes are
_SUSPICIOUS = 0.2  # share that is an error if another reading misplaces (almost) none
_EXPLAINED = 0.05
_FEW = 10  # misplaced boxes that a small file may have

Size = tuple[int | None, int | None]


@dataclass(frozen=True)
class Reading:
    """What boxes can be mistaken for.

    Attributes:
        name: What they are then.
        read: Makes them xyxy in pixels, of boxes (N, 4) and the (width, height) of their images, (N, 2).
        scales: Whether it is the frame that differs, and not the order of the numbers.
    """

    name: str
    read: Callable[[np.ndarray, np.ndarray], np.ndarray]
    scales: bool


class BoxFormatError(AnnotationError):
    """The boxes of a file of annotations or predictions are of another form or frame than they are taken for."""


def xywh_to_xyxy(box: Box) -> Box:
    """[x, y, width, height] as [x1, y1, x2, y2].

    Example:
        >>> xywh_to_xyxy((10.0, 20.0, 5.0, 5.0))
        (10.0, 20.0, 15.0, 25.0)
    """
    x, y, width, height = box
    return x, y, x + width, y + height


def check_box_format(
    boxes: Sequence[Sequence[Box]],
    sizes: Sequence[Size],
    source: str,
    remedy: str = 'Boxes are [x1, y1, x2, y2] in pixels of the original image.',
) -> None:
    """Refuse boxes that are not [x1, y1, x2, y2] in pixels of their images.

    A box is misplaced if it is inverted, if its centre lies outside the image, or if it reaches over the border by more
    than a twentieth of the side. The few misplaced boxes of real files are no reason to refuse them.

    Args:
        boxes: Of every image.
        sizes: (width, height) of every image, None where unknown.
        source: Name of the file.
        remedy: Closes the message.

    Raises:
        BoxFormatError: if most boxes are misplaced, or many of them are and another way to read them explains it; the
            message names that way.

    Example:
        >>> check_box_format([[(300.0, 200.0, 50.0, 40.0)]], [(640, 480)], 'predictions.json')
        Traceback (most recent call last):
            ...
        mmpatchioner.datasets.annotations.boxes.BoxFormatError: predictions.json: 1 of 1 boxes are inverted or outside
        the image, e.g. [300, 200, 50, 40]; they look like [x, y, width, height]. Boxes are [x1, y1, x2, y2] in pixels
        of the original image.
    """
    flat = np.array([box for group in boxes for box in group], dtype=np.float64).reshape(-1, 4)
    if not len(flat):
        return
    repeats = [len(group) for group in boxes]
    extents = np.repeat(
        np.array([[w or np.nan, h or np.nan] for w, h in sizes], dtype=np.float64), repeats, axis=0
    )
    if (np.abs(flat - 0.5) <= 0.5 + _OVERHANG).all() and not (extents <= 1).any():
        raise BoxFormatError(
            f'{source}: all coordinates lie between 0 and 1; they look like shares of the image. {remedy}'
        )
    bad = _misplaced(flat, extents)
    share = bad.mean()
    if share <= _SUSPICIOUS or (share <= _CERTAIN and bad.sum() < _FEW):
        return
    explanation = _explain(flat, extents)
    if share <= _CERTAIN and explanation is None:
        return
    example = ', '.join(f'{value:g}' for value in flat[bad.argmax()])
    hint = f'; they look like {explanation}' if explanation else ''
    raise BoxFormatError(
        f'{source}: {bad.sum():,} of {len(flat):,} boxes are inverted or outside the image, e.g. [{example}]{hint}. '
        f'{remedy}'
    )


def _explain(boxes: np.ndarray, sizes: np.ndarray) -> str | None:
    """The first reading by which (almost) no box is misplaced."""
    for reading in READINGS:
        read = reading.read(boxes, sizes)
        if np.isfinite(read).all() and _misplaced(read, sizes).mean() <= _EXPLAINED:
            return reading.name
    return None


def _misplaced(boxes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Which boxes can not be right, (N,) bool; where the size is unknown only inverted ones."""
    low, high = boxes[:, :2], boxes[:, 2:]
    centre = (low + high) / 2
    wrong = high < low  # a comparison with NaN is False
    wrong |= (centre < 0) | (centre > sizes)
    wrong |= (low < -_OVERHANG * sizes) | (high > (1 + _OVERHANG) * sizes)
    return np.asarray(wrong.any(axis=1))


def _from_xywh(boxes: np.ndarray, _sizes: np.ndarray) -> np.ndarray:
    return np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]])


def _undo_xywh(boxes: np.ndarray, _sizes: np.ndarray) -> np.ndarray:
    return np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])


def _from_lua_frame(boxes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    return boxes * sizes.max(axis=1, keepdims=True) / LUA_SIDE


def _xywh_from_lua_frame(boxes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    return _from_lua_frame(_from_xywh(boxes, sizes), sizes)


def _from_thousandths(boxes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    return boxes * np.tile(sizes, 2) / 1000


_LUA_FRAME = f'in images whose longest side is {LUA_SIDE} pixels'
READINGS = (
    Reading('[x, y, width, height]', _from_xywh, scales=False),
    Reading('[x1, y1, x2, y2] and not [x, y, width, height]', _undo_xywh, scales=False),
    Reading(f'[x1, y1, x2, y2] {_LUA_FRAME}', _from_lua_frame, scales=True),
    Reading(f'[x, y, width, height] {_LUA_FRAME}', _xywh_from_lua_frame, scales=True),
    Reading('[x1, y1, x2, y2] in thousandths of the image', _from_thousandths, scales=True),
)
"""In the order in which they are tried."""
