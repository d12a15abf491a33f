"""Captions with embeddings of texts: what a decoder is trained on."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch.utils.data import Dataset

from mmpatchioner.datasets.corpus import TextCorpus
from mmpatchioner.datasets.embedding_cache import cached_embeddings
from mmpatchioner.registry import DATASETS


class EmbeddedCaptions(Dataset):
    """Captions, and for each the row of an array of embeddings.

    Items are dicts of ``embeddings`` (D,) fp32, ``captions`` and ``kinds`` (``'caption'`` or ``'phrase'``); collate
    them with ``default_collate``.

    Args:
        texts: The captions.
        kinds: The kind of each.
        rows: The row of each.
        embeddings: (rows, D).
    """

    metainfo: ClassVar[dict[str, Any]] = {}  # mmengine's loops ask for it

    def __init__(
        self, texts: list[str], kinds: list[str], rows: Sequence[int], embeddings: np.ndarray
    ) -> None:
        self.texts = texts
        self.kinds = kinds
        self.rows = rows
        self.embeddings = embeddings

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, index: int) -> dict[str, Any]:
        embedding = torch.from_numpy(np.array(self.embeddings[self.rows[index]], dtype=np.float32))
        return {
            'embeddings': embedding,
            'captions': self.texts[index],
            'kinds': self.kinds[index],
        }


@DATASETS.register_module()
class CaptionEmbeddingDataset(EmbeddedCaptions):
    """Captions and embeddings of texts, without any image.

    Args:
        corpus: Arguments of :class:`TextCorpus`.
        encoder: Config of the text encoder.
        targets: What is learnt from the embedding of a caption: ``'own'``, the caption itself; ``'others'``, each other
            caption of its image, one item a pair (CLOSE, arXiv 2211.09778, several captions), for which the sources
            must tell the images.
        cache_dir: Where embeddings are kept; None is the user's cache.
        batch_size: Texts in one forward pass of the encoder.
        device: Where the encoder runs; None is the best there is.

    Raises:
        ValueError: if ``targets`` is unknown, or no image has two captions.
    """

    def __init__(
        self,
        corpus: dict[str, Any],
        encoder: dict[str, Any],
        targets: Literal['own', 'others'] = 'own',
        cache_dir: str | None = None,
        batch_size: int = 128,
        device: str | None = None,
    ) -> None:
        if targets not in ('own', 'others'):
            raise ValueError(f"targets: expected 'own' or 'others', got {targets!r}.")
        if targets == 'own':
            entries = TextCorpus(**corpus).entries
            pairs = [(entry.text, entry.text) for entry in entries]
            kinds = [entry.kind for entry in entries]
        else:
            groups = TextCorpus(**{'dedupe': False, **corpus}).by_image().values()
            pairs = [pair for texts in groups for pair in itertools.permutations(texts, 2)]
            kinds = ['caption'] * len(pairs)
            if not pairs:
                raise ValueError(
                    "targets: 'others' needs images with several captions, the corpus has none."
                )
        # A text that occurs often is encoded once.
        order = {text: row for row, text in enumerate(dict.fromkeys(text for text, _ in pairs))}
        super().__init__(
            texts=[target for _, target in pairs],
            kinds=kinds,
            rows=[order[text] for text, _ in pairs],
            embeddings=cached_embeddings(list(order), encoder, cache_dir, batch_size, device),
        )
