"""ProxyCLIP: CLIP's values, gathered by what a vision foundation model holds to be alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import BaseModule
from torch import Tensor
from torch.nn import functional as F

from mmpatchioner.datasets.transforms.patch_view import (
    CLIP_MEAN,
    CLIP_STD,
    IMAGENET_MEAN,
    IMAGENET_STD,
)
from mmpatchioner.models.necks.clip_tower import build_clip_tower, embed_image, project_tokens
from mmpatchioner.models.necks.inputs import AUTOCAST, check_autocast, is_official
from mmpatchioner.models.necks.patch_features import PatchFeatures
from mmpatchioner.registry import MODELS


@MODELS.register_module()
class ProxyCLIPNeck(BaseModule):
    """CLIP ViT whose last attention is that of another backbone, its proxy (arXiv 2408.04883).

    CLIP runs up to its last block. There the values of its patches are resized to the grid of the proxy and averaged
    with weights from the similarity of the proxy's patches, :func:`proxy_attention`; no residual and no MLP follow, but
    CLIP's final LayerNorm and projection. Patches are of unit length, and there is no class token.

    The view is the proxy's: its size, its grid, its statistics. CLIP sees it with CLIP's own statistics and, where its
    patches do not divide it, resized to the next size that they do, so that both grids cover the same image.

    Args:
        backbone: CLIP, ``dict(pretrained=<hub id or local transformers folder>)``, or
            ``dict(config=dict(hidden_size=..., ...))`` for random weights of any size.
        proxy: Config of any neck, e.g. ``dict(type='mmpatchioner.DINONeck', backbone=...)``.
        beta: Share of the mean similarity below which patches are not alike; more leaves fewer.
        gamma: Sharpness of the weights.
        mean: Per channel, RGB, that the view was normalised with.
        std: Likewise.
        compat: ``'official'`` takes the mean similarity over the batch, so that a caption depends on its batch mates,
            shows CLIP the view as it is normalised for the proxy, cuts what fills no patch of CLIP at the right and at
            the bottom, and resamples positions by plain bicubic, as the released code does. None or ``'paper'`` does
            none of this.
        autocast: ``'bf16'`` or ``'fp16'`` runs CLIP's transformer (only) in that type; the proxy has its own.
        init_cfg: mmengine's initialisation config.

    Raises:
        ValueError: if an argument is of another form.
    """

    backbone: Any
    view_scale: Tensor
    view_shift: Tensor

    def __init__(
        self,
        backbone: dict[str, Any],
        proxy: dict[str, Any],
        beta: float = 1.2,
        gamma: float = 3.0,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        compat: str | None = None,
        autocast: str | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        check_autocast(autocast)
        if gamma <= 0:
            raise ValueError(f'neck.gamma: expected more than 0, got {gamma}.')
        self.beta, self.gamma = beta, gamma
        self.autocast = autocast
        self.official = is_official(compat)
        self.backbone = build_clip_tower(backbone)
        # The last block is not run: its first LayerNorm, values and output projection are all that is needed.
        layers = self.backbone.vision_model.encoder.layers
        self.value_norm = layers[-1].layer_norm1
        self.value_projection = layers[-1].self_attn.v_proj
        self.output_projection = layers[-1].self_attn.out_proj
        self.backbone.vision_model.encoder.layers = layers[:-1]
        self.proxy = MODELS.build(proxy)
        self.patch_size = int(self.proxy.patch_size)
        self.embed_dims = int(self.backbone.config.projection_dim)
        # From the statistics of the view to those of CLIP: one multiplication and one addition.
        view_std, clip_std = torch.tensor(std), torch.tensor(CLIP_STD)
        shift = (torch.tensor(mean) - torch.tensor(CLIP_MEAN)) / clip_std
        self.register_buffer('view_scale', (view_std / clip_std).view(3, 1, 1), persistent=False)
        self.register_buffer('view_shift', shift.view(3, 1, 1), persistent=False)

    def init_weights(self) -> None:
        """Initialise the proxy; CLIP's weights come with the constructor."""
        self.proxy.init_weights()

    def train(self, mode: bool = True) -> ProxyCLIPNeck:
        """Stay in evaluation mode: the backbones are frozen in every use."""
        super().train(False)
        return self

    @torch.no_grad()
    def forward(self, patch_inputs: Tensor) -> PatchFeatures:
        """Extract the patches of a batch.

        Args:
            patch_inputs: (B, 3, h, w) RGB, normalised with ``mean`` and ``std``; h and w are multiples of the proxy's
                patch size.

        Raises:
            ValueError: if the input is of another shape.
        """
        alike = self.proxy(patch_inputs)
        values = self._values(patch_inputs)  # (B, C, rows, columns) of CLIP's grid
        resized = F.interpolate(values, alike.grid, mode='bilinear', align_corners=False)
        weights = proxy_attention(alike.patches, self.beta, self.gamma, over_batch=self.official)
        gathered = weights @ resized.flatten(2).transpose(1, 2)  # all heads have the same weights
        tokens = project_tokens(self.backbone, self.output_projection(gathered))
        return PatchFeatures(patches=F.normalize(tokens, dim=-1), grid=alike.grid)

    def _values(self, patch_inputs: Tensor) -> Tensor:
        """Values (B, C, rows, columns) of CLIP's patches in its last block, fp32."""
        clip_inputs = patch_inputs if self.official else self._clip_view(patch_inputs)
        side = int(self.backbone.config.patch_size)
        grid = (clip_inputs.shape[2] // side, clip_inputs.shape[3] // side)
        tower = self.backbone.vision_model
        embedded = embed_image(self.backbone, clip_inputs, grid, antialias=not self.official)
        dtype = AUTOCAST.get(self.autocast or '')
        with torch.autocast(embedded.device.type, dtype=dtype, enabled=dtype is not None):
            hidden = tower.encoder(inputs_embeds=tower.pre_layrnorm(embedded)).last_hidden_state
        values = self.value_projection(self.value_norm(hidden[:, 1:].float()))
        return values.transpose(1, 2).unflatten(2, grid)

    def _clip_view(self, patch_inputs: Tensor) -> Tensor:
        """The view with CLIP's statistics, in whole patches of CLIP."""
        side = int(self.backbone.config.patch_size)
        height, width = (math.ceil(pixels / side) * side for pixels in patch_inputs.shape[2:])
        view = patch_inputs * self.view_scale + self.view_shift
        if (height, width) == tuple(view.shape[2:]):
            return view
        return F.interpolate(
            view, (height, width), mode='bicubic', antialias=True, align_corners=False
        )


def proxy_attention(patches: Tensor, beta: float, gamma: float, over_batch: bool = False) -> Tensor:
    """Weights of patches for each other, from how alike they are (arXiv 2408.04883, section 3).

    ``softmax((cos - beta * mean(cos)) * gamma)`` over the patches for which the argument is not negative. Where this
    leaves none, for all of an image are alike, a patch has itself.

    Args:
        patches: (B, N, D) of the proxy.
        beta: Share of the mean below which patches are left out.
        gamma: Sharpness.
        over_batch: Take the mean over the batch (the released code) instead of over each image.

    Returns:
        (B, N, N), rows sum to 1.

    Example:
        >>> proxy_attention(torch.tensor([[[1.0, 0.0], [0.0, 2.0]]]), beta=1.2, gamma=3.0)
        tensor([[[1., 0.],
                 [0., 1.]]])
    """
    unit = F.normalize(patches.float(), dim=-1)
    cosines = unit @ unit.transpose(1, 2)
    mean = cosines.mean() if over_batch else cosines.mean(dim=(1, 2), keepdim=True)
    logits = (cosines - beta * mean) * gamma
    own = torch.eye(logits.shape[-1], dtype=torch.bool, device=logits.device)
    return logits.masked_fill((logits < 0) & ~own, -torch.inf).softmax(dim=-1)
