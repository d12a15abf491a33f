"""ViECap's hard prompt: the names of what a vector is most similar to."""

from __future__ import annotations

import os

import torch
from mmengine.model import BaseModule
from torch import Tensor
from torch.nn import functional as F

from mmpatchioner.checkpoints.memory_file import Memory, load_memory
from mmpatchioner.models.decoders.prompt_text import compose_prompt
from mmpatchioner.registry import MODELS


@MODELS.register_module()
class EntityPrompt(BaseModule):
    """Names the entities of a vocabulary that a vector resembles (ViECap, arXiv 2307.16525, section 3.3).

    Of the ``top_k`` entities by ``softmax(cos / temperature)``, those with at least ``threshold`` are named; the first
    that falls below ends the list.

    Args:
        entities: File of a memory whose texts are the names, or a :class:`Memory`. Published are embeddings of several
            sentences with each name (:class:`mmpatchioner.models.text_encoders.TemplateTextEncoder`).
        top_k: Most names; 3 is published.
        threshold: Least probability; 0.4 is published in the configs.
        temperature: Of the softmax over the vocabulary.

    Raises:
        ValueError: if an argument is out of range, or the memory has no names.
        CheckpointError: if the file is missing or no memory.

    Example:
        >>> names = Memory.from_rows(torch.eye(3), texts=['cat', 'dog', 'tree'])
        >>> EntityPrompt(names)(torch.tensor([[0.0, 5.0, 0.1], [1.0, 1.0, 1.0]]))
        ['There are dog in image.', 'There are something in image.']
    """

    directions: Tensor

    def __init__(
        self,
        entities: str | os.PathLike[str] | Memory,
        top_k: int = 3,
        threshold: float = 0.4,
        temperature: float = 0.01,
    ) -> None:
        super().__init__()
        if top_k < 1:
            raise ValueError(f'hard_prompt.top_k: expected at least 1, got {top_k}.')
        if not 0 <= threshold <= 1:
            raise ValueError(f'hard_prompt.threshold: expected 0 to 1, got {threshold}.')
        if temperature <= 0:
            raise ValueError(f'hard_prompt.temperature: expected more than 0, got {temperature}.')
        bank = entities if isinstance(entities, Memory) else load_memory(entities)
        if bank.texts is None:
            raise ValueError(
                'hard_prompt.entities: expected a memory with its texts, the names; build it without --no-texts.'
            )
        self.names = list(bank.texts)
        self.space = bank.space
        # Not persistent: the weights of a decoder are the same whatever the vocabulary.
        self.register_buffer('directions', bank.embeddings.float(), persistent=False)
        self.top_k = min(top_k, len(self.names))
        self.threshold = threshold
        self.temperature = temperature

    @property
    def embed_dims(self) -> int:
        """Width D of the vectors."""
        return self.directions.shape[1]

    @torch.no_grad()
    def entities(self, embeddings: Tensor) -> list[list[str]]:
        """The names for vectors (R, D), R lists, the most probable first; a list may be empty."""
        if not len(embeddings):
            return []
        cosines = F.normalize(embeddings.float(), dim=1) @ self.directions.T
        shares = (cosines / self.temperature).softmax(dim=1)
        # Stable, so that of equals the first of the vocabulary is named first.
        shares, indices = shares.sort(dim=1, descending=True, stable=True)
        shares, indices = shares[:, : self.top_k], indices[:, : self.top_k]
        counts = (shares >= self.threshold).long().cumprod(dim=1).sum(dim=1).tolist()
        return [
            [self.names[index] for index in row[:count]]
            for row, count in zip(indices.tolist(), counts, strict=True)
        ]

    def forward(self, embeddings: Tensor) -> list[str]:
        """Write the prompts of vectors (R, D), of any length.

        Returns:
            R prompts, e.g. ``'There are person, dog in image.'``
        """
        return [compose_prompt(names) for names in self.entities(embeddings)]
