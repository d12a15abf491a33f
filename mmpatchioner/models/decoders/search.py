"""Greedy and beam search: which tokens follow, and which sequences go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

# Finished sequences leave the batch once they are an eighth of it: moving the cache costs about as much as they do.
_COMPACT_SHARE = 8


class Step(NamedTuple):
    """What the decode loop feeds next.

    Attributes:
        tokens: (n,) int64, the token of every sequence that goes on; none ends the loop.
        rows: (n,) int64, the row of the batch before that each goes on from; None if the rows stay as they are.
    """

    tokens: Tensor
    rows: Tensor | None


class GreedySearch:
    """Take the most probable token at every step.

    Args:
        rows: Sequences.
        max_length: Most tokens of each.
        stop_ids: Tokens that end a sequence; the first fills up what ended.
        device: Of the logits.
        vocab_size: Only tokens below it are taken; None allows all.
        full_length: Whether sequences go on after their end, up to ``max_length``.

    Attributes:
        full_log_probs: (rows,) with ``full_length``, natural-log probability of all tokens so far, among all that the
            logits score.
    """

    def __init__(
        self,
        rows: int,
        max_length: int,
        stop_ids: Sequence[int],
        device: torch.device,
        vocab_size: int | None = None,
        full_length: bool = False,
    ) -> None:
        self.stop_ids = torch.tensor(stop_ids, device=device)
        self.max_length = max_length
        self.vocab_size = vocab_size
        self.full_length = full_length
        self.full_log_probs = torch.zeros(rows, device=device)
        self.ids = torch.full((rows, max_length), stop_ids[0], device=device)
        self.log_probs = torch.zeros(rows, max_length, device=device)
        self.active = torch.arange(rows, device=device)  # rows of the batch -> sequences
        self.alive = torch.ones(rows, dtype=torch.bool, device=device)
        self.length = 0

    def advance(self, logits: Tensor) -> Step:
        """Choose from the logits (n, V) of the next position, which are overwritten."""
        tokens, log_probs = self._choose(logits)
        self.ids[self.active, self.length] = tokens
        self.log_probs[self.active, self.length] = log_probs
        self.length += 1
        if not self.full_length:
            self.alive &= ~torch.isin(tokens, self.stop_ids)
        remaining = int(self.alive.sum())
        if not remaining or self.length == self.max_length:
            return Step(tokens[:0], None)
        if (len(tokens) - remaining) * _COMPACT_SHARE < len(tokens):
            return Step(tokens, None)
        rows = self.alive.nonzero()[:, 0]
        self.active, self.alive = self.active[rows], self.alive[rows]
        return Step(tokens[rows], rows)

    def result(self) -> tuple[Tensor, Tensor, Tensor]:
        """Ids (R, T), log-probabilities (R, T) and lengths (R,), see :class:`TokenSequences`."""
        return _trim(self.ids, self.log_probs, self.stop_ids)

    def _choose(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (n,) and their log-probabilities (n,)."""
        known = logits[:, : self.vocab_size]
        best, tokens = known.max(dim=-1, keepdim=True)
        if self.full_length:
            self.full_log_probs += best[:, 0] - logits.logsumexp(dim=-1)
        # log softmax of the best alone, in place: logsumexp would look for the maximum again and copy the logits.
        normaliser = known.sub_(best).exp_().sum(dim=-1).log_()
        return tokens[:, 0], -normaliser


