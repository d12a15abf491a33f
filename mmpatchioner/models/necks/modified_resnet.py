"""CLIP's ResNet, with an output for every position of its attention pool."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_EXPANSION = 4
_HEAD_DIMS = 64


class FrozenBatchNorm(nn.Module):
    """Batch normalisation by stored statistics, whatever the mode."""

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer('weight', torch.ones(channels))
        self.register_buffer('bias', torch.zeros(channels))
        self.register_buffer('running_mean', torch.zeros(channels))
        self.register_buffer('running_var', torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (B, C, h, w)."""
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias)


class Shortcut(nn.Module):
    """What a block adds its output to where that is of another shape than its input."""

    def __init__(self, channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(stride)
        self.conv = nn.Conv2d(channels, out_channels, 1, bias=False)
        self.norm = FrozenBatchNorm(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, h, w) to (B, C', h / stride, w / stride)."""
        return self.norm(self.conv(self.pool(x)))


class Bottleneck(nn.Module):
    """Three convolutions beside a residual; a stride is an average pool after the second."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        out_channels = _EXPANSION * width
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = FrozenBatchNorm(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = FrozenBatchNorm(width)
        self.pool = nn.AvgPool2d(stride)
        self.conv3 = nn.Conv2d(width, out_channels, 1, bias=False)
        self.bn3 = FrozenBatchNorm(out_channels)
        self.shortcut: Shortcut | None = None
        if stride > 1 or channels != out_channels:
            self.shortcut = Shortcut(channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, h, w) to (B, 4 * width, h / stride, w / stride)."""
        hidden = F.relu(self.bn1(self.conv1(x)))
        hidden = self.pool(F.relu(self.bn2(self.conv2(hidden))))
        residual = x if self.shortcut is None else self.shortcut(x)
        return F.relu(self.bn3(self.conv3(hidden)) + residual)


class AttentionPool(nn.Module):
    """Attention of the mean and of every position over all of them.

    Args:
        dims: Width of the features.
        out_dims: Width of the outputs.
        side: Rows and columns of the grid that the positions were learnt for.
    """

    def __init__(self, dims: int, out_dims: int, side: int) -> None:
        super().__init__()
        self.num_heads = dims // _HEAD_DIMS
        self.positional_embedding = nn.Parameter(torch.randn(side**2 + 1, dims) / dims**0.5)
        self.q_proj = nn.Linear(dims, dims)
        self.k_proj = nn.Linear(dims, dims)
        self.v_proj = nn.Linear(dims, dims)
        self.c_proj = nn.Linear(dims, out_dims)

    def tokens(self, features: Tensor, positions: Tensor) -> Tensor:
        """The mean and every position, with positions added.

        Args:
            features: (B, C, h, w).
            positions: (1 + h * w, C).

        Returns:
            (B, 1 + h * w, C).
        """
        flat = features.flatten(2).transpose(1, 2)
        return torch.cat([flat.mean(dim=1, keepdim=True), flat], dim=1) + positions

    def forward(self, tokens: Tensor) -> Tensor:
        """Attend from every token to all: (B, T, C) to (B, T, out_dims)."""
        query, key, value = (
            self._heads(project(tokens)) for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        attended = F.scaled_dot_product_attention(query, key, value)
        return self.c_proj(attended.transpose(1, 2).flatten(2))

    def head_logits(self, tokens: Tensor) -> Tensor:
        """Logits (B, H, N) of the mean's query and the keys of the N positions."""
        query = self._heads(self.q_proj(tokens[:, :1]))
        key = self._heads(self.k_proj(tokens[:, 1:]))
        return (query @ key.transpose(2, 3)).squeeze(2) * query.shape[-1] ** -0.5

    def _heads(self, x: Tensor) -> Tensor:
        """(B, T, C) as (B, H, T, C / H)."""
        return x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)


class ModifiedResNet(nn.Module):
    """CLIP's ResNet (arXiv 2103.00020): a stem of three convolutions, average pools in place of strides.

    Args:
        layers: Blocks of the four stages; (3, 4, 6, 3) is RN50.
        width: Channels behind the stem; the last stage has 32 times as many.
        out_dims: Width of the outputs of the attention pool.
        side: Rows and columns of the grid that the attention pool's positions were learnt for.

    Attributes:
        stride: Side of a position in pixels of the input.
    """

    stride = 32

    def __init__(
        self,
        layers: Sequence[int] = (3, 4, 6, 3),
        width: int = 64,
        out_dims: int = 1024,
        side: int = 7,
    ) -> None:
        super().__init__()
        self.out_dims = out_dims
        self.conv1 = nn.Conv2d(3, width // 2, 3, stride=2, padding=1, bias=False)
        self.bn1 = FrozenBatchNorm(width // 2)
        self.conv2 = nn.Conv2d(width // 2, width // 2, 3, padding=1, bias=False)
        self.bn2 = FrozenBatchNorm(width // 2)
        self.conv3 = nn.Conv2d(width // 2, width, 3, padding=1, bias=False)
        self.bn3 = FrozenBatchNorm(width)
        self.pool = nn.AvgPool2d(2)
        channels = width
        for index, blocks in enumerate(layers):
            stage_width, stride = width * 2**index, 1 if index == 0 else 2
            stage = [Bottleneck(channels, stage_width, stride)]
            channels = _EXPANSION * stage_width
            stage += [Bottleneck(channels, stage_width, 1) for _ in range(blocks - 1)]
            self.add_module(f'layer{index + 1}', nn.Sequential(*stage))
        self.num_stages = len(layers)
        self.attnpool = AttentionPool(channels, out_dims, side)

    def forward(self, images: Tensor) -> Tensor:
        """Features of the last stage: (B, 3, H, W) to (B, C, H / 32, W / 32)."""
        x = F.relu(self.bn1(self.conv1(images)))
        x = F.relu(self.bn2(self.conv2(x)))
        x = self.pool(F.relu(self.bn3(self.conv3(x))))
        for index in range(self.num_stages):
            x = self.get_submodule(f'layer{index + 1}')(x)
        return x
