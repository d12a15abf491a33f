"""What every neck returns: the tokens of one backbone pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

_OFFICIAL_HEADS = 16
_VIT_S_HEADS = 6


@dataclass(frozen=True, eq=False)
class PatchFeatures:
    """Tokens of a batch of images.

    Attributes:
        patches: (B, N, D) fp32 patch tokens, row-major over the grid.
        grid: (rows, columns) of the patch grid, rows * columns = N.
        cls: (B, D) class token, if the backbone has one.
        registers: (B, G, D) register tokens, if the backbone has them.
        head_logits_fn: Computes (B, H, N), the logits of the class token's query and the patches' keys in the last
            block, head by head; on demand, for most captions never need them.
    """

    patches: Tensor
    grid: tuple[int, int]
    cls: Tensor | None = None
    registers: Tensor | None = None
    head_logits_fn: Callable[[], Tensor] | None = None

    def attention(self, official: bool = False) -> Tensor:
        """Attention of the class token over the patches in the last block.

        The softmax over the patches of the head-averaged logits: the weights of ``avg_self_attn`` of the released code,
        which the paper's supplement uses for whole images.

        Args:
            official: Divide the sum over heads by 16 whatever the backbone, ViT-S apart, as the released code does.

        Returns:
            (B, N) weights, rows sum to 1.

        Raises:
            ValueError: if the backbone offers no attention.
        """
        logits = self._head_logits()
        heads = logits.shape[1]
        divisor = _OFFICIAL_HEADS if official and heads != _VIT_S_HEADS else heads
        return (logits.sum(dim=1) / divisor).softmax(dim=-1)

    def head_attention(self) -> Tensor:
        """Attention of the class token over the patches, head by head.

        Returns:
            (B, H, N) weights, rows sum to 1.

        Raises:
            ValueError: if the backbone offers no attention.
        """
        return self._head_logits().softmax(dim=-1)

    def _head_logits(self) -> Tensor:
        if self.head_logits_fn is None:
            raise ValueError(
                "weighting='attention' needs a backbone whose class token attends to the patches; this neck has none. "
                "Use weighting='uniform' or 'gaussian'."
            )
        return self.head_logits_fn()
