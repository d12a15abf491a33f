"""DINO.txt's vision head: two more blocks on the frozen tokens of DINOv2."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmpatchioner.checkpoints import PretrainedModule
from mmpatchioner.models.self_attention import SelfAttention

_ALIGNMENT = 64


def swiglu_dims(dims: int) -> int:
    """Hidden width of a gated network that costs what a plain one of four times the width would.

    Example:
        >>> swiglu_dims(1024)
        2752
    """
    hidden = int(4 * dims * 2 / 3)
    return hidden + -hidden % _ALIGNMENT


class HeadBlock(nn.Module):
    """Attention and a SwiGLU network, each after a LayerNorm, scaled by channel, and beside a residual."""

    def __init__(self, dims: int, num_heads: int) -> None:
        super().__init__()
        hidden = swiglu_dims(dims)
        self.norm1 = nn.LayerNorm(dims)
        self.attention = SelfAttention(dims, num_heads)
        self.scale1 = nn.Parameter(torch.full((dims,), 1e-5))
        self.norm2 = nn.LayerNorm(dims)
        self.gate = nn.Linear(dims, hidden)
        self.up = nn.Linear(dims, hidden)
        self.down = nn.Linear(hidden, dims)
        self.scale2 = nn.Parameter(torch.full((dims,), 1e-5))

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (B, T, dims) to the same shape."""
        tokens = tokens + self.scale1 * self.attention(self.norm1(tokens))
        normed = self.norm2(tokens)
        return tokens + self.scale2 * self.down(F.silu(self.gate(normed)) * self.up(normed))


class DINOTxtVisionHead(PretrainedModule):
    """What DINO.txt (arXiv 2412.16334) trains on top of DINOv2: blocks over [class, registers, patches], LayerNorm.

    Its projection is the identity, for each half of the text vectors is as wide as a token.

    Args:
        dims: Width of the tokens.
        num_heads: Attention heads.
        num_blocks: Blocks.
        init_cfg: ``dict(type='Pretrained', checkpoint=...)`` loads weights that
            tools/model_converters/dinotxt_to_mmpatchioner.py wrote, all of them or none.
    """

    def __init__(
        self,
        dims: int,
        num_heads: int,
        num_blocks: int = 2,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.blocks = nn.ModuleList(HeadBlock(dims, num_heads) for _ in range(num_blocks))
        self.norm = nn.LayerNorm(dims)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map all tokens of an image (B, 1 + registers + N, dims) to the same shape."""
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm(tokens)
