"""What every neck returns: the tokens of one backbone pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class PatchFeatures:
    """Tokens of a batch of images.

    Attributes:
        patches: (B, N, D) fp32 patch tokens, row-major over the grid.
        grid: (rows, columns) of the patch grid, rows * columns = N.
        cls: (B, D) class token, if the backbone has one.
        registers: (B, G, D) register tokens, if the backbone has them.
        attention_fn: Computes :meth:`attention` on demand; most captions never need it.
    """

    patches: Tensor
    grid: tuple[int, int]
    cls: Tensor | None = None
    registers: Tensor | None = None
    attention_fn: Callable[[int | None], Tensor] | None = None

    def attention(self, num_heads: int | None = None) -> Tensor:
        """Attention of the class token over the patches in the last block.

        The softmax over the patches of the head-averaged logits: the weights of ``avg_self_attn`` of the
        released code, which the paper's supplement uses for whole images.

        Args:
            num_heads: Number of heads in the mean; None is the backbone's own. The released code divides
                by 16 whatever the backbone.

        Returns:
            (B, N) weights, rows sum to 1.

        Raises:
            ValueError: if the backbone offers no attention.
        """
        if self.attention_fn is None:
            raise ValueError(
                "weighting='attention' needs a backbone with a class token; this neck gives none. "
                "Use weighting='uniform' or 'gaussian'."
            )
        return self.attention_fn(num_heads)
