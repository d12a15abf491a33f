"""Mean average precision of dense captioning (Johnson et al., DenseCap, CVPR 2016, section 4.3).

A prediction is right if it overlaps its annotation enough *and* its text has a METEOR high enough. The average
precision is taken for every pair of an IoU and a METEOR threshold; their mean is the mAP. Without the texts the same
numbers judge the regions alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmpatchioner.evaluation.functional.densecap_boxes import FloatArray, Variant, check_variant
from mmpatchioner.evaluation.functional.densecap_matching import SCORE_DTYPES, MatchedImage
from mmpatchioner.evaluation.functional.meteor_scorer import Pair

IOU_THRS = (0.3, 0.4, 0.5, 0.6, 0.7)
METEOR_THRS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25)
NUM_RECALLS = 100

MeteorFunction = Callable[[Sequence[Pair]], Sequence[float]]
"""Gives METEOR of pairs (hypothesis, references), in their order; with several references the best."""

_CELL_NAMES: dict[Variant, tuple[str, str]] = {
    'port': ('iou_{iou:g}', '_meteor_{meteor:g}'),
    'lua': ('ov{iou:g}', '_score{meteor:g}'),
}


@dataclass(frozen=True, eq=False)
class DenseCapResult:
    """Average precisions of all cells, an IoU threshold with a METEOR threshold or with none.

    Attributes:
        variant: Evaluator whose rules were followed.
        iou_thrs: I thresholds of the overlap.
        meteor_thrs: B thresholds of METEOR, the column that ignores the text not among them; empty if only regions
            were judged.
        recalls: (100,) recalls at which precision is read, ascending from 0.
        precisions: (I, 1 + B, 100) highest precision at each recall or a higher one; the first column ignores the text.
        npos: Number of annotated regions after merging.
        n_records: Number of predictions.
    """

    variant: Variant
    iou_thrs: tuple[float, ...]
    meteor_thrs: tuple[float, ...]
    recalls: FloatArray
    precisions: FloatArray
    npos: int
    n_records: int

    @property
    def average_precisions(self) -> FloatArray:
        """(I, 1 + B) average precisions; the first column ignores the text."""
        return self.precisions.mean(axis=2)

    @property
    def det_breakdown(self) -> dict[str, float]:
        """Average precision of the regions alone at each IoU threshold."""
        name, _ = _CELL_NAMES[self.variant]
        values = self.average_precisions[:, 0].tolist()
        return {name.format(iou=iou): ap for iou, ap in zip(self.iou_thrs, values, strict=True)}

    @property
    def ap_breakdown(self) -> dict[str, float]:
        """Average precision at each pair of thresholds; empty if only regions were judged."""
        name = ''.join(_CELL_NAMES[self.variant])
        rows = zip(self.iou_thrs, self.average_precisions[:, 1:].tolist(), strict=True)
        return {
            name.format(iou=iou, meteor=meteor): ap
            for iou, row in rows
            for meteor, ap in zip(self.meteor_thrs, row, strict=True)
        }

    @property
    def detmap(self) -> float:
        """Mean of :attr:`det_breakdown`: the mAP of the regions alone."""
        return float(self.average_precisions[:, 0].mean())

    @property
    def map(self) -> float | None:
        """Mean of :attr:`ap_breakdown`: the mAP of dense captioning; None if only regions were judged."""
        return float(self.average_precisions[:, 1:].mean()) if self.meteor_thrs else None

    def table(self) -> dict[str, dict[str, float]]:
        """Average precisions by IoU threshold (row) and METEOR threshold (column, the first is ``'off'``)."""
        columns = ['off', *(f'{thr:g}' for thr in self.meteor_thrs)]
        return {
            f'{iou:g}': dict(zip(columns, row, strict=True))
            for iou, row in zip(self.iou_thrs, self.average_precisions.tolist(), strict=True)
        }

    def curve(
        self, iou_thr: float, meteor_thr: float | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Precision-recall curve of a cell, whose mean precision is its average precision.

        Args:
            iou_thr: One of :attr:`iou_thrs`.
            meteor_thr: One of :attr:`meteor_thrs`; None ignores the text.

        Returns:
            Recalls (100,) and precisions (100,).

        Raises:
            ValueError: if the result has no such cell.
        """
        if iou_thr not in self.iou_thrs:
            raise ValueError(f'iou_thr: expected one of {self.iou_thrs}, got {iou_thr}.')
        if meteor_thr is not None and meteor_thr not in self.meteor_thrs:
            raise ValueError(
                f'meteor_thr: expected one of {self.meteor_thrs} or None, got {meteor_thr}.'
            )
        column = 0 if meteor_thr is None else 1 + self.meteor_thrs.index(meteor_thr)
        return self.recalls, self.precisions[self.iou_thrs.index(iou_thr), column]

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it, with the names of the variant's evaluator; without texts there is no map."""
        content: dict[str, Any] = {}
        if self.map is not None:
            content.update(map=self.map, ap_breakdown=self.ap_breakdown)
        return {
            **content,
            'detmap': self.detmap,
            'det_breakdown': self.det_breakdown,
            'npos': self.npos,
            'n_records': self.n_records,
        }


