"""Captions with their text embeddings: what a decoder is trained on."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from torch.utils.data import Dataset

from mmpatchioner.datasets.corpus import TextCorpus
from mmpatchioner.datasets.embedding_cache import cached_embeddings
from mmpatchioner.registry import DATASETS


@DATASETS.register_module()
class CaptionEmbeddingDataset(Dataset):
    """Captions and their embeddings, without any image.

    Args:
        corpus: Arguments of :class:`TextCorpus`.
        encoder: Config of the text encoder.
        cache_dir: Where embeddings are kept; None is the user's cache.
        batch_size: Texts in one forward pass of the encoder.
        device: Where the encoder runs; None is the best there is.

    Items are dicts of ``embeddings`` (D,) fp32, ``captions`` and ``kinds`` (``'caption'``
    or ``'phrase'``); collate them with ``default_collate``.
    """

    metainfo: ClassVar[dict[str, Any]] = {}  # mmengine's loops ask for it

    def __init__(
        self,
        corpus: dict[str, Any],
        encoder: dict[str, Any],
        cache_dir: str | None = None,
        batch_size: int = 128,
        device: str | None = None,
    ) -> None:
        entries = TextCorpus(**corpus).entries
        self.texts = [entry.text for entry in entries]
        self.kinds = [entry.kind for entry in entries]
        # A text that occurs often is encoded once.
        rows = {text: row for row, text in enumerate(dict.fromkeys(self.texts))}
        self.rows = [rows[text] for text in self.texts]
        self.embeddings = cached_embeddings(list(rows), encoder, cache_dir, batch_size, device)

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, index: int) -> dict[str, Any]:
        embedding = torch.from_numpy(np.array(self.embeddings[self.rows[index]], dtype=np.float32))
        return {
            'embeddings': embedding,
            'captions': self.texts[index],
            'kinds': self.kinds[index],
        }