class BeamSearch:
    """Keep the ``num_beams`` best hypotheses of every sequence by mean log-probability per token.

    A finished hypothesis keeps its place, with the mean it finished with, as long as it is among the best; others
    compete against it. A sequence is decided when nothing unfinished can overtake its best hypothesis any more.

    Args:
        rows: Sequences.
        max_length: Most tokens of each.
        stop_ids: Tokens that end a sequence; the first fills up what ended.
        device: Of the logits.
        num_beams: Hypotheses of a sequence.
    """

    def __init__(
        self,
        rows: int,
        max_length: int,
        stop_ids: Sequence[int],
        device: torch.device,
        num_beams: int,
    ) -> None:
        self.stop_ids = torch.tensor(stop_ids, device=device)
        self.filler = stop_ids[0]
        self.max_length = max_length
        self.num_beams = num_beams
        self.best_ids = torch.full((rows, max_length), self.filler, device=device)
        self.best_log_probs = torch.zeros(rows, max_length, device=device)
        self.active = torch.arange(rows, device=device)  # (A,) sequences that are not decided
        self.length = 0
        # W hypotheses of each: one, the empty one, before the first step.
        self.ids = self.best_ids[:, None].clone()  # (A, W, T)
        self.log_probs = self.best_log_probs[:, None].clone()  # (A, W, T)
        self.means = torch.zeros(rows, 1, device=device)  # (A, W)
        self.open = torch.ones(rows, 1, dtype=torch.bool, device=device)  # (A, W) not finished

    def advance(self, logits: Tensor) -> Step:
        """Choose from the logits (n, V) of the n open hypotheses, in the order of the last step."""
        open_before = self.open
        parents, tokens = self._extend(logits)
        row_of = torch.full(open_before.shape, -1, device=logits.device)
        row_of[open_before] = torch.arange(len(logits), device=logits.device)
        rows = row_of.gather(1, parents)
        undecided = self._decide()
        going_on = self.open & undecided[:, None]
        step = Step(tokens[going_on], rows[going_on])
        self.active, self.ids, self.log_probs, self.means, self.open = (
            state[undecided]
            for state in (self.active, self.ids, self.log_probs, self.means, self.open)
        )
        return step

    def result(self) -> tuple[Tensor, Tensor, Tensor]:
        """Ids (R, T), log-probabilities (R, T) and lengths (R,), see :class:`TokenSequences`."""
        return _trim(self.best_ids, self.best_log_probs, self.stop_ids)

    def _extend(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Replace the hypotheses by their best continuations; return parents and tokens (A, W)."""
        best, best_tokens = logits.topk(min(self.num_beams, logits.shape[-1]), dim=-1)
        shape = (*self.open.shape, best.shape[-1])  # (A, W, k)
        gains = best.new_zeros(shape)
        gains[self.open] = best - logits.logsumexp(dim=-1, keepdim=True)
        candidates = best_tokens.new_full(shape, self.filler)
        candidates[self.open] = best_tokens
        means = (self.log_probs.sum(dim=-1)[..., None] + gains) / (self.length + 1)
        # A finished hypothesis continues as itself, once.
        finished = self.means[..., None].expand(shape).clone()
        finished[..., 1:] = -torch.inf
        means = torch.where(self.open[..., None], means, finished).flatten(1)
        self.means, choice = means.topk(min(self.num_beams, means.shape[1]), dim=-1)
        parents = choice // shape[-1]
        tokens = candidates.flatten(1).gather(1, choice)
        history = parents[..., None].expand(-1, -1, self.max_length)
        self.ids = self.ids.gather(1, history)
        self.log_probs = self.log_probs.gather(1, history)
        self.ids[..., self.length] = tokens
        self.log_probs[..., self.length] = gains.flatten(1).gather(1, choice)
        stopped = torch.isin(tokens, self.stop_ids)
        self.open = self.open.gather(1, parents) & ~stopped & self.means.isfinite()
        self.length += 1
        return parents, tokens

    def _decide(self) -> Tensor:
        """Keep the best hypothesis of every sequence; return (A,) which of them may still change."""
        self.best_ids[self.active] = self.ids[:, 0]
        self.best_log_probs[self.active] = self.log_probs[:, 0]
        if self.length == self.max_length:
            return torch.zeros_like(self.active, dtype=torch.bool)
        # Log-probabilities are negative: at best a mean rises to the sum so far over the longest length.
        bound = self.log_probs.sum(dim=-1) / self.max_length  # (A, W)
        bound = bound.masked_fill(~self.open, -torch.inf).amax(dim=1)
        return self.open.any(dim=1) & (bound > self.means[:, 0])


def _trim(ids: Tensor, log_probs: Tensor, stop_ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    # A finished sequence that waited for the batch to be compacted has tokens after its end.
    stopped_before = torch.isin(ids, stop_ids).cumsum(dim=1).roll(1, dims=1)
    stopped_before[:, :1] = 0
    kept = stopped_before == 0
    lengths = kept.sum(dim=1)
    longest = int(lengths.max()) if len(lengths) else 0
    ids = ids.masked_fill(~kept, int(stop_ids[0]))[:, :longest]
    return ids, log_probs.masked_fill(~kept, 0.0)[:, :longest], lengths
