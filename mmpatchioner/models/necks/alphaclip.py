"""AlphaCLIP: CLIP's image tower with a fourth channel that says where to look."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmpatchioner.checkpoints import PretrainedModule
from mmpatchioner.models.necks.clip import CLIPNeck
from mmpatchioner.models.necks.inputs import check_patch_inputs, is_official
from mmpatchioner.models.necks.patch_features import PatchFeatures
from mmpatchioner.registry import MODELS

_ALPHA_MEAN, _ALPHA_STD = 0.5, 0.26


@MODELS.register_module()
class AlphaCLIPNeck(CLIPNeck, PretrainedModule):
    """CLIP ViT whose patch embedding also reads a mask, one forward pass a region (arXiv 2312.03818).

    The mask, normalised by (m - 0.5) / 0.26, goes through a patch convolution of its own whose output is added to that
    of the image; blocks and projection are fine-tuned with it, texts are CLIP's. Without a region the mask is one all
    over.

    Args:
        backbone: ``dict(config=dict(hidden_size=..., ...))``, whose weights come by ``init_cfg``; or, with
            ``compat='official'`` only, also ``dict(pretrained=<hub id or folder of a CLIP>)``.
        compat: ``'official'`` leaves the mask out. The released code loses AlphaCLIP's checkpoint on the way, so that
            its baseline is plain CLIP seeing the whole image. None or ``'paper'`` uses the mask.
        autocast: ``'bf16'`` or ``'fp16'`` runs the transformer (only) in that type.
        init_cfg: ``dict(type='Pretrained', checkpoint=...)`` loads the file that
            tools/model_converters/alphaclip_to_mmpatchioner.py wrote, all of it or none.
        official_backbone: The CLIP that takes the place of ``backbone`` and ``init_cfg`` with ``compat='official'``,
            of the same forms as ``backbone``; None keeps them.

    Raises:
        ValueError: if an argument is of another form, or the backbone is a CLIP that knows no masks.
    """

    def __init__(
        self,
        backbone: dict[str, Any],
        compat: str | None = None,
        autocast: str | None = None,
        init_cfg: dict | None = None,
        official_backbone: dict[str, Any] | None = None,
    ) -> None:
        uses_masks = not is_official(compat)
        if official_backbone is not None and not uses_masks:
            backbone, init_cfg = official_backbone, None
        if 'pretrained' in backbone and uses_masks:
            raise ValueError(
                'neck.backbone: AlphaCLIP expects dict(config=dict(...)) and its own weights by init_cfg, got a '
                "pretrained CLIP, in which no mask has an effect; take compat='official' if that is meant."
            )
        super().__init__(backbone, autocast=autocast, init_cfg=init_cfg)
        patch_embedding = self.backbone.vision_model.embeddings.patch_embedding
        self.alpha_embedding: nn.Conv2d | None = None
        if uses_masks:
            self.alpha_embedding = nn.Conv2d(
                1, patch_embedding.out_channels, self.patch_size, self.patch_size, bias=False
            )
            self.alpha_embedding.requires_grad_(False)

    def init_weights(self) -> None:
        """Load the weights of ``init_cfg``, or keep those of the constructor.

        Raises:
            CheckpointError: if the file cannot be read or does not fit.
        """
        if self.init_cfg is not None:
            PretrainedModule.init_weights(self)

    @torch.no_grad()
    def forward(self, patch_inputs: Tensor) -> PatchFeatures:
        """Extract the tokens of a batch, each image looked at all over.

        Args:
            patch_inputs: (B, 3, h, w) RGB, normalised with CLIP's statistics; h and w are multiples of the patch size.

        Raises:
            ValueError: if the input is of another shape.
        """
        check_patch_inputs(patch_inputs, self.patch_size)
        masks = patch_inputs.new_ones(len(patch_inputs), *patch_inputs.shape[2:], dtype=torch.bool)
        images = torch.arange(len(patch_inputs), device=patch_inputs.device)
        return self.encode_regions(patch_inputs, masks, images)

    @torch.no_grad()
    def encode_regions(self, patch_inputs: Tensor, masks: Tensor, images: Tensor) -> PatchFeatures:
        """Extract the tokens of regions, one forward pass for all of them.

        Args:
            patch_inputs: (B, 3, h, w) RGB, normalised with CLIP's statistics; h and w are multiples of the patch size.
            masks: (R, h, w) bool, the pixels of the network's input that a region has.
            images: (R,) int64, which image it is a region of.

        Returns:
            Tokens of R views of the images.

        Raises:
            ValueError: if an input is of another shape.
        """
        grid = check_patch_inputs(patch_inputs, self.patch_size)
        expected = (len(images), *patch_inputs.shape[2:])
        if tuple(masks.shape) != expected:
            raise ValueError(
                f'masks: expected {expected}, one of the size of the network input for each region, got '
                f'{tuple(masks.shape)}.'
            )
        embedded = self._embed(patch_inputs, grid)[images]
        if self.alpha_embedding is not None:
            alpha = (masks[:, None].to(embedded.dtype) - _ALPHA_MEAN) / _ALPHA_STD
            of_patches = self.alpha_embedding(alpha).flatten(2).transpose(1, 2)  # (R, N, C)
            embedded = embedded + F.pad(of_patches, (0, 0, 1, 0))  # none for the class token
        return self._features(embedded, grid)
