"""The text tower of CLIP."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from mmpatchioner.checkpoints import from_folder_or_hub
from mmpatchioner.models.text_encoders.base import TextEncoder
from mmpatchioner.registry import MODELS


@MODELS.register_module()
class CLIPTextEncoder(TextEncoder):
    """CLIP's text tower and its projection; the vectors are not normalised (arXiv 2103.00020).

    Talk2DINO takes these raw vectors, of length 7 to 11 for ViT-B/16.

    Args:
        model: Hub id or folder of a CLIP model with its tokenizer.
        autocast: Run the transformer in bf16.
        space: Name of the vector space; None is the name of the model.
    """

    def __init__(
        self,
        model: str = 'openai/clip-vit-base-patch16',
        autocast: bool = False,
        space: str | None = None,
    ) -> None:
        super().__init__()
        from transformers import AutoTokenizer, CLIPTextModelWithProjection

        self.tokenizer = from_folder_or_hub(AutoTokenizer, model, 'encoder.model')
        self.transformer = from_folder_or_hub(
            CLIPTextModelWithProjection, model, 'encoder.model'
        ).eval()
        self.max_length = int(self.transformer.config.max_position_embeddings)
        self.autocast = autocast
        self.embed_dims = int(self.transformer.config.projection_dim)
        self.space = space or Path(model).name

    def init_weights(self) -> None:
        """Do nothing: the weights come with the constructor, and mmengine would initialise them anew."""

    def settings(self) -> dict[str, object]:
        """See :meth:`TextEncoder.settings`."""
        return {'autocast': self.autocast}

    def encode_batch(self, texts: list[str]) -> Tensor:
        """Encode one batch of sentences to (n, D) fp32; what exceeds 77 tokens is cut off."""
        tokens = self.tokenizer(
            texts, padding=True, truncation=True, max_length=self.max_length, return_tensors='pt'
        ).to(self.device)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.autocast):
            return self.transformer(**tokens).text_embeds.float()
