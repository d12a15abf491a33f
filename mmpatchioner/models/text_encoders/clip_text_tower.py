"""CLIP's text tower with weights from a file of ours, for the relatives of CLIP."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModelWithProjection

from mmpatchioner.checkpoints import PretrainedModule
from mmpatchioner.models.text_encoders.base import TextEncoder
from mmpatchioner.models.text_encoders.packing import build_tokenizer, pack_texts

# CLIP RN50's text tower.
_RN50 = {
    'hidden_size': 512,
    'intermediate_size': 2048,
    'num_hidden_layers': 12,
    'num_attention_heads': 8,
    'projection_dim': 1024,
}


class CLIPTextTower(PretrainedModule):
    """A CLIP text tower of any size, whose weights come from a file of ours.

    Args:
        config: Arguments of ``transformers.CLIPTextConfig`` that differ from those of CLIP RN50.
        init_cfg: ``dict(type='Pretrained', checkpoint=...)`` loads all weights or raises.
    """

    model: Any

    def __init__(
        self, config: dict[str, Any] | None = None, init_cfg: dict[str, Any] | None = None
    ) -> None:
        super().__init__(init_cfg)
        self.config = CLIPTextConfig(**{**_RN50, **(config or {})})
        self.model = CLIPTextModelWithProjection(self.config)

    def init_weights(self) -> None:
        """Load the weights of ``init_cfg``, or keep those of the constructor.

        Raises:
            CheckpointError: if the file cannot be read or does not fit.
        """
        if self.init_cfg is not None:
            super().init_weights()

    def forward(self, token_ids: Tensor, ends: Tensor) -> Tensor:
        """Encode texts.

        Args:
            token_ids: (n, T) int64; what stands after the end of a text is not seen.
            ends: (n,) int64, where each text has its end marker, whose output stands for it.

        Returns:
            (n, D), not normalised.
        """
        hidden = self.model.text_model(input_ids=token_ids).last_hidden_state
        rows = torch.arange(len(hidden), device=hidden.device)
        return self.model.text_projection(hidden[rows, ends])


class CLIPTowerTextEncoder(TextEncoder):
    """What the relatives of CLIP share: the tower and a tokenizer give vectors that are not normalised.

    Args:
        tower: Arguments of :class:`CLIPTextTower`.
        tokenizer: Config of a :class:`mmpatchioner.models.decoders.CaptionTokenizer`.
        autocast: Run the transformer in bf16.
        space: Name of the vector space.

    Raises:
        ValueError: if the tower has fewer tokens than the tokenizer.
    """

    def __init__(
        self, tower: dict[str, Any], tokenizer: dict[str, Any], autocast: bool, space: str
    ) -> None:
        super().__init__()
        self.tower = CLIPTextTower(**tower).eval()
        self.tokenizer = build_tokenizer(tokenizer, self.tower.config.vocab_size)
        self.autocast = autocast
        self.embed_dims = int(self.tower.config.projection_dim)
        self.space = space

    def settings(self) -> dict[str, object]:
        """See :meth:`TextEncoder.settings`."""
        return {'autocast': self.autocast, 'heads': self.tower.config.num_attention_heads}

    def encode_batch(self, texts: list[str]) -> Tensor:
        """Encode one batch of sentences to (n, D) fp32; what exceeds its positions is cut off before the end marker."""
        max_length = self.tower.config.max_position_embeddings
        token_ids, ends = pack_texts(texts, self.tokenizer, max_length, self.device)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.autocast):
            return self.tower(token_ids, ends).float()
