"""Predicted regions of an image beside its annotated ones: which prediction may count for which annotation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mmpatchioner.evaluation.functional.densecap_boxes import (
    FloatArray,
    Variant,
    as_boxes,
    box_iou,
    check_variant,
    merge_ground_truth,
)
from mmpatchioner.evaluation.functional.meteor_scorer import Pair

SCORE_DTYPES: dict[Variant, type[np.floating]] = {'port': np.float32, 'lua': np.float64}
"""Type in which each variant compares scores."""


@dataclass(frozen=True, eq=False)
class MatchedImage:
    """The predictions of an image, each with the one annotation that it is judged by.

    Predictions are in their ranked order: by descending score, equal scores in the order in which they were given.

    Attributes:
        scores: (N,) scores, descending, in the type that the variant ranks by.
        ok: (N,) whether the prediction is the first for its annotation; later ones are false positives.
        ious: (N,) overlap with that annotation; 0 if the prediction overlaps none.
        captions: N predicted texts.
        references: N lists of reference captions; empty if the prediction overlaps no annotation.
        num_gt: Number of annotated regions after merging.
        variant: Evaluator whose rules were followed.
    """

    scores: NDArray[np.floating]
    ok: NDArray[np.bool_]
    ious: FloatArray
    captions: list[str]
    references: list[list[str]]
    num_gt: int
    variant: Variant = 'port'

    def __len__(self) -> int:
        """Number of predictions, N."""
        return len(self.captions)

    def can_count(self, iou_thr: float = 0.3) -> NDArray[np.bool_]:
        """Which predictions (N,) are true positives at an IoU threshold if only their text is good enough."""
        return self.ok & (self.ious >= iou_thr)

    def meteor_pairs(self, iou_thr: float = 0.3) -> list[Pair]:
        """Texts and references of the predictions that can count, in ranked order: no other needs a METEOR.

        Args:
            iou_thr: The least IoU threshold that will be used, above 0.
        """
        pairs = zip(self.captions, self.references, strict=True)
        return list(compress(pairs, self.can_count(iou_thr).tolist()))


def match_image(
    pred_boxes: ArrayLike,
    pred_scores: ArrayLike,
    pred_captions: Sequence[str],
    gt_boxes: ArrayLike,
    gt_captions: Sequence[str],
    variant: Variant = 'port',
    merge_thr: float = 0.7,
) -> MatchedImage:
    """Merge the annotations of an image and match its predictions with them.

    Every prediction belongs to the annotation that it overlaps most, the first of several. The best-ranked prediction
    of an annotation uses it up, however small their overlap; the others are false positives, even where another
    annotation is free. No overlap threshold is applied here.

    A prediction that overlaps nothing is a false positive. In the original its index of -1 addresses the last
    annotation, which it uses up all the same (but is no true positive, since its overlap is 0).

    Args:
        pred_boxes: (N, 4) predicted boxes, xyxy.
        pred_scores: (N,) scores; higher is better. The port compares them in float32.
        pred_captions: N predicted texts.
        gt_boxes: (M, 4) annotated boxes before merging, xyxy in the same frame.
        gt_captions: M texts, one for each annotation.
        variant: Evaluator to follow.
        merge_thr: Annotations with this overlap are merged, see :func:`merge_ground_truth`.

    Raises:
        ValueError: if boxes, scores and texts differ in number, boxes are not finite numbers in four columns, a score
            is not a number, or an option is out of range.

    Example:
        >>> matched = match_image(
        ...     pred_boxes=[[0, 0, 10, 10], [1, 0, 11, 10], [90, 90, 99, 99]],
        ...     pred_scores=[0.4, 0.9, 0.5],
        ...     pred_captions=['a wheel', 'a red wheel', 'sky'],
        ...     gt_boxes=[[0, 0, 10, 10]],
        ...     gt_captions=['wheel of a car'],
        ... )
        >>> matched.captions, matched.ok.tolist()
        (['a red wheel', 'sky', 'a wheel'], [True, False, False])
        >>> matched.meteor_pairs()
        [('a red wheel', ['wheel of a car'])]
    """
    check_variant(variant)
    boxes = as_boxes('pred_boxes', pred_boxes)
    scores = _as_scores(pred_scores, variant)
    annotated = as_boxes('gt_boxes', gt_boxes)
    for name, values, partners in (
        ('pred_scores', scores, boxes),
        ('pred_captions', pred_captions, boxes),
        ('gt_captions', gt_captions, annotated),
    ):
        if len(values) != len(partners):
            raise ValueError(
                f'{name}: expected one for each of the {len(partners)} boxes, got {len(values)}.'
            )
    merged, texts = merge_ground_truth(annotated, gt_captions, variant, merge_thr)
    order = np.argsort(-scores, kind='stable')
    ious, targets = _best_targets(box_iou(boxes[order], merged, variant))
    return MatchedImage(
        scores=scores[order],
        ok=_first_of_each(_used_targets(ious, targets, len(merged), variant)),
        ious=ious,
        captions=[pred_captions[index] for index in order],
        references=[
            texts[target] if iou > 0 else [] for iou, target in zip(ious, targets, strict=True)
        ],
        num_gt=len(merged),
        variant=variant,
    )


def _as_scores(scores: ArrayLike, variant: Variant) -> NDArray[np.floating]:
    array = np.asarray(scores, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(
            f'pred_scores: expected (N,) numbers, got an array of shape {array.shape}.'
        )
    if np.isnan(array).any():
        row = int(np.isnan(array).argmax())
        raise ValueError(
            f'pred_scores: expected numbers, got NaN in row {row}; remove that prediction.'
        )
    with np.errstate(over='ignore', under='ignore'):  # infinity and 0 rank as well as any number
        return array.astype(SCORE_DTYPES[variant])


def _best_targets(overlap: FloatArray) -> tuple[FloatArray, NDArray[np.intp]]:
    """Largest overlap (N,) of each row of (N, G), and its column."""
    if overlap.shape[1] == 0:
        return np.zeros(len(overlap)), np.zeros(len(overlap), dtype=np.intp)
    targets = overlap.argmax(axis=1)
    return overlap[np.arange(len(overlap)), targets], targets


def _used_targets(
    ious: FloatArray, targets: NDArray[np.intp], num_gt: int, variant: Variant
) -> NDArray[np.intp]:
    """The annotation (N,) that each prediction uses up; -1 for none."""
    without_overlap = num_gt - 1 if variant == 'lua' else -1
    return np.where(ious > 0, targets, without_overlap)


def _first_of_each(used: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which entries (N,) name a number of 0 or more for the first time."""
    ok = np.zeros(len(used), dtype=bool)
    ok[np.unique(used, return_index=True)[1]] = True
    return ok & (used >= 0)
