"""CLIP's image tower, as every neck that is made of one builds and runs it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from mmpatchioner.checkpoints import from_folder_or_hub
from mmpatchioner.models.necks.positions import resample_positions


def build_clip_tower(cfg: dict[str, Any]) -> nn.Module:
    """Build a CLIP ViT, frozen, in fp32 and evaluation mode.

    Args:
        cfg: ``dict(pretrained=<hub id or local transformers folder>)``, or ``dict(config=dict(hidden_size=..., ...))``
            for random weights of any size.

    Returns:
        A ``transformers.CLIPVisionModelWithProjection``.

    Raises:
        ValueError: if ``cfg`` is none of these forms.
        CheckpointError: if there is no such model.
    """
    keys = set(cfg)
    if keys == {'pretrained'}:
        name = cfg['pretrained']
        tower = from_folder_or_hub(CLIPVisionModelWithProjection, name, 'neck.backbone.pretrained')
        tower = tower.float()  # files in half precision load as such
    elif keys == {'config'}:
        tower = CLIPVisionModelWithProjection(CLIPVisionConfig(**cfg['config']))
    else:
        raise ValueError(
            'neck.backbone: expected dict(pretrained=<hub id or folder>) or dict(config=dict(...)), '
            f'got the keys {sorted(keys)}.'
        )
    return tower.requires_grad_(False).eval()


def embed_image(
    tower: Any, patch_inputs: Tensor, grid: tuple[int, int], antialias: bool = True
) -> Tensor:
    """Class token and patches of a batch, with their positions.

    Args:
        tower: A CLIP ViT.
        patch_inputs: (B, 3, h, w); pixels at the right and at the bottom that fill no patch are not seen.
        grid: (rows, columns) of whole patches.
        antialias: See :func:`resample_positions`.

    Returns:
        (B, 1 + N, C), what goes into the transformer.
    """
    embeddings = tower.vision_model.embeddings
    patches = embeddings.patch_embedding(patch_inputs).flatten(2).transpose(1, 2)
    cls = embeddings.class_embedding.expand(len(patches), 1, -1)
    positions = resample_positions(embeddings.position_embedding.weight, grid, antialias)
    return torch.cat([cls, patches], dim=1) + positions


def run_blocks(tower: Any, embedded: Tensor) -> tuple[Tensor, Tensor]:
    """Input and output (B, 1 + N, C) of the last block.

    Args:
        tower: A CLIP ViT.
        embedded: (B, 1 + N, C) of :func:`embed_image`.
    """
    encoder = tower.vision_model.encoder
    inputs: list[Tensor] = []
    hook = encoder.layers[-1].register_forward_pre_hook(
        lambda _, args, kwargs: inputs.append(args[0] if args else kwargs['hidden_states']),
        with_kwargs=True,
    )
    try:
        normed = tower.vision_model.pre_layrnorm(embedded)
        output = encoder(inputs_embeds=normed).last_hidden_state
    finally:
        hook.remove()
    return inputs[0], output


def project_tokens(tower: Any, tokens: Tensor) -> Tensor:
    """Tokens (..., C) of the last block in the space of the texts: (..., D) fp32, not normalised."""
    return tower.visual_projection(tower.vision_model.post_layernorm(tokens.float()))
