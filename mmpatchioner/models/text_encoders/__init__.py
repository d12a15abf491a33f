"""Text encoders: sentences to the vectors that bridges, decoders and alignments are trained with."""

from mmpatchioner.models.text_encoders.base import TextEncoder, build_text_encoder
from mmpatchioner.models.text_encoders.clip_text import CLIPTextEncoder
from mmpatchioner.models.text_encoders.clip_text_tower import CLIPTextTower
from mmpatchioner.models.text_encoders.denseclip_text import DenseCLIPTextEncoder
from mmpatchioner.models.text_encoders.dinotxt_text import DINOTxtTextEncoder, DINOTxtTextTower
from mmpatchioner.models.text_encoders.projection import ProjectedTextEncoder, TextProjection
from mmpatchioner.models.text_encoders.regionclip_text import RegionCLIPTextEncoder
from mmpatchioner.models.text_encoders.sentence import SentenceTextEncoder
from mmpatchioner.models.text_encoders.template import TemplateTextEncoder

__all__ = [
    'CLIPTextEncoder',
    'CLIPTextTower',
    'DINOTxtTextEncoder',
    'DINOTxtTextTower',
    'DenseCLIPTextEncoder',
    'ProjectedTextEncoder',
    'RegionCLIPTextEncoder',
    'SentenceTextEncoder',
    'TemplateTextEncoder',
    'TextEncoder',
    'TextProjection',
    'build_text_encoder',
]
