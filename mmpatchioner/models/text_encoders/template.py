"""Names by the sentences that they stand in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mmpatchioner.models.text_encoders.base import TextEncoder, build_text_encoder
from mmpatchioner.registry import MODELS

ENTITY_TEMPLATES = (
    'itap of a {}.',
    'a bad photo of the {}.',
    'a origami {}.',
    'a photo of the large {}.',
    'a {} in a video game.',
    'art of the {}.',
    'a photo of the small {}.',
)
"""The seven of CLIP's that ViECap's vocabularies are published with."""


@MODELS.register_module()
class TemplateTextEncoder(TextEncoder):
    """Mean direction of several sentences with a name (Radford et al., arXiv 2103.00020, section 3.1.4).

    Args:
        encoder: Config of the encoder of the sentences.
        templates: Sentences with ``{}`` in the place of the name.

    Raises:
        ValueError: if there is no template, or one has no place for the name.
    """

    def __init__(
        self,
        encoder: dict[str, Any],
        templates: Sequence[str] = ENTITY_TEMPLATES,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if not templates or not all('{}' in template for template in templates):
            raise ValueError(
                f'encoder.templates: expected sentences with {{}} for the name, got {list(templates)}.'
            )
        self.encoder = build_text_encoder(encoder)
        self.templates = tuple(templates)
        self.embed_dims = self.encoder.embed_dims
        self.space = self.encoder.space

    def encode_batch(self, texts: list[str]) -> Tensor:
        """Encode names to (n, D) unit vectors."""
        sentences = [template.format(text) for text in texts for template in self.templates]
        directions = F.normalize(self.encoder.encode_batch(sentences).float(), dim=1)
        means = directions.unflatten(0, (len(texts), len(self.templates))).mean(dim=1)
        return F.normalize(means, dim=1)

    def settings(self) -> dict[str, object]:
        """Templates, and the settings of the encoder."""
        return {'templates': self.templates, **self.encoder.settings()}

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.encoder.device
