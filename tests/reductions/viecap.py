"""ViECap's and ClipCap's decoders with few channels, GPT-2's kind of tokens and a vocabulary of four names."""

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel

from mmpatchioner.checkpoints import save_memory
from tests.reductions import WIDTH, reduces
from tests.reductions.text import CAPTIONS

NAMES = ['bike', 'car', 'dog', 'person']


def write_gpt2_tokenizer(path, vocab_size=320):
    """A byte-level tokenizer without markers, of captions that end with a full stop, to a ``tokenizer.json``."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    sentences = [f'{text.capitalize()}.' for text in CAPTIONS]
    tokenizer.train_from_iterator([*sentences, *(f'{text} .' for text in CAPTIONS)], trainer)
    tokenizer.save(str(path))
    return path


def write_gpt2(folder):
    """A random language model of the sizes below, to begin a training with."""
    model = folder / 'gpt2'
    if not model.exists():
        sizes = dict(vocab_size=320, n_positions=128, n_embd=WIDTH, n_layer=2, n_head=2)
        GPT2LMHeadModel(GPT2Config(**sizes)).save_pretrained(model)
    return str(model)


@reduces('ViECapDecoder', 'ClipCapDecoder')
def reduce_prompted_decoder(decoder, folder):
    tokenizer = folder / 'gpt2_tokenizer.json'
    if not tokenizer.exists():
        write_gpt2_tokenizer(tokenizer)
    decoder.update(
        prefix_dims=WIDTH,
        hidden_dims=WIDTH,
        num_layers=2,
        num_heads=2,
        vocab_size=320,
        max_positions=128,
        max_length=8,
    )
    if 'hard_prompt' in decoder:
        decoder.soft_prompt = dict(num_layers=2, num_heads=2, num_inputs=3, num_outputs=3)
    decoder.tokenizer = dict(type='mmpatchioner.GPT2Tokenizer', file=str(tokenizer))
    if decoder.get('language_model') is not None:
        decoder.language_model = write_gpt2(folder)
    decoder.init_cfg = None


@reduces('EntityPrompt')
def reduce_entity_prompt(prompt, folder):
    entities = folder / 'entities.safetensors'
    if not entities.exists():
        rows = torch.randn(len(NAMES), WIDTH, generator=torch.Generator().manual_seed(0))
        save_memory(entities, rows, NAMES)
    prompt.entities = str(entities)
