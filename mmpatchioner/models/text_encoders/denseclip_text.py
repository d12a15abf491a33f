"""DenseCLIP's text encoder: CLIP's text tower, its vectors of unit length."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import functional as F

from mmpatchioner.models.text_encoders.clip_text_tower import CLIPTowerTextEncoder
from mmpatchioner.registry import MODELS

_VIT_B16 = {'projection_dim': 512}  # where the tower differs from that of CLIP RN50


@MODELS.register_module()
class DenseCLIPTextEncoder(CLIPTowerTextEncoder):
    """DenseCLIP's text vectors, of unit length (arXiv 2112.01518).

    Args:
        tower: Arguments of :class:`CLIPTextTower`, e.g. ``dict(init_cfg=dict(type='Pretrained', checkpoint=...))`` with
            the file that tools/model_converters/denseclip_to_mmpatchioner.py wrote; its ``config`` names what differs
            from ViT-B/16's.
        tokenizer: Config of a :class:`mmpatchioner.models.decoders.CaptionTokenizer`; DenseCLIP has CLIP's.
        context_length: Positions of the tower: 13 as published, which cuts most captions, or 77 as converted with
            ``--long-context``.
        autocast: Run the transformer in bf16.
        space: Name of the vector space.

    Raises:
        ValueError: if the tower has fewer tokens than the tokenizer.
    """

    def __init__(
        self,
        tower: dict[str, Any],
        tokenizer: dict[str, Any],
        context_length: int = 77,
        autocast: bool = False,
        space: str = 'denseclip-vitb16',
    ) -> None:
        config = {
            **_VIT_B16,
            'max_position_embeddings': context_length,
            **tower.get('config', {}),
        }
        super().__init__({**tower, 'config': config}, tokenizer, autocast, space)

    def encode_batch(self, texts: list[str]) -> Tensor:
        """Encode one batch of sentences to (n, D) fp32; what exceeds the context is cut off before the end marker."""
        return F.normalize(super().encode_batch(texts), dim=-1)
