"""Random weights of a small CLIP with a ResNet, in OpenAI's naming, and the ResNet by its definition."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

LAYERS, WIDTH, OUT, SIDE = (2, 1, 1, 1), 4, 24, 3
DIMS = 32 * WIDTH
IMAGE = dict(layers=LAYERS, width=WIDTH, out_dims=OUT, side=SIDE)
TEXT_WIDTH, TEXT_HEADS, TEXT_LAYERS, VOCABULARY, POSITIONS = 32, 4, 2, 40, 12
TEXT = dict(
    hidden_size=TEXT_WIDTH,
    intermediate_size=4 * TEXT_WIDTH,
    num_hidden_layers=TEXT_LAYERS,
    num_attention_heads=TEXT_HEADS,
    projection_dim=OUT,
    vocab_size=VOCABULARY,
    max_position_embeddings=POSITIONS,
)


def conv(out: int, into: int, kernel: int) -> dict[str, Tensor]:
    return {'weight': torch.randn(out, into, kernel, kernel) / (into**0.5 * kernel)}


def norm(channels: int) -> dict[str, Tensor]:
    return {
        'weight': 1 + 0.2 * torch.randn(channels),
        'bias': 0.2 * torch.randn(channels),
        'running_mean': 0.2 * torch.randn(channels),
        'running_var': 0.5 + torch.rand(channels),
    }


def linear(out: int, into: int) -> dict[str, Tensor]:
    return {'weight': torch.randn(out, into) / into**0.5, 'bias': 0.2 * torch.randn(out)}


def image_tower() -> dict[str, Tensor]:
    parts = {
        'conv1': conv(WIDTH // 2, 3, 3),
        'bn1': norm(WIDTH // 2),
        'conv2': conv(WIDTH // 2, WIDTH // 2, 3),
        'bn2': norm(WIDTH // 2),
        'conv3': conv(WIDTH, WIDTH // 2, 3),
        'bn3': norm(WIDTH),
    }
    channels = WIDTH
    for stage, count in enumerate(LAYERS):
        inner = WIDTH * 2**stage
        for index in range(count):
            block = f'layer{stage + 1}.{index}'
            parts[f'{block}.conv1'], parts[f'{block}.bn1'] = conv(inner, channels, 1), norm(inner)
            parts[f'{block}.conv2'], parts[f'{block}.bn2'] = conv(inner, inner, 3), norm(inner)
            parts[f'{block}.conv3'] = conv(4 * inner, inner, 1)
            parts[f'{block}.bn3'] = norm(4 * inner)
            if index == 0:
                parts[f'{block}.downsample.0'] = conv(4 * inner, channels, 1)
                parts[f'{block}.downsample.1'] = norm(4 * inner)
            channels = 4 * inner
    for letter in 'qkv':
        parts[f'attnpool.{letter}_proj'] = linear(DIMS, DIMS)
    parts['attnpool.c_proj'] = linear(OUT, DIMS)
    state = {f'{part}.{kind}': t for part, kinds in parts.items() for kind, t in kinds.items()}
    state['attnpool.positional_embedding'] = torch.randn(SIDE**2 + 1, DIMS)
    return state


def text_tower() -> dict[str, Tensor]:
    state = {
        'token_embedding.weight': torch.randn(VOCABULARY, TEXT_WIDTH),
        'positional_embedding': torch.randn(POSITIONS, TEXT_WIDTH),
        'text_projection': torch.randn(TEXT_WIDTH, OUT),
        'ln_final.weight': 1 + 0.2 * torch.randn(TEXT_WIDTH),
        'ln_final.bias': torch.randn(TEXT_WIDTH),
    }
    for index in range(TEXT_LAYERS):
        block = f'transformer.resblocks.{index}'
        attention = linear(3 * TEXT_WIDTH, TEXT_WIDTH)
        state |= {f'{block}.attn.in_proj_{kind}': t for kind, t in attention.items()}
        for name, out, into in [
            ('attn.out_proj', TEXT_WIDTH, TEXT_WIDTH),
            ('mlp.c_fc', 4 * TEXT_WIDTH, TEXT_WIDTH),
            ('mlp.c_proj', TEXT_WIDTH, 4 * TEXT_WIDTH),
        ]:
            state |= {f'{block}.{name}.{kind}': t for kind, t in linear(out, into).items()}
        for name in ('ln_1', 'ln_2'):
            state[f'{block}.{name}.weight'] = 1 + 0.2 * torch.randn(TEXT_WIDTH)
            state[f'{block}.{name}.bias'] = 0.2 * torch.randn(TEXT_WIDTH)
    return state


def features(state: dict[str, Tensor], images: Tensor) -> Tensor:
    """The last stage of CLIP's ResNet by its definition, over the published names."""

    def run_conv(x: Tensor, name: str, padding: int = 0, stride: int = 1) -> Tensor:
        return F.conv2d(x, state[f'{name}.weight'], padding=padding, stride=stride)

    def run_norm(x: Tensor, name: str) -> Tensor:
        weight, bias, mean, var = (
            state[f'{name}.{kind}'][:, None, None]
            for kind in ('weight', 'bias', 'running_mean', 'running_var')
        )
        return (x - mean) / (var + 1e-5).sqrt() * weight + bias

    x = run_norm(run_conv(images, 'conv1', 1, 2), 'bn1').relu()
    x = run_norm(run_conv(x, 'conv2', 1), 'bn2').relu()
    x = F.avg_pool2d(run_norm(run_conv(x, 'conv3', 1), 'bn3').relu(), 2)
    for stage, count in enumerate(LAYERS):
        for index in range(count):
            block, stride = f'layer{stage + 1}.{index}', 2 if stage and not index else 1
            y = run_norm(run_conv(x, f'{block}.conv1'), f'{block}.bn1').relu()
            y = run_norm(run_conv(y, f'{block}.conv2', 1), f'{block}.bn2').relu()
            y = run_norm(run_conv(F.avg_pool2d(y, stride), f'{block}.conv3'), f'{block}.bn3')
            if index == 0:
                x = run_conv(F.avg_pool2d(x, stride), f'{block}.downsample.0')
                x = run_norm(x, f'{block}.downsample.1')
            x = (x + y).relu()
    return x
