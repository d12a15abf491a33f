"""Retrieval between held-out images and their texts, the check of an alignment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.evaluator import BaseMetric
from torch import Tensor

from mmpatchioner.models.trainers.similarity import image_text_similarity
from mmpatchioner.registry import METRICS


@METRICS.register_module()
class ImageTextRetrieval(BaseMetric):
    """Recall at k of texts for images and of images for texts, in percent.

    Equal scores count against the right answer, so that a model that gives one score to all recalls nothing.

    Args:
        texts: Group of texts.
        pooling: See :func:`mmpatchioner.models.trainers.similarity.image_text_similarity`.
        patch_temperature: Of the pooling ``'text_weighted'``.
        texts_per_image: The first so many texts of an image.
        ks: The ranks.
        chunk_size: Images compared at a time.
        **kwargs: See ``mmengine.evaluator.BaseMetric``.
    """

    default_prefix = 'retrieval'

    def __init__(
        self,
        texts: str = 'captions',
        pooling: str = 'mean',
        patch_temperature: float = 0.03,
        texts_per_image: int = 1,
        ks: Sequence[int] = (1, 5, 10),
        chunk_size: int = 32,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.texts = texts
        self.pooling = pooling
        self.patch_temperature = patch_temperature
        self.texts_per_image = texts_per_image
        self.ks = tuple(ks)
        self.chunk_size = chunk_size

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Keep features and texts of the images of a batch, as ``AlignmentTrainer`` predicts them."""
        for sample in data_samples:
            texts = sample['texts'][self.texts][: self.texts_per_image]
            self.results.append({'features': sample['features'], 'texts': texts})

    def compute_metrics(self, results: list[dict[str, Any]]) -> dict[str, float]:
        """Compare every image with every text."""
        texts = torch.cat([image['texts'] for image in results])
        owner = torch.cat([torch.full((len(r['texts']),), i) for i, r in enumerate(results)])
        rows = []
        for start in range(0, len(results), self.chunk_size):
            chunk = results[start : start + self.chunk_size]
            kinds = chunk[0]['features']
            features = {
                kind: torch.stack([image['features'][kind] for image in chunk]).float()
                for kind in kinds
            }
            rows.append(
                image_text_similarity(texts, features, self.pooling, self.patch_temperature)
            )
        return recalls(torch.cat(rows), owner, self.ks)


def recalls(similarity: Tensor, owner: Tensor, ks: Sequence[int]) -> dict[str, float]:
    """Recall at k in both directions.

    Args:
        similarity: (I, T) similarity of images and texts.
        owner: (T,) the image of every text; an image without a text is no query.
        ks: The ranks.

    Returns:
        ``t2i_R@k`` (text to image) and ``i2t_R@k`` (image to its best ranked text), in percent.

    Example:
        >>> recalls(torch.eye(2), torch.tensor([0, 1]), ks=[1])
        {'t2i_R@1': 100.0, 'i2t_R@1': 100.0}
    """
    own = torch.arange(len(similarity))[:, None] == owner  # (I, T)
    right = similarity[owner, torch.arange(len(owner))]  # (T,)
    text_ranks = ((similarity >= right) & ~own).sum(dim=0)
    best = similarity.masked_fill(~own, float('-inf')).amax(dim=1, keepdim=True)
    image_ranks = ((similarity >= best) & ~own).sum(dim=1)[own.any(dim=1)]
    ranks = {'t2i': text_ranks, 'i2t': image_ranks}
    return {
        f'{name}_R@{k}': 100 * float((rank < k).float().mean())
        for name, rank in ranks.items()
        for k in ks
    }
