"""ViECap: a soft prompt, a hard prompt, and GPT-2 that goes on from both."""

from mmpatchioner.models.decoders.viecap.caption_entities import CaptionEntities
from mmpatchioner.models.decoders.viecap.entity_prompt import EntityPrompt
from mmpatchioner.models.decoders.viecap.viecap_decoder import ViECapDecoder

__all__ = ['CaptionEntities', 'EntityPrompt', 'ViECapDecoder']
