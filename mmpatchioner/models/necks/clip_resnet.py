"""CLIP's ResNets as a neck."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mmpatchioner.checkpoints import PretrainedModule
from mmpatchioner.models.necks.inputs import AUTOCAST, check_autocast, check_patch_inputs
from mmpatchioner.models.necks.modified_resnet import ModifiedResNet
from mmpatchioner.models.necks.patch_features import PatchFeatures
from mmpatchioner.models.necks.positions import resample_positions
from mmpatchioner.registry import MODELS


@MODELS.register_module()
class CLIPResNetNeck(PretrainedModule):
    """A ResNet of CLIP (arXiv 2103.00020), every position of its attention pool as a patch of 32 pixels.

    The attention pool, made for one query, is asked by every position; the query of their mean gives the class token.
    Both are of unit length.

    Args:
        backbone: ``dict(config=dict(...))``, arguments of :class:`ModifiedResNet`; an empty one is RN50.
        autocast: ``'bf16'`` or ``'fp16'`` runs the convolutions (only) in that type.
        init_cfg: ``dict(type='Pretrained', checkpoint=...)`` loads the file that
            tools/model_converters/clip_resnet_to_mmpatchioner.py wrote, all of it or none.

    Raises:
        ValueError: if an argument is of another form.
    """

    def __init__(
        self,
        backbone: dict[str, Any],
        autocast: str | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        check_autocast(autocast)
        if set(backbone) != {'config'}:
            raise ValueError(
                f'neck.backbone: expected dict(config=dict(...)), got the keys {sorted(backbone)}. Weights come by '
                'init_cfg.'
            )
        self.autocast = autocast
        self.backbone = ModifiedResNet(**backbone['config']).requires_grad_(False).eval()
        self.patch_size = self.backbone.stride
        self.embed_dims = self.backbone.out_dims

    def train(self, mode: bool = True) -> CLIPResNetNeck:
        """Stay in evaluation mode: the backbone is frozen in every use."""
        super().train(False)
        return self

    @torch.no_grad()
    def forward(self, patch_inputs: Tensor) -> PatchFeatures:
        """Extract the local outputs of a batch.

        Args:
            patch_inputs: (B, 3, h, w) RGB, normalised with CLIP's statistics; h and w are multiples of 32.

        Raises:
            ValueError: if the input is of another shape.
        """
        grid = check_patch_inputs(patch_inputs, self.patch_size)
        device, dtype = patch_inputs.device.type, AUTOCAST.get(self.autocast or '')
        with torch.autocast(device, dtype=dtype, enabled=dtype is not None):
            features = self.backbone(patch_inputs)
        pool = self.backbone.attnpool
        tokens = pool.tokens(features.float(), self._positions(grid))
        outputs = F.normalize(pool(tokens), dim=-1)
        return PatchFeatures(
            patches=outputs[:, 1:],
            grid=grid,
            cls=outputs[:, 0],
            head_logits_fn=partial(self._head_logits, tokens),
        )

    @torch.no_grad()
    def _head_logits(self, tokens: Tensor) -> Tensor:
        return self.backbone.attnpool.head_logits(tokens)

    def _positions(self, grid: tuple[int, int]) -> Tensor:
        """Positions (1 + rows * columns, C) of the attention pool."""
        return resample_positions(self.backbone.attnpool.positional_embedding, grid)
