"""Captions of many vectors, decoded in chunks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mmpatchioner.models.heads.ranking import Ranking


@dataclass(frozen=True, eq=False)
class Decoded:
    """Captions of n vectors.

    Attributes:
        texts: n captions.
        scores: (n,) mean natural-log probability per token.
        ranking_shares: (n,) the captions' share of the ranking score.
    """

    texts: list[str]
    scores: Tensor
    ranking_shares: Tensor

    def take(self, rows: list[int]) -> Decoded:
        """Those of ``rows``, in that order; one may be taken several times."""
        texts = [self.texts[row] for row in rows]
        return Decoded(texts, self.scores[rows], self.ranking_shares[rows])


def decode_in_chunks(decoder: Any, ranking: Ranking, vectors: Tensor, chunk: int) -> Decoded:
    """Decode vectors (n, D), ``chunk`` of them at once.

    Args:
        decoder: Its ``generate`` takes vectors and gives :class:`mmpatchioner.models.decoders.Captions`.
        ranking: What the captions are ranked by.
        vectors: In the space of the decoder; none is legal.
        chunk: Bounds memory, changes no result.
    """
    options = {'official_scores': True} if ranking.needs_official_scores else {}
    texts: list[str] = []
    scores, shares = [vectors.new_zeros(0)], [vectors.new_zeros(0)]
    for part in vectors.split(chunk) if len(vectors) else ():
        captions = decoder.generate(part, **options)
        texts.extend(captions.texts)
        scores.append(captions.scores)
        shares.append(ranking.of_captions(captions))
    return Decoded(texts, torch.cat(scores), torch.cat(shares))
