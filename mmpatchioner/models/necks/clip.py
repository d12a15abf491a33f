"""CLIP's image tower as a neck: patches in the space of its text tower."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from mmpatchioner.checkpoints import from_folder_or_hub
from mmpatchioner.models.necks.inputs import AUTOCAST, check_autocast, check_patch_inputs
from mmpatchioner.models.necks.patch_features import PatchFeatures
from mmpatchioner.models.necks.positions import resample_positions
from mmpatchioner.registry import MODELS


@MODELS.register_module()
class CLIPNeck(BaseModule):
    """CLIP ViT of any size (arXiv 2103.00020), with every token in the space of the texts.

    The class token is CLIP's image embedding, not normalised; patches go through the same final LayerNorm and the same
    projection, for which they were not trained. Inputs of another size than CLIP's own get its position embeddings
    resampled, antialiased bicubic, as the published baselines do.

    Args:
        backbone: ``dict(pretrained=<hub id or local transformers folder>)``, or
            ``dict(config=dict(hidden_size=..., ...))`` for random weights of any size.
        autocast: ``'bf16'`` or ``'fp16'`` runs the transformer (only) in that type.
        init_cfg: mmengine's initialisation config.

    Raises:
        ValueError: if ``backbone`` is none of the forms above.
    """

    backbone: Any

    def __init__(
        self, backbone: dict[str, Any], autocast: str | None = None, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        check_autocast(autocast)
        self.autocast = autocast
        self.backbone = _build_backbone(backbone)
        self.backbone.requires_grad_(False)
        self.patch_size = int(self.backbone.config.patch_size)
        self.embed_dims = int(self.backbone.config.projection_dim)

    def init_weights(self) -> None:
        """Do nothing: the weights come with the constructor, and mmengine would initialise them anew."""

    def train(self, mode: bool = True) -> CLIPNeck:
        """Stay in evaluation mode: the backbone is frozen in every use."""
        super().train(False)
        return self

    @torch.no_grad()
    def forward(self, patch_inputs: Tensor) -> PatchFeatures:
        """Extract the tokens of a batch.

        Args:
            patch_inputs: (B, 3, h, w) RGB, normalised with CLIP's statistics; h and w are multiples of the patch size.

        Raises:
            ValueError: if the input is of another shape.
        """
        grid = check_patch_inputs(patch_inputs, self.patch_size)
        return self._features(self._embed(patch_inputs, grid), grid)

    def _features(self, embedded: Tensor, grid: tuple[int, int]) -> PatchFeatures:
        """Run the transformer over embedded tokens (B, 1 + N, C)."""
        tower = self.backbone.vision_model
        dtype = AUTOCAST.get(self.autocast or '')
        with torch.autocast(embedded.device.type, dtype=dtype, enabled=dtype is not None):
            last_input, last_output = _run_blocks(tower.encoder, tower.pre_layrnorm(embedded))
        tokens = self.backbone.visual_projection(tower.post_layernorm(last_output.float()))
        return PatchFeatures(
            patches=tokens[:, 1:],
            grid=grid,
            cls=tokens[:, 0],
            head_logits_fn=partial(self._head_logits, last_input),
        )

    def _embed(self, patch_inputs: Tensor, grid: tuple[int, int]) -> Tensor:
        """Class token and patches (B, 1 + N, C) with their positions."""
        embeddings = self.backbone.vision_model.embeddings
        patches = embeddings.patch_embedding(patch_inputs).flatten(2).transpose(1, 2)
        cls = embeddings.class_embedding.expand(len(patches), 1, -1)
        positions = resample_positions(embeddings.position_embedding.weight, grid)
        return torch.cat([cls, patches], dim=1) + positions

    @torch.no_grad()
    def _head_logits(self, last_input: Tensor) -> Tensor:
        """Logits (B, H, N) of the class token's query and the patches' keys, from the input of the last block."""
        layer = self.backbone.vision_model.encoder.layers[-1]
        normed = layer.layer_norm1(last_input.float())
        heads = self.backbone.config.num_attention_heads
        q = layer.self_attn.q_proj(normed[:, 0]).unflatten(-1, (heads, -1))  # (B, H, d)
        k = layer.self_attn.k_proj(normed[:, 1:]).unflatten(-1, (heads, -1))  # (B, N, H, d)
        return torch.einsum('bhd,bnhd->bhn', q, k) * q.shape[-1] ** -0.5


def _run_blocks(encoder: Any, embedded: Tensor) -> tuple[Tensor, Tensor]:
    """Input and output of the last block."""
    inputs: list[Tensor] = []
    hook = encoder.layers[-1].register_forward_pre_hook(
        lambda _, args, kwargs: inputs.append(args[0] if args else kwargs['hidden_states']),
        with_kwargs=True,
    )
    try:
        output = encoder(inputs_embeds=embedded).last_hidden_state
    finally:
        hook.remove()
    return inputs[0], output


def _build_backbone(cfg: dict[str, Any]) -> nn.Module:
    keys = set(cfg)
    if keys == {'pretrained'}:
        model = from_folder_or_hub(
            CLIPVisionModelWithProjection, cfg['pretrained'], 'neck.backbone.pretrained'
        )
        return model.float().eval()  # files in half precision load as such
    if keys == {'config'}:
        return CLIPVisionModelWithProjection(CLIPVisionConfig(**cfg['config'])).eval()
    raise ValueError(
        'neck.backbone: expected dict(pretrained=<hub id or folder>) or dict(config=dict(...)), '
        f'got the keys {sorted(keys)}.'
    )
