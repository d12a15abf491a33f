"""DINO as a neck: not aligned with texts, but its patches tell what belongs together."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from transformers import ViTConfig, ViTModel

from mmpatchioner.checkpoints import from_folder_or_hub
from mmpatchioner.models.necks.dinov2 import DINOv2Neck, class_token_logits
from mmpatchioner.registry import MODELS


@MODELS.register_module()
class DINONeck(DINOv2Neck):
    """DINO ViT of any size (arXiv 2104.14294), the proxy of :class:`ProxyCLIPNeck`.

    The tokens are those after the final LayerNorm. Inputs of another size than DINO's own get its position embeddings
    resampled by plain bicubic, as in its training, which saw crops of two sizes.

    Args:
        backbone: ``dict(pretrained=<hub id or local transformers folder>)``, e.g. ``'facebook/dino-vitb8'``, or
            ``dict(config=dict(hidden_size=..., ...))`` for random weights of any size.
        feature_transform: See :class:`DINOv2Neck`.
        autocast: ``'bf16'`` or ``'fp16'`` runs the backbone (only) in that type.
        init_cfg: mmengine's initialisation config.

    Raises:
        ValueError: if ``backbone`` is of another form.
    """

    def _run(self, patch_inputs: Tensor) -> tuple[Tensor, Callable[[], Tensor]]:
        outputs = self.backbone(
            patch_inputs, output_hidden_states=True, interpolate_pos_encoding=True
        )
        return outputs.last_hidden_state, partial(self._head_logits, outputs.hidden_states[-2])

    @torch.no_grad()
    def _head_logits(self, last_input: Tensor) -> Tensor:
        """Logits (B, H, N) of the class token's query and the patches' keys, from the input of the last block."""
        # transformers 4 holds the layers in an encoder.
        layers = getattr(self.backbone, 'layers', None) or self.backbone.encoder.layer
        heads = self.backbone.config.num_attention_heads
        normed = layers[-1].layernorm_before(last_input.float())
        return class_token_logits(layers[-1].attention, normed, heads, first_patch=1)

    @staticmethod
    def _build_backbone(cfg: dict[str, Any]) -> nn.Module:
        keys = set(cfg)
        if keys == {'pretrained'}:
            name = cfg['pretrained']
            return from_folder_or_hub(
                ViTModel, name, 'neck.backbone.pretrained', add_pooling_layer=False
            ).eval()
        if keys == {'config'}:
            return ViTModel(ViTConfig(**cfg['config']), add_pooling_layer=False).eval()
        raise ValueError(
            'neck.backbone: expected dict(pretrained=<hub id or folder>) or dict(config=dict(...)), '
            f'got the keys {sorted(keys)}.'
        )
