"""DINO.txt as a neck: DINOv2 and the vision head that aligns its tokens with text."""

from __future__ import annotations

from typing import Any

from mmpatchioner.models.necks.dinotxt_head import DINOTxtVisionHead
from mmpatchioner.models.necks.dinov2 import DINOv2Neck
from mmpatchioner.models.necks.inputs import is_official
from mmpatchioner.registry import MODELS


@MODELS.register_module()
class DINOTxtNeck(DINOv2Neck):
    """DINOv2 ViT-L/14 with registers, and DINO.txt's vision head over all its tokens (arXiv 2412.16334).

    The text vectors of DINO.txt are two halves: the first was trained against the class token, the second against the
    mean of the patches. Regions are aggregates of patches and want the second,
    ``dict(type='mmpatchioner.DINOTxtTextEncoder', half='patches')``; the class token wants ``half='class'``.

    Args:
        backbone: See :class:`DINOv2Neck`.
        head: Arguments of :class:`DINOTxtVisionHead` but its width, e.g.
            ``dict(init_cfg=dict(type='Pretrained', checkpoint=...))``; ``num_heads`` is that of the backbone if it is
            not given. Not used with ``compat='official'``.
        compat: ``'official'`` gives the tokens before the head, as the released code does although the texts were not
            trained against them; None or ``'paper'`` those after it.
        autocast: ``'bf16'`` or ``'fp16'`` runs the backbone (only) in that type.
        init_cfg: mmengine's initialisation config.

    Raises:
        ValueError: if ``backbone`` or ``compat`` is of another form.
    """

    class_space_suffix = '_class'
    """What the names of spaces end with whose texts belong to the class token, not to the patches."""

    def __init__(
        self,
        backbone: dict[str, Any],
        head: dict[str, Any] | None = None,
        compat: str | None = None,
        autocast: str | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(backbone, autocast=autocast, init_cfg=init_cfg)
        if not is_official(compat):
            heads = int(self.backbone.config.num_attention_heads)
            vision_head = DINOTxtVisionHead(self.embed_dims, **{'num_heads': heads, **(head or {})})
            self.transform = vision_head.requires_grad_(False)

    def init_weights(self) -> None:
        """Load the weights of the head; those of the backbone come with the constructor.

        Raises:
            CheckpointError: if the file cannot be read or does not fit.
        """
        if isinstance(self.transform, DINOTxtVisionHead):
            self.transform.init_weights()
