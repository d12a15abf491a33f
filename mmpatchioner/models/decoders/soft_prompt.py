"""The soft prompt: what a language model reads in place of words, made from one vector."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SoftPrompt(nn.Module):
    """Maps a vector to a sequence of token embeddings (ClipCap, arXiv 2111.09734; CapDec, ViECap).

    A linear map makes ``num_inputs`` vectors of the one; a bidirectional transformer reads them beside
    ``num_outputs`` learned ones, and what becomes of these is the prompt. Names are those of the published weights.

    Args:
        in_dims: Width D of the vectors.
        dims: Width of the language model.
        num_outputs: Length of the prompt.
        num_inputs: Vectors made of the one.
        num_layers: Blocks.
        num_heads: Attention heads; divides ``dims``.

    Example:
        >>> prompt = SoftPrompt(6, dims=8, num_outputs=3, num_inputs=2, num_layers=1, num_heads=2)
        >>> prompt(torch.ones(4, 6)).shape
        torch.Size([4, 3, 8])
    """

    def __init__(
        self,
        in_dims: int,
        dims: int = 768,
        num_outputs: int = 10,
        num_inputs: int = 10,
        num_layers: int = 8,
        num_heads: int = 8,
    ) -> None:
        super().__init__()
        if dims % num_heads:
            raise ValueError(
                f'soft_prompt.num_heads: expected a divisor of {dims}, got {num_heads}.'
            )
        self.num_inputs = num_inputs
        self.linear = nn.Linear(in_dims, num_inputs * dims)
        self.prefix_const = nn.Parameter(torch.randn(num_outputs, dims))
        self.transformer = _Mapper(dims, num_layers, num_heads)

    def forward(self, vectors: Tensor) -> Tensor:
        """Map vectors (R, D) to prompts (R, P, dims)."""
        rows = len(vectors)
        inputs = self.linear(vectors).unflatten(1, (self.num_inputs, -1))
        learned = self.prefix_const.expand(rows, -1, -1)
        return self.transformer(torch.cat([inputs, learned], dim=1))[:, self.num_inputs :]


class _Mapper(nn.Module):
    """Pre-LN blocks without a mask and without a final norm."""

    def __init__(self, dims: int, num_layers: int, num_heads: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Layer(dims, num_heads) for _ in range(num_layers))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


class _Layer(nn.Module):
    def __init__(self, dims: int, num_heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dims)
        self.attn = _Attention(dims, num_heads)
        self.norm2 = nn.LayerNorm(dims)
        self.mlp = _Mlp(dims)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class _Attention(nn.Module):
    def __init__(self, dims: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.to_queries = nn.Linear(dims, dims, bias=False)
        self.to_keys_values = nn.Linear(dims, 2 * dims, bias=False)
        self.project = nn.Linear(dims, dims)

    def forward(self, x: Tensor) -> Tensor:
        rows, length, dims = x.shape
        heads = (self.num_heads, dims // self.num_heads)
        queries = self.to_queries(x).view(rows, length, *heads).transpose(1, 2)
        keys, values = self.to_keys_values(x).view(rows, length, 2, *heads).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(queries, keys, values)
        return self.project(attended.transpose(1, 2).reshape(rows, length, dims))


class _Mlp(nn.Module):
    def __init__(self, dims: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dims, 2 * dims)
        self.fc2 = nn.Linear(2 * dims, dims)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.relu(self.fc1(x)))
