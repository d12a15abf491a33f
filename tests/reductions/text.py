"""The prefix decoder with a tokenizer of its own, and a memory of four texts."""

import torch

from mmpatchioner.checkpoints import save_memory
from mmpatchioner.models.decoders import train_bpe
from tests.reductions import WIDTH, reduces

CAPTIONS = ['a dog runs on the grass', 'two people ride a bike', 'a red car', 'the blue sky']


def write_tokenizer(folder):
    """Config of a tokenizer of 80 tokens."""
    tokenizer = folder / 'tokenizer.json'
    if not tokenizer.exists():
        train_bpe(CAPTIONS, vocab_size=80, path=tokenizer)
    return dict(type='mmpatchioner.CaptionTokenizer', file=str(tokenizer))


@reduces('PrefixDecoder')
def reduce_prefix_decoder(decoder, folder):
    decoder.update(
        prefix_dims=WIDTH, hidden_dims=WIDTH, num_layers=2, num_heads=2, vocab_size=80, max_positions=32
    )  # fmt: skip
    decoder.tokenizer = write_tokenizer(folder)
    decoder.init_cfg = None


@reduces('MemoryBridge')
def reduce_memory(bridge, folder):
    memory = folder / 'memory.safetensors'
    if not memory.exists():
        rows = torch.randn(4, WIDTH, generator=torch.Generator().manual_seed(0))
        save_memory(memory, rows, counts=torch.tensor([1, 2, 3, 4]))
    bridge.memory = str(memory)
