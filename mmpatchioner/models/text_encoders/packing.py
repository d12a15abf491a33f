"""Sentences as padded token ids, for towers whose end marker stands for the text."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from mmpatchioner.registry import MODELS


def build_tokenizer(cfg: dict[str, Any], vocab_size: int) -> Any:
    """Build the tokenizer of a text tower.

    Args:
        cfg: Config of a :class:`mmpatchioner.models.decoders.CaptionTokenizer`.
        vocab_size: Tokens that the tower has.

    Raises:
        ValueError: if the tokenizer has more.
    """
    tokenizer = MODELS.build(cfg)
    if tokenizer.vocab_size > vocab_size:
        raise ValueError(
            f'encoder.tokenizer: expected at most {vocab_size} tokens, those of the tower, got '
            f'{tokenizer.vocab_size}.'
        )
    return tokenizer


def pack_texts(
    texts: list[str], tokenizer: Any, max_length: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Tokenize sentences; what exceeds the longest length is cut off before the end marker.

    Args:
        texts: n sentences, at least one.
        tokenizer: A :class:`mmpatchioner.models.decoders.CaptionTokenizer`.
        max_length: Longest text in tokens, start and end included.
        device: Where the result lives.

    Returns:
        (n, T) int64 ids, filled up with 0, and (n,) int64, where each text has its end marker.
    """
    rows = []
    for text in texts:
        *ids, end = tokenizer.encode(text)
        rows.append(torch.tensor([*ids[: max_length - 1], end], device=device))
    ends = torch.tensor([len(row) - 1 for row in rows], device=device)
    return pad_sequence(rows, batch_first=True), ends
