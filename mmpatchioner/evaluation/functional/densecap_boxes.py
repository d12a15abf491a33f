"""Overlap of boxes and merging of annotated boxes, as the two evaluators of dense captioning compute them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

Variant = Literal['port', 'lua']
"""Which evaluator is followed.

``'port'``: the Python evaluator of densecap-pytorch and ControlCap, with which the paper was evaluated.
``'lua'``: the original of Johnson et al. (DenseCap, CVPR 2016).
"""

FloatArray = NDArray[np.float64]


def box_iou(a: ArrayLike, b: ArrayLike, variant: Variant = 'port') -> FloatArray:
    """Intersection over union of all pairs of boxes, in double precision.

    In the port a box ends at its coordinates. In the original the last pixel belongs to the box, which is 1 wider and
    higher than the difference of its coordinates, and coordinates are rounded to float32 first.

    Args:
        a: (N, 4) boxes, xyxy.
        b: (M, 4) boxes, xyxy in the same frame.
        variant: Whose boxes.

    Returns:
        (N, M) in [0, 1]; 0 where boxes do not overlap or one of them has no area.

    Raises:
        ValueError: if the boxes are not finite numbers in four columns, or the variant is unknown.

    Example:
        >>> box_iou([[10, 10, 14, 14]], [[11, 10, 15, 14]]).tolist()
        [[0.6]]
        >>> box_iou([[10, 10, 14, 14]], [[11, 10, 15, 14]], variant='lua').round(3).tolist()
        [[0.667]]
    """
    check_variant(variant)
    first, second = as_boxes('a', a, variant), as_boxes('b', b, variant)
    border = 1.0 if variant == 'lua' else 0.0
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    sides = (high - low + border).clip(min=0)
    overlap = sides[..., 0] * sides[..., 1]
    union = _areas(first, border)[:, None] + _areas(second, border)[None, :] - overlap
    return np.divide(overlap, union, out=np.zeros_like(overlap), where=overlap > 0)


def merge_ground_truth(
    boxes: ArrayLike,
    captions: Sequence[str],
    variant: Variant = 'port',
    merge_thr: float = 0.7,
) -> tuple[FloatArray, list[list[str]]]:
    """Join the annotations of an image that describe the same thing into one box with several references.

    Again and again the box with most others at ``merge_thr`` or more, the first of several, is taken together with
    those, until none is left. Groups do not grow along chains: what overlaps a member, but not that box, forms a
    group of its own.

    A box without area does not overlap even itself; the port therefore leaves it out, and it is never counted. In the
    original every box overlaps itself.

    Args:
        boxes: (M, 4) annotated boxes, xyxy.
        captions: M texts.
        variant: Whose overlap and whose mean: float64 in the port, float32 in the original.
        merge_thr: Least overlap, in (0, 1].

    Returns:
        (G, 4) mean boxes, and the captions of each group in the order of the annotations; groups in the order in which
        they were found, the largest first.

    Raises:
        ValueError: if boxes and captions differ in number, boxes are not finite numbers in four columns, or
            ``merge_thr`` is out of range.

    Example:
        >>> boxes = [[0, 0, 9, 9], [50, 50, 90, 90], [52, 50, 92, 90]]
        >>> merged, references = merge_ground_truth(boxes, ['a knob', 'a door', 'brown door'])
        >>> merged.tolist(), references
        ([[51.0, 50.0, 91.0, 90.0], [0.0, 0.0, 9.0, 9.0]], [['a door', 'brown door'], ['a knob']])
    """
    check_variant(variant)
    array = as_boxes('boxes', boxes, variant)
    if len(captions) != len(array):
        raise ValueError(
            f'captions: expected one for each of the {len(array)} boxes, got {len(captions)}.'
        )
    if not 0 < merge_thr <= 1:
        raise ValueError(f'merge_thr: expected an overlap in (0, 1], got {merge_thr}.')
    overlap = box_iou(array, array, variant)
    if variant == 'lua':
        np.fill_diagonal(overlap, 1.0)
    groups = _groups(overlap >= merge_thr)
    return _mean_boxes(array, groups, variant), [
        [captions[index] for index in group] for group in groups
    ]


def check_variant(variant: str) -> None:
    """Refuse an unknown variant.

    Raises:
        ValueError: if the variant is unknown.
    """
    if variant not in get_args(Variant):
        raise ValueError(f'variant: expected one of {get_args(Variant)}, got {variant!r}.')


def as_boxes(name: str, boxes: ArrayLike, variant: Variant = 'port') -> FloatArray:
    """Boxes as a new (N, 4) array, with the coordinates that a variant sees.

    Args:
        name: What error messages call them.
        boxes: (N, 4), or nothing at all.
        variant: The original rounds coordinates to float32.

    Raises:
        ValueError: if the boxes are not finite numbers in four columns.
    """
    array = np.array(boxes, dtype=np.float64)
    if array.size == 0:
        array = array.reshape(0, 4)
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(
            f'{name}: expected boxes as (N, 4) numbers, xyxy, got an array of shape {array.shape}.'
        )
    if variant == 'lua':
        array = array.astype(np.float32).astype(np.float64)
    finite = np.isfinite(array).all(axis=1)
    if not finite.all():
        row = int(finite.argmin())
        raise ValueError(
            f'{name}: expected finite coordinates, got {array[row].tolist()} in row {row}; remove that box.'
        )
    return array


def _areas(boxes: FloatArray, border: float) -> FloatArray:
    return (boxes[:, 2] - boxes[:, 0] + border) * (boxes[:, 3] - boxes[:, 1] + border)


def _groups(close: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """Members of each group, by a symmetric matrix (M, M) that tells which boxes may be joined."""
    close = close.copy()
    counts = close.sum(axis=0)
    groups: list[NDArray[np.intp]] = []
    while counts.max(initial=0) > 1:
        members = np.flatnonzero(close[counts.argmax()])
        groups.append(members)
        counts -= close[members].sum(axis=0)
        counts[members] = 0
        close[:, members] = False
    return [*groups, *np.flatnonzero(counts)[:, None]]


def _mean_boxes(
    boxes: FloatArray, groups: Sequence[NDArray[np.intp]], variant: Variant
) -> FloatArray:
    """Mean box (G, 4) of each group of rows."""
    if not groups:
        return np.empty((0, 4))
    sizes = np.array([len(group) for group in groups])
    totals = np.add.reduceat(boxes[np.concatenate(groups)], sizes.cumsum() - sizes)
    if variant == 'lua':
        means = totals.astype(np.float32) / sizes[:, None].astype(np.float32)
        return means.astype(np.float64)
    return totals / sizes[:, None]