def dense_captioning_map(
    images: Sequence[MatchedImage],
    meteor: MeteorFunction | None,
    variant: Variant = 'port',
    iou_thrs: Sequence[float] = IOU_THRS,
    meteor_thrs: Sequence[float] = METEOR_THRS,
    strict_npos: bool = True,
) -> DenseCapResult:
    """Average precisions of all predictions together.

    The predictions of all images are ranked by descending score; equal scores keep the order of the images, and in an
    image that of :class:`MatchedImage`. A prediction is a true positive if it is the first for its annotation, overlaps
    it at the IoU threshold or more, and has a METEOR above its threshold. Average precision is the mean, over 100
    recalls from 0 to 0.99, of the highest precision at that recall or a higher one.

    Args:
        images: In the order of the annotation file, all matched by the same variant.
        meteor: Asked once, and only for predictions that can count. None judges the regions alone.
        variant: Evaluator to follow; see :func:`recall_levels` for the arithmetic.
        iou_thrs: Thresholds of the overlap, in (0, 1].
        meteor_thrs: Thresholds of METEOR.
        strict_npos: Count the annotated regions of images without any prediction. False leaves them out, as the port
            does.

    Raises:
        ValueError: if an image was matched by another variant, a threshold is out of range, or ``meteor`` does not give
            one finite score for each pair.

    Example:
        >>> from mmpatchioner.evaluation.functional.densecap_matching import match_image
        >>> box = [[0, 0, 10, 10]]
        >>> image = match_image(box, [0.9], ['a red wheel'], box, ['wheel of a car'])
        >>> result = dense_captioning_map([image], meteor=lambda pairs: [0.12 for _ in pairs])
        >>> result.detmap, result.map
        (1.0, 0.5)
    """
    iou_thrs, meteor_thrs = tuple(map(float, iou_thrs)), tuple(map(float, meteor_thrs))
    _check(images, variant, iou_thrs, meteor_thrs)
    npos = sum(image.num_gt for image in images if strict_npos or len(image))
    order = _ranking(images, variant)
    ok = _joined([image.ok for image in images], bool)[order]
    ious = _joined([image.ious for image in images], np.float64)[order]
    gates: list[NDArray[np.bool_]] = [
        ok
    ]  # what a true positive passes beside the overlap, by column
    if meteor is not None:
        scores = _meteor_scores(images, meteor, min(iou_thrs))[order]
        gates += [ok & (scores > threshold) for threshold in meteor_thrs]
    recalls = recall_levels(variant)
    needed = _hits_needed(recalls, npos, variant)
    cells = [
        [_precisions(np.flatnonzero(gate & (ious >= iou)), needed, variant) for gate in gates]
        for iou in iou_thrs
    ]
    return DenseCapResult(
        variant=variant,
        iou_thrs=iou_thrs,
        meteor_thrs=() if meteor is None else meteor_thrs,
        recalls=recalls.astype(np.float64),
        precisions=np.array(cells, dtype=np.float64),
        npos=npos,
        n_records=len(order),
    )


