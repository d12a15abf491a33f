"""Nucleus sampling: tokens are drawn from those that are probable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from mmpatchioner.models.decoders.search import GreedySearch


@dataclass(frozen=True)
class Nucleus:
    """What tokens are drawn from (Holtzman et al., arXiv 1904.09751): the most probable that hold ``top_p`` together.

    All sequences take the same quantile of their own distributions at a step. Each is a fair sample, and depends on
    the seed alone: neither on the others of the batch nor on their order.

    Args:
        top_p: Share of the probability, above 0; 1 draws from all tokens. The token that exceeds it still counts.
        temperature: Of the softmax that is drawn from.
        seed: Of the quantiles.

    Raises:
        ValueError: if a number is out of range.
    """

    top_p: float = 0.8
    temperature: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.top_p <= 1:
            raise ValueError(f'decoder.top_p: expected more than 0, up to 1, got {self.top_p}.')
        if self.temperature <= 0:
            raise ValueError(f'decoder.temperature: expected more than 0, got {self.temperature}.')


class NucleusSearch(GreedySearch):
    """Draw a token from the nucleus at every step.

    Args:
        rows: Sequences.
        max_length: Most tokens of each.
        stop_ids: Tokens that end a sequence; the first fills up what ended.
        device: Of the logits.
        nucleus: What is drawn from.
    """

    def __init__(
        self,
        rows: int,
        max_length: int,
        stop_ids: Sequence[int],
        device: torch.device,
        nucleus: Nucleus,
    ) -> None:
        super().__init__(rows, max_length, stop_ids, device)
        self.nucleus = nucleus
        generator = torch.Generator().manual_seed(nucleus.seed)
        self.quantiles = torch.rand(max_length, generator=generator).to(device)

    def _choose(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        shares = (logits / self.nucleus.temperature).softmax(dim=-1)
        # Stable, so that of equals the first of the vocabulary comes first.
        shares, order = shares.sort(dim=-1, descending=True, stable=True)
        mass = shares.cumsum(dim=-1)
        kept = (F.pad(mass[:, :-1], (1, 0)) <= self.nucleus.top_p).sum(dim=-1, keepdim=True)
        held = mass.gather(1, kept - 1)
        rank = (mass < self.quantiles[self.length] * held).sum(dim=-1, keepdim=True)
        tokens = order.gather(1, rank)
        return tokens[:, 0], logits.log_softmax(dim=-1).gather(1, tokens)[:, 0]
