"""DenseCLIP: CLIP's image tower, fine-tuned on segmentation at a high resolution."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import functional as F

from mmpatchioner.checkpoints import PretrainedModule
from mmpatchioner.models.necks.clip import CLIPNeck
from mmpatchioner.models.necks.inputs import is_official
from mmpatchioner.registry import MODELS


@MODELS.register_module()
class DenseCLIPNeck(CLIPNeck, PretrainedModule):
    """CLIP ViT that learnt to match its patches with the names of what they show (arXiv 2112.01518).

    A CLIP ViT but for its class token, to which the class embedding is added twice, with the token and with its
    position: so the segmentation code of DenseCLIP's authors trained it (``CLIPVisionTransformer``). Its positions were
    learnt at 40 x 40 patches; the feature pyramid of the segmentation is not part of it.

    Args:
        backbone: ``dict(config=dict(hidden_size=..., ...))``, whose weights come by ``init_cfg``.
        compat: ``'official'`` adds the class embedding once, as in CLIP: so the released code runs these weights. None
            or ``'paper'`` twice, as DenseCLIP's own code trained them.
        autocast: ``'bf16'`` or ``'fp16'`` runs the transformer (only) in that type.
        init_cfg: ``dict(type='Pretrained', checkpoint=...)`` loads the file that
            tools/model_converters/denseclip_to_mmpatchioner.py wrote, all of it or none.

    Raises:
        ValueError: if an argument is of another form.
    """

    def __init__(
        self,
        backbone: dict[str, Any],
        compat: str | None = None,
        autocast: str | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        if set(backbone) != {'config'}:
            raise ValueError(
                f'neck.backbone: expected dict(config=dict(...)), got the keys {sorted(backbone)}. Weights come by '
                'init_cfg.'
            )
        super().__init__(backbone, autocast=autocast, init_cfg=init_cfg)
        self.adds_class_twice = not is_official(compat)

    def init_weights(self) -> None:
        """Load the weights of ``init_cfg``, or keep those of the constructor.

        Raises:
            CheckpointError: if the file cannot be read or does not fit.
        """
        if self.init_cfg is not None:
            PretrainedModule.init_weights(self)

    def _embed(self, patch_inputs: Tensor, grid: tuple[int, int]) -> Tensor:
        embedded = super()._embed(patch_inputs, grid)
        if not self.adds_class_twice:
            return embedded
        again = self.backbone.vision_model.embeddings.class_embedding
        return embedded + F.pad(again[None], (0, 0, 0, embedded.shape[1] - 1))
