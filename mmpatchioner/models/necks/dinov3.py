"""DINOv3 as a neck."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import transformers
from torch import Tensor, nn

from mmpatchioner.checkpoints import from_folder_or_hub
from mmpatchioner.models.necks.dinov2 import DINOv2Neck
from mmpatchioner.models.necks.inputs import is_official
from mmpatchioner.registry import MODELS

_FIRST_VERSION = '4.56'


@MODELS.register_module()
class DINOv3Neck(DINOv2Neck):
    """DINOv3 ViT of any size (arXiv 2508.10104): patches of 16 pixels, rotary positions, four registers.

    The tokens are those after the final LayerNorm, class and register tokens apart. Needs transformers 4.56 or later.

    Args:
        backbone: ``dict(pretrained=<hub id or local transformers folder>)``, or
            ``dict(config=dict(hidden_size=..., ...))`` for random weights of any size.
        feature_transform: See :class:`DINOv2Neck`.
        compat: ``'official'`` computes the attention of the class token without the keys' rotary positions, as
            Talk2DINO's released code reads it; None or ``'paper'`` as the network does. Patches are the same.
        autocast: ``'bf16'`` or ``'fp16'`` runs the backbone (only) in that type.
        init_cfg: mmengine's initialisation config.

    Raises:
        ImportError: if the installed transformers has no DINOv3.
        ValueError: if ``backbone`` or ``compat`` is of another form.
    """

    def __init__(
        self,
        backbone: dict[str, Any],
        feature_transform: str | None = None,
        compat: str | None = None,
        autocast: str | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(backbone, feature_transform, autocast, init_cfg)
        self.rotates_keys = not is_official(compat)

    def _run(self, patch_inputs: Tensor) -> tuple[Tensor, Callable[[], Tensor]]:
        seen: list[tuple[Tensor, tuple[Tensor, Tensor]]] = []
        hook = self._last_layer.register_forward_pre_hook(
            lambda _, args, kwargs: seen.append(
                (args[0] if args else kwargs['hidden_states'], kwargs['position_embeddings'])
            ),
            with_kwargs=True,
        )
        try:
            tokens = self.backbone(patch_inputs).last_hidden_state
        finally:
            hook.remove()
        last_input, (cos, sin) = seen[0]
        return tokens, partial(self._rotated_head_logits, last_input, cos, sin)

    @property
    def _last_layer(self) -> nn.Module:
        # transformers 4 holds the layers in the model itself.
        return getattr(self.backbone, 'model', self.backbone).layer[-1]

    @torch.no_grad()
    def _rotated_head_logits(self, last_input: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Logits (B, H, N) of the class token's query, which has no position, and the patches' keys (N, d)."""
        layer: Any = self._last_layer
        normed = layer.norm1(last_input.float())
        heads = self.backbone.config.num_attention_heads
        q = layer.attention.q_proj(normed[:, 0]).unflatten(-1, (heads, -1))  # (B, H, d)
        keys = layer.attention.k_proj(normed[:, 1 + self.num_registers :])
        k = keys.unflatten(-1, (heads, -1)).transpose(1, 2)  # (B, H, N, d)
        if self.rotates_keys:
            first, second = k.chunk(2, dim=-1)
            k = k * cos.float() + torch.cat([-second, first], dim=-1) * sin.float()
        return torch.einsum('bhd,bhnd->bhn', q, k) * q.shape[-1] ** -0.5

    @staticmethod
    def _build_backbone(cfg: dict[str, Any]) -> nn.Module:
        try:
            from transformers import DINOv3ViTConfig, DINOv3ViTModel
        except ImportError as error:
            raise ImportError(
                f'neck: DINOv3Neck needs transformers {_FIRST_VERSION} or later, found {transformers.__version__}; '
                f"pip install 'transformers>={_FIRST_VERSION}'."
            ) from error
        keys = set(cfg)
        if keys == {'pretrained'}:
            return from_folder_or_hub(
                DINOv3ViTModel, cfg['pretrained'], 'neck.backbone.pretrained'
            ).eval()
        if keys == {'config'}:
            return DINOv3ViTModel(DINOv3ViTConfig(**cfg['config'])).eval()
        raise ValueError(
            'neck.backbone: expected dict(pretrained=<hub id or folder>) or dict(config=dict(...)), '
            f'got the keys {sorted(keys)}.'
        )
