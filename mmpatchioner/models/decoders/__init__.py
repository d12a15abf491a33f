"""Decoders: vectors of the text space in, captions out."""

from mmpatchioner.models.decoders.captions import Captions
from mmpatchioner.models.decoders.clipcap import ClipCapDecoder
from mmpatchioner.models.decoders.generation import TokenSequences, decode
from mmpatchioner.models.decoders.gpt2_tokenizer import GPT2Tokenizer
from mmpatchioner.models.decoders.meacap import MeaCapPrompt, SceneGraphParser
from mmpatchioner.models.decoders.prefix_decoder import PrefixDecoder
from mmpatchioner.models.decoders.prompted_decoder import PromptedDecoder
from mmpatchioner.models.decoders.sampling import Nucleus
from mmpatchioner.models.decoders.soft_prompt import SoftPrompt
from mmpatchioner.models.decoders.tokenizers import CaptionTokenizer, train_bpe
from mmpatchioner.models.decoders.transformer import Transformer
from mmpatchioner.models.decoders.viecap import EntityPrompt, ViECapDecoder

__all__ = [
    'CaptionTokenizer',
    'Captions',
    'ClipCapDecoder',
    'EntityPrompt',
    'GPT2Tokenizer',
    'MeaCapPrompt',
    'Nucleus',
    'PrefixDecoder',
    'PromptedDecoder',
    'SceneGraphParser',
    'SoftPrompt',
    'TokenSequences',
    'Transformer',
    'ViECapDecoder',
    'decode',
    'train_bpe',
]