def recall_levels(variant: Variant = 'port') -> NDArray[np.floating]:
    """The 100 recalls at which precision is read, about 0, 0.01, ..., 0.99, in a variant's own arithmetic.

    Recalls such as 42 of 100 fall exactly on one of them, so the last digit decides whether they reach it. The original
    adds up 0.01 in float64. The port takes torch's ``arange`` in float32, which fills eight numbers at a time from a
    first one that is rounded already, and rounds the four that are left directly.

    Args:
        variant: Evaluator to follow.

    Returns:
        (100,) ascending; float32 in the port, float64 in the original.

    Example:
        >>> recall_levels('lua')[6] > 0.06, recall_levels('port')[42] > np.float32(0.42)
        (np.True_, np.True_)
    """
    check_variant(variant)
    if variant == 'lua':
        return np.append(0.0, np.full(NUM_RECALLS - 1, 0.01).cumsum())
    steps = np.arange(NUM_RECALLS)
    lanes = 8
    starts = np.where(steps < NUM_RECALLS // lanes * lanes, steps // lanes * lanes, steps)
    firsts = (0.01 * starts).astype(np.float32).astype(np.float64)
    return (firsts + 0.01 * (steps - starts)).astype(np.float32)


def _ranking(images: Sequence[MatchedImage], variant: Variant) -> NDArray[np.intp]:
    scores = _joined([image.scores for image in images], SCORE_DTYPES[variant])
    return np.argsort(-scores, kind='stable')


def _joined(arrays: Sequence[NDArray], dtype: type) -> NDArray:
    return np.concatenate([np.empty(0, dtype), *arrays], dtype=dtype, casting='same_kind')


def _meteor_scores(
    images: Sequence[MatchedImage], meteor: MeteorFunction, iou_thr: float
) -> FloatArray:
    """METEOR of every prediction that can count, 0 for the others; in the order of the images."""
    pairs = [pair for image in images for pair in image.meteor_pairs(iou_thr)]
    given = np.asarray(meteor(pairs) if pairs else [], dtype=np.float64)
    if given.shape != (len(pairs),) or not np.isfinite(given).all():
        raise ValueError(
            f'meteor: expected {len(pairs)} finite scores, one for each pair, got '
            f'{np.isfinite(given).sum()} finite ones in an array of shape {given.shape}.'
        )
    counting = _joined([image.can_count(iou_thr) for image in images], bool)
    scores = np.zeros(len(counting))
    scores[counting] = given
    return scores


def _hits_needed(recalls: NDArray[np.floating], npos: int, variant: Variant) -> NDArray[np.intp]:
    """Number of true positives (100,) with which each recall is reached; one at least."""
    dtype = SCORE_DTYPES[variant]
    reached = np.arange(1, npos + 1, dtype=dtype) / dtype(npos)
    return np.searchsorted(reached, recalls) + 1


def _precisions(hits: NDArray[np.intp], needed: NDArray[np.intp], variant: Variant) -> FloatArray:
    """Highest precision (100,) at each recall or a higher one, by the ranks (K,) of the true positives, from 0.

    Between two true positives precision only falls, so that only those have to be looked at.
    """
    precisions = np.zeros(len(needed))
    if len(hits):
        dtype = SCORE_DTYPES[variant]
        at_hits = np.arange(1, len(hits) + 1, dtype=dtype) / (hits + 1).astype(dtype)
        highest = np.maximum.accumulate(at_hits[::-1])[::-1]
        reached = needed <= len(hits)
        precisions[reached] = highest[needed[reached] - 1]
    return precisions


def _check(
    images: Sequence[MatchedImage],
    variant: Variant,
    iou_thrs: Sequence[float],
    meteor_thrs: Sequence[float],
) -> None:
    check_variant(variant)
    for number, image in enumerate(images):
        if image.variant != variant:
            raise ValueError(
                f'images: expected all to be matched with variant={variant!r}, got {image.variant!r} in number '
                f'{number}; match and average with the same variant.'
            )
    if not iou_thrs or not all(0 < threshold <= 1 for threshold in iou_thrs):
        raise ValueError(f'iou_thrs: expected thresholds in (0, 1], got {list(iou_thrs)}.')
    if not meteor_thrs or not all(np.isfinite(meteor_thrs)):
        raise ValueError(f'meteor_thrs: expected finite numbers, got {list(meteor_thrs)}.')
