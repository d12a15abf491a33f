"""Self-attention of the transformers that this package builds itself for images and for texts."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class SelfAttention(nn.Module):
    """Multi-head self-attention with one matrix for queries, keys and values, which has no bias.

    Args:
        dims: Width of the tokens.
        num_heads: Attention heads; divides ``dims``.
        causal: Let a token attend to itself and those before it only.

    Raises:
        ValueError: if ``num_heads`` does not divide ``dims``.
    """

    def __init__(self, dims: int, num_heads: int, causal: bool = False) -> None:
        super().__init__()
        if num_heads < 1 or dims % num_heads:
            raise ValueError(f'num_heads: expected a divisor of the width {dims}, got {num_heads}.')
        self.num_heads = num_heads
        self.causal = causal
        self.qkv = nn.Linear(dims, 3 * dims, bias=False)
        self.proj = nn.Linear(dims, dims)

    def forward(self, tokens: Tensor) -> Tensor:
        """Attend within each row of (B, T, dims)."""
        rows, length, dims = tokens.shape
        shape = (rows, length, 3, self.num_heads, dims // self.num_heads)
        query, key, value = self.qkv(tokens).view(shape).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(query, key, value, is_causal=self.causal)
        return self.proj(attended.transpose(1, 2).reshape(rows, length, dims))
