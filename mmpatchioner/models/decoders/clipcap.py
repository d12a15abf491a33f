"""The ClipCap decoder: a language model that goes on from a prefix made of the vector alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from mmpatchioner.models.decoders.prompted_decoder import PromptedDecoder
from mmpatchioner.models.decoders.sampling import Nucleus
from mmpatchioner.models.decoders.soft_prompt import SoftPrompt
from mmpatchioner.registry import MODELS


@MODELS.register_module()
class ClipCapDecoder(PromptedDecoder):
    """Decoder with a prefix from two layers, or from a transformer (ClipCap, arXiv 2111.09734).

    It is trained on vectors of images, whose lengths it knows: they are read as they are. Tokens are drawn, as
    released; a caption depends on its vector and the seed alone. Captions end with the first full stop. What the
    released code ranks them by is one over their perplexity under the language model without the prefix.

    Args:
        prefix_dims: Width D of the vectors.
        tokenizer: Config of a :class:`GPT2Tokenizer`.
        prefix_length: Vectors that stand before the caption, where two layers make them.
        transformer: Sizes of a :class:`SoftPrompt` that makes them instead; its ``num_outputs`` is their number.
        top_p: Share of the probability that tokens are drawn from; None takes the most probable.
        temperature: Of the softmax that is drawn from.
        seed: Of what is drawn.
        max_length: Most tokens of a caption; 67 is released.
        hidden_dims: Width of the language model.
        options: Further arguments of :class:`PromptedDecoder`.

    Raises:
        ValueError: if a size is out of range or the tokenizer has more tokens than the model.
    """

    def __init__(
        self,
        prefix_dims: int,
        tokenizer: dict[str, Any],
        prefix_length: int = 10,
        transformer: dict[str, int] | None = None,
        top_p: float | None = 0.8,
        temperature: float = 1.0,
        seed: int = 0,
        max_length: int = 67,
        hidden_dims: int = 768,
        **options: Any,
    ) -> None:
        nucleus = None if top_p is None else Nucleus(top_p, temperature, seed)
        super().__init__(
            prefix_dims, tokenizer, hidden_dims, max_length=max_length, nucleus=nucleus, **options
        )
        width = prefix_length * hidden_dims
        self.prefix: nn.Module = (
            nn.Sequential(
                nn.Linear(prefix_dims, width // 2),
                nn.Tanh(),
                nn.Linear(width // 2, width),
                nn.Unflatten(1, (prefix_length, hidden_dims)),
            )
            if transformer is None
            else SoftPrompt(prefix_dims, hidden_dims, **transformer)
        )

    def prompts(self, embeddings: Tensor) -> list[Tensor]:
        """What the language model goes on from, for vectors (R, D): R tensors (prefix_length, hidden_dims)."""
        return list(self.prefix(embeddings))

    def to_text(self, ids: Sequence[int]) -> str:
        """The caption that tokens say, up to its first full stop, which may be within a token."""
        return super().to_text(ids).partition('.')[0]

    def released_scores(self, perplexities: Tensor) -> Tensor:
        """What the released code ranks by, (R,), from the captions' perplexities (R,) without a prefix."""
        return perplexities.reciprocal()
