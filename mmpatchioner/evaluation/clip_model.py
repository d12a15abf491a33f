"""CLIP as metrics use it: pictures and captions to features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

from mmpatchioner.checkpoints import from_folder_or_hub, load_state_dict, load_strict
from mmpatchioner.checkpoints.openai_clip import convert_openai_clip
from mmpatchioner.datasets.transforms.patch_view import CLIP_MEAN, CLIP_STD, PatchView

if TYPE_CHECKING:
    from transformers import CLIPModel

_PROMPT = 'A photo depicts '


class ClipFeatures:
    """A CLIP with its tokenizer and its view of pictures, in fp32.

    Args:
        network: A ``transformers.CLIPModel``.
        tokenizer: Its tokenizer.
        device: Where it runs.
    """

    def __init__(self, network: CLIPModel, tokenizer: Any, device: str | torch.device) -> None:
        self.network: Any = network.float().eval().requires_grad_(False).to(device)
        self.tokenizer = tokenizer
        self.device = torch.device(device)
        config: Any = network.config
        self.max_tokens = int(config.text_config.max_position_embeddings)
        self.view = PatchView(config.vision_config.image_size, 'center_crop', CLIP_MEAN, CLIP_STD)

    @classmethod
    def from_pretrained(cls, model: str, device: str | torch.device = 'cpu') -> ClipFeatures:
        """Load a model of transformers.

        Args:
            model: Folder or hub id with weights and tokenizer.
            device: Where it shall run.

        Raises:
            CheckpointError: if it is not within reach.
        """
        from transformers import AutoTokenizer, CLIPModel

        network = from_folder_or_hub(CLIPModel, model, 'clip.model')
        return cls(network, from_folder_or_hub(AutoTokenizer, model, 'clip.model'), device)

    def with_weights(self, file: str) -> ClipFeatures:
        """Another CLIP of the same architecture and tokenizer.

        Args:
            file: Weights in OpenAI's naming, alone or under ``state_dict``.

        Raises:
            CheckpointError: if the file cannot be read safely or does not fit.
        """
        network = type(self.network)(self.network.config)
        load_strict(network, convert_openai_clip(load_state_dict(file), file), file)
        return type(self)(network, self.tokenizer, self.device)

    @torch.inference_mode()
    def images(self, pictures: Sequence[Image.Image]) -> np.ndarray:
        """Features (n, D) of pictures, of any length; their short side is resized and their centre is seen."""
        views = [self.view(np.asarray(picture.convert('RGB'))[..., ::-1]) for picture in pictures]
        outputs = self.network.vision_model(torch.stack(views).to(self.device))
        return self.network.visual_projection(outputs.pooler_output).cpu().numpy()

    @torch.inference_mode()
    def captions(self, captions: Sequence[str]) -> np.ndarray:
        """Features (n, D) of captions behind "A photo depicts"; what exceeds 77 tokens is cut off."""
        tokens = self.tokenizer(
            [_PROMPT + caption for caption in captions],
            padding=True,
            truncation=True,
            max_length=self.max_tokens,
            return_tensors='pt',
        ).to(self.device)
        outputs = self.network.text_model(
            input_ids=tokens['input_ids'], attention_mask=tokens['attention_mask']
        )
        return self.network.text_projection(outputs.pooler_output).cpu().numpy()
