"""Pairs of image features and texts: what an alignment is trained on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from mmpatchioner.datasets.corpus import TextCorpus
from mmpatchioner.datasets.embedding_cache import cached_embeddings
from mmpatchioner.datasets.feature_cache import cached_features
from mmpatchioner.datasets.phrases import NounPhrases
from mmpatchioner.registry import DATASETS

PADDING = -1  # text id where an image has fewer texts than others


@DATASETS.register_module()
class PatchFeatureTextDataset(Dataset):
    """Images as frozen features, each with all its captions, and the noun phrases cut out of them.

    Nothing is random here: which texts and patches a step sees is drawn by the trainer. Items are dicts, to be
    collated with ``default_collate``:

    * ``features``: of every kind, e.g. ``{'patches': (N, D) fp16}``;
    * ``texts``: ``{'captions': {'embeddings': (T, E) fp32, 'ids': (T,)}, 'phrases': likewise}``. Equal texts have
      equal ids over the whole dataset; rows with id -1 are padding;
    * ``image_ids``: index of the image.

    Args:
        corpus: Arguments of :class:`TextCorpus`; its sources must tell the images. Copies are kept unless asked
            otherwise, for two images may share a text.
        image_root: Folder of the images that the corpus names.
        encoder: Config of the text encoder.
        neck: Config of the frozen neck.
        view: Arguments of :class:`mmpatchioner.datasets.transforms.PatchView`.
        features: Kinds of features, see :func:`mmpatchioner.datasets.feature_cache.cached_features`.
        phrases: Cut phrases as well.
        image_template: How the name of a file follows from the corpus' image, e.g. ``'COCO_train2014_{:0>12}.jpg'``.
        cache_dir: Where features and embeddings are kept; None is the user's cache.
        batch_size: Images in one forward pass of the neck.
        text_batch_size: Texts in one forward pass of the encoder.
        num_workers: Processes that read images for the cache.
        device: Where neck and encoder run; None is the best there is.
    """

    metainfo: ClassVar[dict[str, Any]] = {}  # mmengine's loops ask for it

    def __init__(
        self,
        corpus: dict[str, Any],
        image_root: str,
        encoder: dict[str, Any],
        neck: dict[str, Any],
        view: dict[str, Any],
        features: Sequence[str] = ('patches',),
        phrases: bool = False,
        image_template: str = '{}',
        cache_dir: str | None = None,
        batch_size: int = 8,
        text_batch_size: int = 128,
        num_workers: int = 0,
        device: str | None = None,
    ) -> None:
        captions = TextCorpus(**{'dedupe': False, **corpus}).by_image()
        groups = {'captions': list(captions.values())}
        if phrases:
            cut = NounPhrases.fit(caption for texts in captions.values() for caption in texts)
            groups['phrases'] = [
                list(dict.fromkeys(phrase for caption in texts for phrase in cut(caption)))
                for texts in captions.values()
            ]
        self.texts = list(
            dict.fromkeys(text for rows in groups.values() for texts in rows for text in texts)
        )
        ids = {text: index for index, text in enumerate(self.texts)}
        self.text_ids = {
            name: _pad([[ids[text] for text in texts] for texts in rows])
            for name, rows in groups.items()
        }
        self.images = [Path(image_root) / image_template.format(image) for image in captions]
        self.embeddings = cached_embeddings(self.texts, encoder, cache_dir, text_batch_size, device)
        self.features = cached_features(
            self.images, neck, view, features, cache_dir, batch_size, num_workers, device
        )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {
            'features': {
                kind: torch.from_numpy(np.array(rows[index]))
                for kind, rows in self.features.items()
            },
            'texts': {name: self._group(ids[index]) for name, ids in self.text_ids.items()},
            'image_ids': index,
        }

    def _group(self, ids: np.ndarray) -> dict[str, Tensor]:
        embeddings = np.zeros((len(ids), self.embeddings.shape[1]), dtype=np.float32)
        embeddings[ids != PADDING] = self.embeddings[ids[ids != PADDING]]
        return {'embeddings': torch.from_numpy(embeddings), 'ids': torch.from_numpy(ids)}


def _pad(rows: list[list[int]]) -> np.ndarray:
    """Lists of ids to one array (images, longest), padded."""
    padded = np.full((len(rows), max(1, max(map(len, rows)))), PADDING, dtype=np.int64)
    for row, ids in zip(padded, rows, strict=True):
        row[: len(ids)] = ids
    return padded
