"""The one decode loop: a prompt of vectors in, token sequences out, with a cache, for all regions at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from mmpatchioner.models.decoders.sampling import Nucleus, NucleusSearch
from mmpatchioner.models.decoders.search import BeamSearch, GreedySearch
from mmpatchioner.models.decoders.transformer import Transformer


@dataclass(frozen=True, eq=False)
class TokenSequences:
    """Decoded sequences, the token that ended them included where one did.

    Args:
        ids: (R, T) int64, filled up with the first of the tokens that end one.
        log_probs: (R, T) fp32 natural-log probability of every token, 0 where filled up.
        lengths: (R,) int64, tokens up to and including end-of-text.
        full_log_probs: (R,) natural-log probability of all ``max_length`` tokens, those after end-of-text
            included, among all tokens of the model, those never produced included; only if asked for.
    """

    ids: Tensor
    log_probs: Tensor
    lengths: Tensor
    full_log_probs: Tensor | None = None

    @property
    def scores(self) -> Tensor:
        """(R,) mean natural-log probability per token; higher is better."""
        return self.log_probs.sum(dim=1) / self.lengths.clamp(min=1)


@torch.inference_mode()
def decode(
    transformer: Transformer,
    prompts: Tensor,
    *,
    stop_ids: Sequence[int],
    max_length: int,
    vocab_size: int | None = None,
    num_beams: int = 1,
    full_length: bool = False,
    nucleus: Nucleus | None = None,
    starts: Tensor | None = None,
) -> TokenSequences:
    """Decode one sequence for every prompt.

    A step computes one position, and the logits of that position alone. Sequences that reach end-of-text leave the
    batch, so that the work is that of the captions' lengths. No row sees another: results do not depend on the batch.

    Args:
        transformer: The decoder.
        prompts: (R, P, dims) input vectors that come before the first token.
        stop_ids: Tokens that end a sequence, e.g. end-of-text; the first fills up what ended.
        max_length: Most tokens of a sequence, end-of-text included.
        vocab_size: Only tokens below it are produced; None allows all.
        num_beams: Hypotheses kept for every sequence; 1 is greedy search.
        full_length: Greedy search goes on after end-of-text, for ``full_log_probs``; the sequences stay the same.
        nucleus: Draw tokens instead of taking the most probable.
        starts: (R,) int64, the first vector of every prompt, where prompts of different lengths are filled up at their
            beginnings, see :func:`pad_prompts`; None: all begin at 0.

    Returns:
        The R sequences, in order.

    Raises:
        ValueError: if more than one of beams, the full length and a nucleus is asked for.
    """
    rows, positions = prompts.shape[:2]
    search: GreedySearch | BeamSearch
    if full_length and (num_beams > 1 or nucleus):
        raise ValueError(
            f'full_length: expected greedy search, got num_beams={num_beams}, nucleus={nucleus}.'
        )
    if nucleus and num_beams > 1:
        raise ValueError(f'num_beams: expected 1 where tokens are drawn, got {num_beams}.')
    if nucleus:
        search = NucleusSearch(rows, max_length, stop_ids, prompts.device, nucleus)
    elif num_beams > 1:
        search = BeamSearch(rows, max_length, stop_ids, prompts.device, num_beams)
    else:
        search = GreedySearch(rows, max_length, stop_ids, prompts.device, vocab_size, full_length)
    cache = transformer.new_cache(rows, positions + max_length, starts)
    # What the full length counts is a share of all tokens; else those never produced need no logits.
    scored = None if full_length else vocab_size
    inputs = prompts
    while len(inputs):
        hidden = transformer(inputs, cache)[:, -1]
        step = search.advance(transformer.logits(hidden, scored))
        if step.rows is not None:
            cache.select(step.rows)
        inputs = transformer.token_embedding(step.tokens)[:, None]
    full = search.full_log_probs if full_length and isinstance(search, GreedySearch) else None
    return TokenSequences(*search.result(), full)


def pad_prompts(prompts: Sequence[Tensor]) -> tuple[Tensor, Tensor | None]:
    """Fill up prompts at their beginnings, so that all end at the same position.

    Args:
        prompts: R tensors (length, dims), at least one.

    Returns:
        The prompts (R, P, dims), and where each starts (R,), see :func:`decode`; None if all start at 0.

    Example:
        >>> padded, starts = pad_prompts([torch.ones(2, 3), torch.ones(4, 3)])
        >>> padded[..., 0].tolist(), starts.tolist()
        ([[0.0, 0.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0]], [2, 0])
    """
    lengths = [len(prompt) for prompt in prompts]
    starts = [max(lengths) - length for length in lengths]
    padded = [
        F.pad(prompt, (0, 0, start, 0)) for prompt, start in zip(prompts, starts, strict=True)
    ]
    device = prompts[0].device
    return torch.stack(padded), torch.tensor(starts, device=device) if any(starts) else None
