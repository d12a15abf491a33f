"""CLIP's image tower as a neck: patches in the space of its text tower."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from mmengine.model import BaseModule
from torch import Tensor

from mmpatchioner.models.necks.clip_tower import (
    build_clip_tower,
    embed_image,
    project_tokens,
    run_blocks,
)
from mmpatchioner.models.necks.inputs import AUTOCAST, check_autocast, check_patch_inputs
from mmpatchioner.models.necks.patch_features import PatchFeatures
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
        antialias: False resamples positions by plain bicubic, as transformers and some published baselines do.
        autocast: ``'bf16'`` or ``'fp16'`` runs the transformer (only) in that type.
        init_cfg: mmengine's initialisation config.

    Raises:
        ValueError: if ``backbone`` is none of the forms above.
    """

    backbone: Any

    def __init__(
        self,
        backbone: dict[str, Any],
        antialias: bool = True,
        autocast: str | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        check_autocast(autocast)
        self.autocast = autocast
        self.antialias = antialias
        self.backbone = build_clip_tower(backbone)
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
        dtype = AUTOCAST.get(self.autocast or '')
        with torch.autocast(embedded.device.type, dtype=dtype, enabled=dtype is not None):
            last_input, last_output = run_blocks(self.backbone, embedded)
        tokens = project_tokens(self.backbone, last_output)
        return PatchFeatures(
            patches=tokens[:, 1:],
            grid=grid,
            cls=tokens[:, 0],
            head_logits_fn=partial(self._head_logits, last_input),
        )

    def _embed(self, patch_inputs: Tensor, grid: tuple[int, int]) -> Tensor:
        """Class token and patches (B, 1 + N, C) with their positions."""
        return embed_image(self.backbone, patch_inputs, grid, self.antialias)

    @torch.no_grad()
    def _head_logits(self, last_input: Tensor) -> Tensor:
        """Logits (B, H, N) of the class token's query and the patches' keys, from the input of the last block."""
        layer = self.backbone.vision_model.encoder.layers[-1]
        normed = layer.layer_norm1(last_input.float())
        heads = self.backbone.config.num_attention_heads
        q = layer.self_attn.q_proj(normed[:, 0]).unflatten(-1, (heads, -1))  # (B, H, d)
        k = layer.self_attn.k_proj(normed[:, 1:]).unflatten(-1, (heads, -1))  # (B, N, H, d)
        return torch.einsum('bhd,bnhd->bhn', q, k) * q.shape[-1] ** -0.5
