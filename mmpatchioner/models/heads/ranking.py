"""What captions are ranked by in the dense-captioning mAP."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from mmpatchioner.models.decoders import Captions


def _official(captions: Captions) -> Tensor:
    if captions.official_scores is None:
        raise ValueError(
            "caption_head.score_mode: 'official' needs a decoder that gives `official_scores`; this one gave none. "
            "Take 'caption' or 'sequence'."
        )
    return captions.official_scores


def _one(captions: Captions) -> Tensor:
    return torch.ones_like(captions.scores)


_SHARES: dict[str, tuple[Callable[[Captions], Tensor], bool]] = {
    'caption': (lambda captions: captions.scores, False),
    'sequence': (lambda captions: captions.token_log_probs.sum(dim=1).exp(), False),
    'official': (_official, False),
    'constant': (_one, False),
    'detection': (_one, True),
    'product': (lambda captions: captions.scores.exp(), True),
}


class Ranking:
    """A score of every caption, of its detection, or of both.

    Args:
        mode: ``'caption'``, the mean natural-log probability per token; ``'sequence'``, the probability of the whole
            caption, its end included; ``'official'``, the score of the released code, which is the decoder's matter;
            ``'constant'``, 1 for all, with which the crop baselines were published; ``'detection'``, the detector's
            score; ``'product'``, the detector's score times the mean probability per token.

    Raises:
        ValueError: if the mode is unknown.
    """

    def __init__(self, mode: str) -> None:
        if mode not in _SHARES:
            raise ValueError(
                f'caption_head.score_mode: expected one of {tuple(_SHARES)}, got {mode!r}.'
            )
        self.mode = mode
        self._of_captions, self._times_detection = _SHARES[mode]

    @property
    def needs_official_scores(self) -> bool:
        """Whether the decoder has to be asked for the released code's score."""
        return self.mode == 'official'

    def of_captions(self, captions: Captions) -> Tensor:
        """The captions' share of the score, (R,)."""
        return self._of_captions(captions)

    def of_regions(self, caption_share: Tensor, detection_scores: Tensor) -> Tensor:
        """The scores (R,), from the captions' share and the detector's scores (R,), NaN where it gave none."""
        return caption_share * detection_scores if self._times_detection else caption_share
