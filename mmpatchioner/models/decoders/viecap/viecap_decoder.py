"""The ViECap decoder: a language model that reads a soft prompt and names of what is there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mmpatchioner.models.decoders.prompted_decoder import PromptedDecoder
from mmpatchioner.models.decoders.soft_prompt import SoftPrompt
from mmpatchioner.registry import MODELS


@MODELS.register_module()
class ViECapDecoder(PromptedDecoder):
    """Decoder with a soft prompt from the vector and a hard prompt of words (ViECap, arXiv 2307.16525).

    GPT-2 goes on from ``[soft prompt, hard prompt]``, greedily as published. The released code fills up shorter prompts
    with exclamation marks at their ends, which its captions then go on from. What it ranks captions by is their
    perplexity under the language model without a prompt, the highest first: it was not inverted.

    Args:
        prefix_dims: Width D of the vectors.
        hard_prompt: Config of what writes the words: :class:`EntityPrompt` (ViECap), :class:`MeaCapPrompt` (MeaCap);
            None gives the soft prompt alone.
        tokenizer: Config of a :class:`GPT2Tokenizer`.
        soft_prompt: Other sizes of :class:`SoftPrompt`.
        caption_entities: Config of :class:`CaptionEntities`, which writes the hard prompts in training.
        hidden_dims: Width of the language model.
        options: Further arguments of :class:`PromptedDecoder`.

    Raises:
        ValueError: if a size is out of range or the tokenizer has more tokens than the model.
    """

    def __init__(
        self,
        prefix_dims: int,
        hard_prompt: dict[str, Any] | None,
        tokenizer: dict[str, Any],
        soft_prompt: dict[str, int] | None = None,
        caption_entities: dict[str, Any] | None = None,
        hidden_dims: int = 768,
        **options: Any,
    ) -> None:
        super().__init__(prefix_dims, tokenizer, hidden_dims, **options)
        self.soft_prompt = SoftPrompt(prefix_dims, hidden_dims, **(soft_prompt or {}))
        self.hard_prompt = MODELS.build(hard_prompt) if hard_prompt is not None else None
        self.caption_entities = MODELS.build(caption_entities) if caption_entities else None

    def prompts(self, embeddings: Tensor) -> list[Tensor]:
        """What the language model goes on from, for vectors (R, D) of any length: R tensors (length, hidden_dims)."""
        unit = F.normalize(embeddings, dim=1)
        soft = list(self.soft_prompt(unit))
        return soft if self.hard_prompt is None else self._with_words(soft, self.hard_prompt(unit))

    def training_prompts(self, embeddings: Tensor, captions: Sequence[str]) -> list[Tensor]:
        """What it learns to go on from: names are those that the captions mention (section 3.3 of ViECap).

        Raises:
            ValueError: if there is a hard prompt and nothing to write it in training.
        """
        soft = list(self.soft_prompt(F.normalize(embeddings, dim=1)))
        if self.hard_prompt is None:
            return soft
        if self.caption_entities is None:
            raise ValueError(
                'decoder.caption_entities: expected a config, which writes the hard prompts in training, got None.'
            )
        return self._with_words(soft, self.caption_entities(captions))

    def _with_words(self, soft: list[Tensor], texts: Sequence[str]) -> list[Tensor]:
        words = [torch.tensor(self.tokenizer.encode(text)) for text in texts]
        return [
            torch.cat([row, self.transformer.token_embedding(ids.to(row.device))])
            for row, ids in zip(soft, words, strict=True)
        ]
