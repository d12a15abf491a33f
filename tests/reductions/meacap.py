"""MeaCap's prompt with a random parser, a random sentence encoder and a memory of eight captions."""

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

from mmpatchioner.checkpoints import save_memory
from tests.reductions import WIDTH, reduces
from tests.test_engine.tiny_models import CAPTIONS, write_bert

_SIGNS = ['<pad>', '</s>', '<unk>', '(', ')', ',', 'is', 'Generate', 'Scene', 'Graph', ':']


def write_t5(folder):
    """A random sequence-to-sequence parser in a transformers folder, which writes what it is trained to."""
    words = sorted({word for caption in CAPTIONS for word in caption.split()} - set(_SIGNS))
    vocabulary = {word: index for index, word in enumerate([*_SIGNS, *words])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token='<unk>'))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.decoder = decoders.WordPiece(prefix='##', cleanup=False)
    backend.post_processor = processors.TemplateProcessing(
        single='$A </s>', special_tokens=[('</s>', 1)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token='<pad>', eos_token='</s>', unk_token='<unk>'
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=len(vocabulary),
        d_model=WIDTH,
        d_kv=16,
        d_ff=64,
        num_layers=2,
        num_heads=2,
        decoder_start_token_id=0,
        pad_token_id=0,
        eos_token_id=1,
    )
    T5ForConditionalGeneration(config).save_pretrained(folder)
    return folder


@reduces('MeaCapPrompt')
def reduce_meacap_prompt(prompt, folder):
    memory, parser, encoder = folder / 'captions.safetensors', folder / 't5', folder / 'bert'
    if not memory.exists():
        rows = torch.randn(len(CAPTIONS), WIDTH, generator=torch.Generator().manual_seed(0))
        save_memory(memory, rows, CAPTIONS)
        write_t5(parser)
        write_bert(encoder)
    prompt.memory = str(memory)
    prompt.parser.update(model=str(parser), max_length=12)
    prompt.sentence_encoder.model = str(encoder)
