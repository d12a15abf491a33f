"""The GPT-2 architecture, as small as it can be said, with a cache of keys and values."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmpatchioner.models.decoders.linear import Linear, linear

_INIT_STD = 0.02


class KeyValueCache:
    """Keys and values of every layer for the positions decoded so far, allocated once.

    Args:
        num_layers: Layers of the transformer.
        rows: Sequences in the batch.
        num_heads: Attention heads.
        capacity: Positions there is room for.
        head_dims: Width of a head.
        like: A tensor whose type and device the cache gets.
        starts: (rows,) int64, the first position of every sequence where they begin at different ones; what is
            before it is filler, which no position sees.

    Attributes:
        length: Positions that are filled.
    """

    def __init__(
        self,
        num_layers: int,
        rows: int,
        num_heads: int,
        capacity: int,
        head_dims: int,
        like: Tensor,
        starts: Tensor | None = None,
    ) -> None:
        shape = (num_layers, rows, num_heads, capacity, head_dims)
        self.keys = like.new_empty(shape)
        self.values = like.new_empty(shape)
        self.starts = starts
        self.length = 0

    def positions(self, new: int) -> Tensor:
        """Positions of the next ``new`` inputs, counted from the start of each sequence: (new,) or (rows, new)."""
        columns = torch.arange(self.length, self.length + new, device=self.keys.device)
        return columns if self.starts is None else (columns - self.starts[:, None]).clamp(min=0)

    def mask(self, new: int) -> Tensor | None:
        """What the next ``new`` inputs see: (new, total) or (rows, 1, new, total); None if they see everything."""
        if new == 1 and self.starts is None:
            return None
        total = self.length + new
        columns = torch.arange(total, device=self.keys.device)
        queries = columns[self.length :, None]
        causal = columns <= queries
        if self.starts is None:
            return causal
        # Filler sees itself: a softmax over nothing would be NaN.
        seen = (columns >= self.starts[:, None, None]) | (columns == queries)
        return (causal & seen)[:, None]

    def append(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Write keys and values (rows, heads, new, head_dims) of a layer; return those of all its positions.

        ``length`` grows when the whole stack has been through, see :meth:`advance`.
        """
        stop = self.length + keys.shape[2]
        self.keys[layer, :, :, self.length : stop] = keys
        self.values[layer, :, :, self.length : stop] = values
        return self.keys[layer, :, :, :stop], self.values[layer, :, :, :stop]

    def advance(self, positions: int) -> None:
        """Count the positions that every layer has appended."""
        self.length += positions

    def select(self, rows: Tensor) -> None:
        """Keep sequences ``rows`` (n,), in that order; one may be taken several times."""
        self.keys = self._gather(self.keys, rows)
        self.values = self._gather(self.values, rows)
        if self.starts is not None:
            self.starts = self.starts[rows]

    def _gather(self, stored: Tensor, rows: Tensor) -> Tensor:
        gathered = stored.new_empty(stored.shape[0], len(rows), *stored.shape[2:])
        gathered[..., : self.length, :] = stored[..., : self.length, :].index_select(1, rows)
        return gathered


class Attention(nn.Module):
    """Causal self-attention."""

    def __init__(self, dims: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.dropout = dropout
        self.qkv = Linear(dims, 3 * dims)
        self.proj = Linear(dims, dims)

    def forward(
        self, x: Tensor, layer: int, cache: KeyValueCache | None, mask: Tensor | None
    ) -> Tensor:
        """Attend from (rows, new, dims) to the same and, with a cache and its mask, to all positions before."""
        rows, new, dims = x.shape
        shape = (rows, new, 3, self.num_heads, dims // self.num_heads)
        query, key, value = self.qkv(x).view(shape).permute(2, 0, 3, 1, 4)
        if cache is not None:
            key, value = cache.append(layer, key, value)
        attended = F.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=mask,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=cache is None,
        )
        return self.proj(attended.transpose(1, 2).reshape(rows, new, dims))


class Block(nn.Module):
    """Attention and a two-layer network, each after a LayerNorm and beside a residual."""

    def __init__(self, dims: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dims)
        self.attention = Attention(dims, num_heads, dropout)
        self.norm2 = nn.LayerNorm(dims)
        self.fc1 = Linear(dims, 4 * dims)
        self.fc2 = Linear(4 * dims, dims)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Tensor, layer: int, cache: KeyValueCache | None, mask: Tensor | None
    ) -> Tensor:
        """Map (rows, new, dims) to the same shape."""
        x = x + self.dropout(self.attention(self.norm1(x), layer, cache, mask))
        hidden = F.gelu(self.fc1(self.norm2(x)), approximate='tanh')
        return x + self.dropout(self.fc2(hidden))


