"""The average precisions of dense captioning, from matched predictions and their METEOR."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from benchmarks.comparison import Comparison, Setting
from benchmarks.networks import Sizes
from mmpatchioner.evaluation.functional import (
    DenseCapResult,
    MatchedImage,
    dense_captioning_map,
    match_image,
)
from mmpatchioner.evaluation.functional.densecap_ap import IOU_THRS, METEOR_THRS

_PER_IMAGE = 46  # predictions, as in the test set of Visual Genome: 230,000 of 5,000 images
_IMAGES, _TINY_IMAGES = 500, 5
_COPIES = 10  # of all images, for the second row
_SIDE = 600  # pixels


@dataclass(frozen=True)
class _Matched:
    """Matched images and METEOR of their predictions.

    Args:
        images: As :func:`match_image` gives them.
        scores: METEOR of every prediction, in the order of the images.
    """

    images: list[MatchedImage]
    scores: np.ndarray

    def __len__(self) -> int:
        return len(self.scores)

    def repeated(self, times: int) -> _Matched:
        return _Matched(times * self.images, np.tile(self.scores, times))

    def evaluate(self) -> DenseCapResult:
        asked = self.scores[np.concatenate([image.can_count() for image in self.images])]
        return dense_captioning_map(self.images, lambda _: asked)


def average_precision(setting: Setting) -> Iterator[Comparison]:
    """All 35 cells: a loop over all predictions for each of them, against arrays; and ten times as many predictions."""
    few = _synthetic(_IMAGES if setting.sizes == Sizes() else _TINY_IMAGES)
    reference, own = setting.measure(lambda: _published(few), few.evaluate)
    name = 'average precision, {:,} predictions'
    yield Comparison(
        name=name.format(len(few)),
        reference='published loop',
        reference_time=reference,
        time=own,
        regions=len(few),
        target=setting.target(100.0),
        costs=False,
        equal=_same(reference.result, own.result),
        checked='same 35 values to 1e-6',
    )

    # All scores differ, so that copies of an image rank next to each other and change no value.
    many = few.repeated(_COPIES)
    reference, own = setting.measure(few.evaluate, many.evaluate)
    yield Comparison(
        name=name.format(len(many)),
        reference=name.format(len(few)),
        reference_time=reference,
        time=own,
        regions=len(many),
        target=None,
        costs=True,
        equal=np.array_equal(reference.result.precisions, own.result.precisions),
        checked='same 35 values',
    )


def _synthetic(num_images: int) -> _Matched:
    """Annotated boxes, some of them nearly the same, each predicted a little off and with another score."""
    rng = np.random.default_rng(0)
    count = num_images * _PER_IMAGE
    scores = rng.permutation(count).reshape(num_images, -1) / count
    images = []
    for image_scores in scores:
        corners = rng.uniform(0, _SIDE, (_PER_IMAGE, 2))
        boxes = np.concatenate([corners, corners + rng.uniform(20, 200, (_PER_IMAGE, 2))], axis=1)
        boxes[: _PER_IMAGE // 5] = boxes[-(_PER_IMAGE // 5) :] + 2
        predicted = boxes + rng.normal(0, 10, boxes.shape)
        texts = ['a caption'] * _PER_IMAGE
        images.append(match_image(predicted, image_scores, texts, boxes, texts))
    return _Matched(images, rng.beta(1, 4, count))


def _published(matched: _Matched) -> list[float]:
    """The published loop, written for this benchmark: every prediction is looked at anew for every cell."""
    ranks = torch.cat([torch.from_numpy(image.scores) for image in matched.images])
    order = ranks.sort(descending=True, stable=True).indices.tolist()
    records = [
        dict(ok=ok, iou=iou, references=references)
        for image in matched.images
        for ok, iou, references in zip(
            image.ok.tolist(), image.ious.tolist(), image.references, strict=True
        )
    ]
    scores = matched.scores.tolist()
    npos = sum(image.num_gt for image in matched.images)
    values = []
    for iou_thr in IOU_THRS:
        for meteor_thr in (-1.0, *METEOR_THRS):
            right, wrong = torch.zeros(len(order)), torch.zeros(len(order))
            for rank, index in enumerate(order):
                record = records[index]
                fits = record['references'] and record['ok'] and record['iou'] >= iou_thr
                if fits and scores[index] > meteor_thr:
                    right[rank] = 1
                else:
                    wrong[rank] = 1
            right, wrong = right.cumsum(0), wrong.cumsum(0)
            recall, precision = right / npos, right / (right + wrong)
            highest = [
                (precision * (recall >= level)).max().item()
                for level in torch.arange(0, 1, 0.01).tolist()
            ]
            values.append(sum(highest) / len(highest))
    return values


def _same(published: list[float], own: DenseCapResult) -> bool:
    return np.allclose(own.average_precisions.ravel(), published, rtol=0.0, atol=1e-6)
