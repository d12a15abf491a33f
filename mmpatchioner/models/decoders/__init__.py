"""Decoders: vectors of the text space in, captions out."""

from mmpatchioner.models.decoders.generation import TokenSequences, decode
from mmpatchioner.models.decoders.meacap import MeaCapPrompt, SceneGraphParser
from mmpatchioner.models.decoders.prefix_decoder import Captions, PrefixDecoder
from mmpatchioner.models.decoders.tokenizers import CaptionTokenizer, train_bpe
from mmpatchioner.models.decoders.transformer import Transformer

__all__ = [
    'CaptionTokenizer',
    'Captions',
    'MeaCapPrompt',
    'PrefixDecoder',
    'SceneGraphParser',
    'TokenSequences',
    'Transformer',
    'decode',
    'train_bpe',
]
