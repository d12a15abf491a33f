"""DINOv2 with registers, small and random, in the layout and with the interface that the released code expects."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.tools.parity.drawing import Draw, rounded

DIMS, HEADS, LAYERS, REGISTERS = 128, 2, 2, 4
PATCH, GRID = 14, 5
SIDE = PATCH * GRID


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(DIMS, 3 * DIMS)
        self.proj = nn.Linear(DIMS, DIMS)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(DIMS, DIMS)
        self.fc2 = nn.Linear(DIMS, DIMS)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class LayerScale(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(DIMS))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(DIMS, eps=1e-6), nn.LayerNorm(DIMS, eps=1e-6)
        self.attn, self.mlp = Attention(), Mlp()
        self.ls1, self.ls2 = LayerScale(), LayerScale()

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


class SmallDINOv2(nn.Module):
    """A ViT of 70 x 70 pixels with weights from a seed."""

    patch_size = PATCH

    def __init__(self, draw: Draw) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, DIMS))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + GRID * GRID, DIMS))
        self.register_tokens = nn.Parameter(torch.zeros(1, REGISTERS, DIMS))
        self.patch_embed = nn.Module()
        self.patch_embed.proj = nn.Conv2d(3, DIMS, PATCH, PATCH)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(DIMS, eps=1e-6)
        for name, parameter in self.named_parameters():
            fan_in = parameter[0].numel() if parameter.ndim in (2, 4) else 1
            drawn = draw.normal(*parameter.shape) / fan_in**0.5
            if parameter.ndim == 1:  # biases, and gains around one
                drawn = 0.1 * drawn + name.endswith(
                    ('norm1.weight', 'norm2.weight', 'norm.weight', 'gamma')
                )
            parameter.data = rounded(drawn)

    def forward(self, images: Tensor, is_training: bool) -> dict[str, Tensor]:
        patches = self.patch_embed.proj(images).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(images), -1, -1), patches], dim=1) + self.pos_embed
        x = torch.cat([x[:, :1], self.register_tokens.expand(len(images), -1, -1), x[:, 1:]], dim=1)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        return {
            'x_norm_clstoken': x[:, 0],
            'x_norm_regtokens': x[:, 1 : 1 + REGISTERS],
            'x_norm_patchtokens': x[:, 1 + REGISTERS :],
        }