class Transformer(nn.Module):
    """GPT-2 (Radford et al., 2019): learned positions, pre-LN blocks, output matrix tied to the token embedding.

    Args:
        vocab_size: Tokens.
        dims: Width.
        num_layers: Blocks.
        num_heads: Attention heads; divides ``dims``.
        max_positions: Longest sequence, prefix included.
        dropout: In training, on embeddings, attention weights and residuals.

    Raises:
        ValueError: if ``num_heads`` does not divide ``dims``.
    """

    def __init__(
        self,
        vocab_size: int,
        dims: int,
        num_layers: int,
        num_heads: int,
        max_positions: int,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if dims % num_heads:
            raise ValueError(
                f'num_heads: expected a divisor of hidden_dims {dims}, got {num_heads}.'
            )
        self.dims = dims
        self.num_heads = num_heads
        self.max_positions = max_positions
        self.token_embedding = nn.Embedding(vocab_size, dims)
        self.position_embedding = nn.Embedding(max_positions, dims)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(dims, num_heads, dropout) for _ in range(num_layers))
        self.norm = nn.LayerNorm(dims)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights as GPT-2 does: small, and smaller the more residual layers add up."""
        for name, parameter in self.named_parameters():
            if parameter.ndim == 1:
                nn.init.constant_(parameter, float('norm' in name and name.endswith('weight')))
            elif name.endswith(('proj.weight', 'fc2.weight')):
                nn.init.normal_(parameter, std=_INIT_STD / math.sqrt(2 * len(self.blocks)))
            else:
                nn.init.normal_(parameter, std=_INIT_STD)

    def forward(self, embeddings: Tensor, cache: KeyValueCache | None = None) -> Tensor:
        """Run the stack.

        Args:
            embeddings: (rows, new, dims) inputs without positions: embedded tokens, or a prefix.
            cache: Of the positions before; the new ones are added to it.

        Returns:
            (rows, new, dims) normalised outputs, of which :meth:`logits` are linear.
        """
        new = embeddings.shape[1]
        positions: slice | Tensor = slice(new) if cache is None else cache.positions(new)
        mask = None if cache is None else cache.mask(new)
        x = self.dropout(embeddings + self.position_embedding.weight[positions])
        for layer, block in enumerate(self.blocks):
            x = block(x, layer, cache, mask)
        if cache is not None:
            cache.advance(new)
        return self.norm(x)

    def logits(self, hidden: Tensor, vocab_size: int | None = None) -> Tensor:
        """Score tokens: (..., dims) to (..., vocab_size), for the first ``vocab_size`` tokens."""
        return linear(hidden, self.token_embedding.weight[:vocab_size])

    def new_cache(self, rows: int, capacity: int, starts: Tensor | None = None) -> KeyValueCache:
        """An empty cache for a batch, whose sequences begin at ``starts`` (rows,); None: all at 0."""
        return KeyValueCache(
            num_layers=len(self.blocks),
            rows=rows,
            num_heads=self.num_heads,
            capacity=capacity,
            head_dims=self.dims // self.num_heads,
            like=self.position_embedding.weight.detach(),
            starts=starts,
        )
