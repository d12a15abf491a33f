"""RegionCLIP's text encoder: CLIP's architecture, with weights from RegionCLIP's own file."""

from __future__ import annotations

from typing import Any

from mmpatchioner.models.text_encoders.clip_text_tower import CLIPTowerTextEncoder
from mmpatchioner.registry import MODELS


@MODELS.register_module()
class RegionCLIPTextEncoder(CLIPTowerTextEncoder):
    """RegionCLIP's text vectors, not normalised (arXiv 2112.09106).

    Args:
        tower: Arguments of :class:`CLIPTextTower`, e.g. ``dict(init_cfg=dict(type='Pretrained', checkpoint=...))`` with
            the file that tools/model_converters/regionclip_to_mmpatchioner.py wrote.
        tokenizer: Config of a :class:`mmpatchioner.models.decoders.CaptionTokenizer`; RegionCLIP has CLIP's.
        autocast: Run the transformer in bf16.
        space: Name of the vector space.

    Raises:
        ValueError: if the tower has fewer tokens than the tokenizer.
    """

    def __init__(
        self,
        tower: dict[str, Any],
        tokenizer: dict[str, Any],
        autocast: bool = False,
        space: str = 'regionclip-rn50',
    ) -> None:
        super().__init__(tower, tokenizer, autocast, space)
