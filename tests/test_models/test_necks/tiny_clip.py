"""A CLIP image tower of few channels."""

from __future__ import annotations

from typing import Any

from torch import nn

from mmpatchioner.models.necks import CLIPNeck

TINY = {
    'hidden_size': 32,
    'intermediate_size': 64,
    'num_hidden_layers': 3,
    'num_attention_heads': 4,
    'image_size': 32,
    'patch_size': 8,
    'projection_dim': 16,
}


def spread(module: nn.Module) -> Any:
    """Draw larger weights: transformers draws them so small that tokens are equal."""
    for parameter in module.parameters():
        if parameter.ndim > 1:
            parameter.data.normal_(std=0.2)
        elif parameter.ndim == 1:
            parameter.data += 0.2 * parameter.data.new_empty(parameter.shape).normal_()
    return module


def clip_with(backbone: nn.Module) -> CLIPNeck:
    """CLIP with the weights of another neck's backbone."""
    clip = CLIPNeck(backbone=dict(config=TINY))
    clip.backbone.load_state_dict(backbone.state_dict())
    return clip
