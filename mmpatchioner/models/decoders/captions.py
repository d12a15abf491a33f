"""What every decoder gives."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Captions:
    """Decoded captions of R regions.

    Args:
        texts: R captions.
        scores: (R,) mean natural-log probability per token, end-of-text included; higher is better.
        token_ids: (R, T) int64, filled up with the end-of-text token.
        token_log_probs: (R, T) natural-log probability of every token, 0 where filled up.
        official_scores: (R,) what the released code ranks captions of this decoder by; only if asked for.
    """

    texts: list[str]
    scores: Tensor
    token_ids: Tensor
    token_log_probs: Tensor
    official_scores: Tensor | None = None
